package browse

import (
	"time"
	"unicode/utf8"

	"smtpctl/shell/render"
)

// stringGap is how long a string of a terminal may pause before what follows counts as
// keys again.
const stringGap = 200 * time.Millisecond

// A filter takes out of what is typed what tcell cannot bear: a byte that is not UTF-8
// makes it loop for ever, and after the beginning of a string, as Alt-] sends it, it
// takes no key any more.
type filter struct {
	part    []byte // the beginning of a character
	escape  bool   // the last byte was an escape
	inside  bool   // a string has begun
	last    time.Time
	cleaned []byte
}

// filter returns what is left of some bytes, until it is called again. It is not longer
// than these bytes and the beginning of a character.
func (f *filter) filter(p []byte, now time.Time) []byte {
	if now.Sub(f.last) > stringGap {
		f.inside, f.part = false, nil
	}
	f.last = now
	f.cleaned = f.cleaned[:0]
	p = append(f.part, p...)
	f.part = nil
	for len(p) > 0 {
		if !utf8.FullRune(p) {
			f.part = append(f.part, p...)
			break
		}
		r, n := utf8.DecodeRune(p)
		f.take(r, n, p[:n])
		p = p[n:]
	}
	return f.cleaned
}

// take takes in a character of n bytes.
func (f *filter) take(r rune, n int, raw []byte) {
	escape := f.escape
	f.escape = r == 0x1b
	switch {
	case f.inside:
		if r == '\a' || escape {
			f.inside = false
		}
	case r == utf8.RuneError && n == 1, r >= utf8.RuneSelf && render.ASCII():
	case escape && (r == ']' || r == 'X' || r == '^' || r == '_' || r == 'P' || r == 'N'):
		f.inside = r != 'N'
		if k := len(f.cleaned); k > 0 {
			f.cleaned = f.cleaned[:k-1] // the escape
		}
	default:
		f.cleaned = append(f.cleaned, raw...)
	}
}
