package shell

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
)

// minIDDigits is the shortest beginning of an id that is looked up.
const minIDDigits = 4

// An idArg is what the user typed for an id: a whole message or envelope id, or
// the beginning of one.
type idArg struct {
	text string // hex digits, lower case
	msg  protocol.MsgID
	evp  protocol.EvpID
}

// whole reports whether the id can be used as it is.
func (a idArg) whole() bool { return a.msg != 0 || a.evp != 0 }

// bounds returns the lowest and highest envelope id that begins with the text.
func (a idArg) bounds() (lo, hi protocol.EvpID) {
	v, _ := strconv.ParseUint(a.text, 16, 64)
	shift := 4 * (16 - len(a.text))
	return protocol.EvpID(v << shift), protocol.EvpID(v<<shift | (1<<shift - 1))
}

// parseID reads 4 to 16 hex digits.
func parseID(word string) (any, error) {
	a := idArg{text: strings.ToLower(word)}
	if !protocol.IsHex(word) || len(word) < minIDDigits || len(word) > 16 {
		return nil, fmt.Errorf("want 8 hex digits for a message or 16 for an envelope")
	}
	var err error
	switch len(word) {
	case 8:
		a.msg, err = protocol.ParseMsgID(a.text)
	case 16:
		a.evp, err = protocol.ParseEvpID(a.text)
	default:
		if head := a.text[:min(8, len(a.text))]; len(a.text) > 8 && strings.Trim(head, "0") == "" {
			err = errors.New("the first 8 digits are all zero, so no message has it")
		}
	}
	if err != nil {
		return nil, trimID(err)
	}
	return a, nil
}

// trimID leaves out of an error the id that the caller names anyway.
func trimID(err error) error {
	if _, rest, ok := strings.Cut(err.Error(), `": `); ok {
		return errors.New(rest)
	}
	return err
}

func parseRoute(word string) (any, error) {
	v, err := strconv.ParseUint(word, 10, 63)
	if err != nil || v == 0 {
		return nil, errors.New("want the number of a route, as show routes lists it, or all")
	}
	return v, nil
}

func parseAddr(word string) (any, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		return nil, errors.New("want an IPv4 or IPv6 address")
	}
	return a.Unmap(), nil
}

// parseNonEmpty takes any text but an empty one.
func parseNonEmpty(what string) func(string) (any, error) {
	return func(word string) (any, error) {
		if word == "" {
			return nil, fmt.Errorf("want %s, not an empty word", what)
		}
		return word, nil
	}
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
