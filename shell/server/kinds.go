package server

import (
	"errors"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
)

func bitWords(bits []protocol.Bit) []grammar.Candidate {
	var cs []grammar.Candidate
	for _, b := range bits {
		cs = append(cs, grammar.Candidate{Word: b.Name, Summary: b.Doc})
	}
	return cs
}

func parseBits(bits []protocol.Bit) func(string) (any, error) {
	return func(word string) (any, error) {
		for _, b := range bits {
			if b.Name == word {
				return b.Mask, nil
			}
		}
		return nil, errors.New("expected the name of a subsystem")
	}
}
