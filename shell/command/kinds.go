package command

import (
	"errors"
	"fmt"
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
