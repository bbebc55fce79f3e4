package server

import (
	"errors"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
)

func traceWords() []grammar.Candidate   { return bitWords(protocol.TraceBits) }
func profileWords() []grammar.Candidate { return bitWords(protocol.ProfileBits) }

func parseTrace(word string) (any, error)   { return parseBit(word, protocol.TraceBits) }
func parseProfile(word string) (any, error) { return parseBit(word, protocol.ProfileBits) }

func bitWords(bits []protocol.Bit) []grammar.Candidate {
	var cs []grammar.Candidate
	for _, b := range bits {
		cs = append(cs, grammar.Candidate{Word: b.Name, Summary: b.Doc})
	}
	return cs
}

func parseBit(word string, bits []protocol.Bit) (any, error) {
	for _, b := range bits {
		if b.Name == word {
			return b.Mask, nil
		}
	}
	return nil, errors.New("expected the name of a subsystem")
}
