package prompt

import "unicode/utf8"

// Keys as the terminal sends them.
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
	keyCtrlR     = "\x12"
	keyCtrlZ     = "\x1a"
	keyEscape    = "\x1b"
	keyHelp      = "?"
	keyWordLeft  = "\x1b[1;5D"
	keyWordRight = "\x1b[1;5C"
	pasteStart   = "\x1b[200~"
	pasteEnd     = "\x1b[201~"
)

// maxText is the most text that is handed on as one key.
const maxText = 4096

// A tokenizer cuts what a terminal sends into keys and runs of text, each of
// which go-prompt can take as one read.
type tokenizer struct {
	rest    []byte // the start of something whose end has not come yet
	pasting bool
	cr      bool // the last byte of a paste was a CR, whose LF does not count
}

// feed cuts b. What may be the start of a longer key waits for the next feed,
// or for flush.
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

// waiting reports whether the start of a key waits for its end.
func (t *tokenizer) waiting() bool { return len(t.rest) > 0 }

// flush takes what waits for what it is: an Escape key, or nothing.
func (t *tokenizer) flush() []string {
	rest := t.rest
	t.rest = nil
	if len(rest) == 1 && rest[0] == 0x1b && !t.pasting {
		return []string{keyEscape}
	}
	return nil
}

// next returns the first token of b and how many bytes it took, none if b ends
// in the middle of it. An empty token is one to pass over.
func (t *tokenizer) next(b []byte) (string, int) {
	cr := t.cr
	t.cr = false
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

// escape reads a token that starts with ESC.
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
	case 'b':
		return keyWordLeft, 2
	case 'f':
		return keyWordRight, 2
	}
	// Some other key with Alt held down.
	if _, size := utf8.DecodeRune(b[1:]); utf8.FullRune(b[1:]) {
		return "", 1 + size
	}
	return "", 0
}

// csi reads ESC [ parameters final.
func (t *tokenizer) csi(b []byte) (string, int) {
	for i := 2; i < len(b); i++ {
		c := b[i]
		if c == '[' && i == 2 {
			continue // a function key of the Linux console
		}
		if c < ' ' || c > '~' {
			return "", i // broken off
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
