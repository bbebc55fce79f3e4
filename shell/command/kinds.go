package command

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseText returns a parser for any text of at most most bytes that can be sent to
// smtpd.
func ParseText(what string, most int) func(string) (any, error) {
	return func(word string) (any, error) {
		switch {
		case word == "":
			return nil, fmt.Errorf("expected %s", what)
		case strings.IndexByte(word, 0) >= 0:
			return nil, errors.New("must not contain a NUL")
		case len(word) > most:
			return nil, fmt.Errorf("%d bytes are too long for %s, expected at most %d", len(word), what, most)
		}
		return word, nil
	}
}

func ParseAny(word string) (any, error) { return word, nil }

// ParseNonEmpty returns a parser for any text that is not empty.
func ParseNonEmpty(what string) func(string) (any, error) {
	return func(word string) (any, error) {
		if word == "" {
			return nil, fmt.Errorf("expected %s, not an empty word", what)
		}
		return word, nil
	}
}

// ByteOrderMark may stand at the beginning of a text and is not part of it.
const ByteOrderMark = "\ufeff"

// ParseRoute reads the number of a route, which may carry the name of its machine.
func ParseRoute(word string) (any, error) { return ParseID(word, ParseBareRoute) }

// ParseBareRoute reads the number of a route.
func ParseBareRoute(word string) (any, error) {
	v, err := strconv.ParseUint(word, 10, 63)
	if err != nil || v == 0 {
		return nil, errors.New("expected the number of a route, as show routes lists it, or all")
	}
	return v, nil
}

func ParseAddr(word string) (any, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		return nil, errors.New("expected an IPv4 or IPv6 address")
	}
	return a.Unmap(), nil
}
