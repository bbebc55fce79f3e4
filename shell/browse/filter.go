package browse

import (
	"time"
	"unicode/utf8"

	"smtpctl/shell/render"
)

// stringGap is how long the input may pause within a control string. After a longer pause the
// string is taken as ended, so that a lone Alt-] cannot swallow all later keys.
const stringGap = 200 * time.Millisecond

// A filter removes from the typed bytes what tcell cannot handle: a byte that is not UTF-8
// makes tcell loop for ever, and after the start of a control string, which Alt-] sends, tcell
// ignores all later keys.
type filter struct {
	part    []byte // the beginning of a character whose other bytes have not come
	escape  bool   // the last character was an escape
	inside  bool   // a control string has begun and not ended
	last    time.Time
	cleaned []byte
}

// filter returns the bytes of p that tcell may get. The result is valid until the next call,
// and at most 3 bytes longer than p: it may begin with the start of a character that an
// earlier call held back.
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

// take takes in a character, whose n bytes are raw.
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
			f.cleaned = f.cleaned[:k-1] // without the escape
		}
	default:
		f.cleaned = append(f.cleaned, raw...)
	}
}
