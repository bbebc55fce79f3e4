package command

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseText takes any text that can be sent to smtpd.
func ParseText(what string, most int) func(string) (any, error) {
	return func(word string) (any, error) {
		switch {
		case word == "":
			return nil, fmt.Errorf("want %s", what)
		case strings.IndexByte(word, 0) >= 0:
			return nil, errors.New("must not hold a NUL")
		case len(word) > most:
			return nil, fmt.Errorf("%d bytes are too long for %s, want at most %d", len(word), what, most)
		}
		return word, nil
	}
}

func ParseAny(word string) (any, error) { return word, nil }

// ParseNonEmpty takes any text but an empty one.
func ParseNonEmpty(what string) func(string) (any, error) {
	return func(word string) (any, error) {
		if word == "" {
			return nil, fmt.Errorf("want %s, not an empty word", what)
		}
		return word, nil
	}
}

// ByteOrderMark may begin a text; it is no part of it.
const ByteOrderMark = "\ufeff"

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
