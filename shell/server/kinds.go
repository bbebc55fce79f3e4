package server

import (
	"errors"
	"net/netip"
	"strconv"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
)

func ParseRoute(word string) (any, error) {
	v, err := strconv.ParseUint(word, 10, 63)
	if err != nil || v == 0 {
		return nil, errors.New("want the number of a route, as show routes lists it, or all")
	}
	return v, nil
}

func ParseAddr(word string) (any, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		return nil, errors.New("want an IPv4 or IPv6 address")
	}
	return a.Unmap(), nil
}

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
		return nil, errors.New("want the name of a subsystem")
	}
}
