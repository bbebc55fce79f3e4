package render

import (
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A SafeWriter passes text on to a terminal and escapes everything that could act on
// it: control characters except newline and tab, bytes that are not UTF-8, and
// invisible characters such as those that change the direction of writing. It must not
// be used from several goroutines at once.
type SafeWriter struct {
	w    io.Writer
	buf  []byte
	part []byte // the start of a character whose end has not been written yet
}

// NewSafeWriter returns a SafeWriter that writes to w.
func NewSafeWriter(w io.Writer) *SafeWriter { return &SafeWriter{w: w} }

// Write escapes p and writes it. A character that is split by the end of p waits for
// the next Write.
func (s *SafeWriter) Write(p []byte) (int, error) {
	n := len(p)
	if len(s.part) > 0 {
		p = append(s.part, p...)
		s.part = nil
	}
	s.buf = s.buf[:0]
	for len(p) > 0 {
		if p[0] >= utf8.RuneSelf && !utf8.FullRune(p) {
			s.part = append([]byte(nil), p...)
			break
		}
		r, size := utf8.DecodeRune(p)
		s.buf = appendSafe(s.buf, r, p[:size])
		p = p[size:]
	}
	if _, err := s.w.Write(s.buf); err != nil {
		return 0, err
	}
	return n, nil
}

// End writes the held bytes of a character that was never completed. The next Write
// begins anew.
func (s *SafeWriter) End() error {
	if len(s.part) == 0 {
		return nil
	}
	s.buf = s.buf[:0]
	for _, c := range s.part {
		s.buf = appendEscaped(s.buf, c)
	}
	s.part = nil
	_, err := s.w.Write(s.buf)
	return err
}

// Safe returns s escaped as by a SafeWriter, including newlines and tabs, so that it
// stays on one line.
func Safe(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !printable(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b []byte
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '\n' || r == '\t' {
			b = appendEscaped(b, s[i])
		} else {
			b = appendSafe(b, r, []byte(s[i:i+size]))
		}
		i += size
	}
	return string(b)
}

// printable reports whether r is visible in the locale and has no other effect.
func printable(r rune) bool {
	return r >= ' ' && r < 0x7f || r > 0xa0 && !ASCII() && unicode.IsPrint(r)
}

func appendSafe(b []byte, r rune, raw []byte) []byte {
	if r == '\n' || r == '\t' || printable(r) && !(r == utf8.RuneError && len(raw) == 1) {
		return append(b, raw...)
	}
	for _, c := range raw {
		b = appendEscaped(b, c)
	}
	return b
}

// appendEscaped appends one byte in visible form: \^X for a control character, \xHH for
// others.
func appendEscaped(b []byte, c byte) []byte {
	switch {
	case c < ' ':
		return append(b, '\\', '^', c+'@')
	case c == 0x7f:
		return append(b, '\\', '^', '?')
	}
	return append(b, '\\', 'x', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&0xf])
}

// Cut returns the part of s that fits into a number of columns. s must be safe text.
func Cut(s string, cols int) string { return runewidth.Truncate(s, cols, "") }

// Width returns how many columns of the screen safe text takes.
func Width(s string) int { return runewidth.StringWidth(s) }
