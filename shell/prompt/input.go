package prompt

import (
	"strings"
	"unicode/utf8"
)

// Keys, as the bytes that terminals send for them.
const (
	keyEnter     = "\r"
	keyTab       = "\t"
	keyBackTab   = "\x1b[Z"
	keyUp        = "\x1b[A"
	keyDown      = "\x1b[B"
	keyRight     = "\x1b[C"
	keyLeft      = "\x1b[D"
	keyCtrlC     = "\x03"
	keyCtrlD     = "\x04"
	keyCtrlG     = "\x07"
	keyCtrlN     = "\x0e"
	keyCtrlP     = "\x10"
	keyCtrlR     = "\x12"
	keyCtrlX     = "\x18" // the first of two keys that belong together
	keyCtrlZ     = "\x1a"
	keyEscape    = "\x1b"
	keyHelp      = "?"
	keyWordLeft  = "\x1b[1;5D"
	keyWordRight = "\x1b[1;5C"
	pasteStart   = "\x1b[200~"
	pasteEnd     = "\x1b[201~"
)

// maxText is how many bytes of text are handed on as one key at most.
const maxText = 4096

// A tokenizer cuts the bytes that a terminal sends into tokens. A token is a key or a run of
// text, which go-prompt can take as the result of one read. Keys that have no meaning are
// dropped.
type tokenizer struct {
	rest    []byte // an incomplete key, whose end has not arrived
	pasting bool   // between the sequences that begin and end a bracketed paste
	cr      bool   // the last byte of a paste was CR: an LF after it is dropped
	ctrlX   bool   // the last key was Ctrl-X
}

// feed cuts b into tokens. An incomplete key at its end waits for the next call of feed, or
// for flush.
func (t *tokenizer) feed(b []byte) []string {
	b = append(t.rest, b...)
	t.rest = nil
	var out []string
	for len(b) > 0 {
		tok, n := t.next(b)
		if n == 0 {
			t.rest = append([]byte(nil), b...)
			break
		}
		if tok != "" {
			out = append(out, tok)
		}
		b = b[n:]
	}
	return out
}

// waiting reports whether an incomplete key waits for its end.
func (t *tokenizer) waiting() bool { return len(t.rest) > 0 }

// flush is called when the end of an incomplete key has not arrived in time. It returns the
// Escape key if only ESC arrived, and drops anything else.
func (t *tokenizer) flush() []string {
	rest := t.rest
	t.rest = nil
	if len(rest) == 1 && rest[0] == 0x1b && !t.pasting {
		return []string{keyEscape}
	}
	return nil
}

// next returns the first token of b and its length in bytes, which is 0 if b ends within the
// token. An empty token is dropped by the caller.
func (t *tokenizer) next(b []byte) (string, int) {
	cr, ctrlX := t.cr, t.ctrlX
	t.cr, t.ctrlX = false, false
	if _, both := actOf()[keyCtrlX+string(b[:1])]; ctrlX && both {
		return keyCtrlX + string(b[:1]), 1
	}
	switch c := b[0]; {
	case c == '\n' && cr:
		return "", 1
	case c == 0x1b:
		return t.escape(b)
	case c == '\r' || c == '\n':
		t.cr = c == '\r' && t.pasting
		return keyEnter, 1
	case t.pasting && c == '\t':
		return " ", 1
	case c < ' ' || c == 0x7f:
		if t.pasting {
			return "", 1
		}
		if t.ctrlX = string(b[:1]) == keyCtrlX; t.ctrlX {
			return "", 1
		}
		return string(b[:1]), 1
	case c == '?' && !t.pasting:
		return keyHelp, 1
	}
	n := 0
	for n < len(b) && n < maxText && b[n] >= ' ' && b[n] != 0x7f && (b[n] != '?' || t.pasting) {
		if b[n] < utf8.RuneSelf {
			n++
			continue
		}
		if !utf8.FullRune(b[n:]) {
			break
		}
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			if n == 0 {
				return "", 1
			}
			break
		}
		n += size
	}
	return string(b[:n]), n
}

// escape is next for a token that begins with ESC.
func (t *tokenizer) escape(b []byte) (string, int) {
	if len(b) == 1 {
		return "", 0
	}
	switch b[1] {
	case '[':
		return t.csi(b)
	case 'O':
		if len(b) < 3 {
			return "", 0
		}
		return known(b[:3]), 3
	case 0x1b:
		return keyEscape, 1
	}
	if alt := strings.ToLower(string(b[:2])); b[1] < utf8.RuneSelf && actOf()[alt] != "" && !t.pasting {
		return alt, 2
	}
	// An unknown key with Alt is dropped.
	if _, size := utf8.DecodeRune(b[1:]); utf8.FullRune(b[1:]) {
		return "", 1 + size
	}
	return "", 0
}

// csi is next for a control sequence: ESC [, parameters and a final byte.
func (t *tokenizer) csi(b []byte) (string, int) {
	for i := 2; i < len(b); i++ {
		c := b[i]
		if c == '[' && i == 2 {
			continue // a function key of the Linux console
		}
		if c < ' ' || c > '~' {
			return "", i // a broken sequence ends where such a byte comes
		}
		if c < '@' {
			if i > 32 {
				return "", i
			}
			continue
		}
		switch seq := string(b[:i+1]); seq {
		case pasteStart:
			t.pasting = true
		case pasteEnd:
			t.pasting = false
		case keyWake:
		default:
			return known(b[:i+1]), i + 1
		}
		return "", i + 1
	}
	return "", 0
}
