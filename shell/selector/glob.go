package selector

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A glob is a pattern that must match a whole text. * stands for any text, also an
// empty one, and ? for one character. A backslash takes the special meaning from the
// next character, and \x with two hex digits stands for one byte. Letters match in
// either case. A byte that is not UTF-8 counts as one character.
type glob []globPart

// A globPart is one character of a pattern, or a wildcard.
type globPart struct {
	wildcard byte // '*', '?', or 0 for text
	text     string
}

// errBackslash is the error for a pattern that ends in a backslash.
var errBackslash = errors.New(`ends in a backslash: expected a character after it, or \\ for the backslash itself`)

// parseGlob reads a pattern.
func parseGlob(pattern string) (glob, error) {
	var g glob
	var text []byte
	flush := func() {
		if len(text) > 0 {
			g = append(g, globPart{text: Fold(string(text))})
			text = text[:0]
		}
	}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*', '?':
			flush()
			if n := len(g); c != '*' || n == 0 || g[n-1].wildcard != '*' {
				g = append(g, globPart{wildcard: c})
			}
		case '\\':
			if i++; i == len(pattern) {
				return nil, errBackslash
			}
			if pattern[i] == 'x' && i+2 < len(pattern) {
				if b, err := strconv.ParseUint(pattern[i+1:i+3], 16, 8); err == nil {
					text = append(text, byte(b))
					i += 2
					continue
				}
			}
			text = append(text, pattern[i])
		default:
			text = append(text, c)
		}
	}
	flush()
	return g, nil
}

// match reports whether the pattern matches the whole of a folded text.
func (g glob) match(s string) bool {
	star, from := -1, 0 // the part after the last *, and where that * has got to
	i, j := 0, 0
	for j < len(s) || i < len(g) {
		if i < len(g) {
			switch p := g[i]; {
			case p.wildcard == '*':
				i++
				if i == len(g) {
					return true
				}
				star, from = i, j
				continue
			case p.wildcard == '?' && j < len(s):
				_, n := utf8.DecodeRuneInString(s[j:])
				i, j = i+1, j+n
				continue
			case p.wildcard == 0 && strings.HasPrefix(s[j:], p.text):
				i, j = i+1, j+len(p.text)
				continue
			}
		}
		if star < 0 || from >= len(s) {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[from:])
		from += n
		i, j = star, from
	}
	return true
}

// Fold returns a text in lower case, so that texts that differ only in case become
// equal. Bytes that are not UTF-8 stay unchanged, while strings.ToLower makes them all
// alike.
func Fold(s string) string {
	if utf8.ValidString(s) {
		return strings.ToLower(s)
	}
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[0])
		} else {
			b = utf8.AppendRune(b, unicode.ToLower(r))
		}
		s = s[n:]
	}
	return string(b)
}

// Glob returns a function that reports whether a pattern matches the whole of a text;
// see the type glob. A pattern that ends in a single backslash matches nothing.
func Glob(pattern string) func(text string) bool {
	g, err := parseGlob(pattern)
	return func(text string) bool { return err == nil && g.match(Fold(text)) }
}

// EscapeGlob returns the pattern that matches exactly one text: wildcards and
// backslashes are escaped, and characters that are not visible on a terminal are
// written as \x and two hex digits.
func EscapeGlob(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case strings.ContainsRune(`*?\`, r):
			b.WriteByte('\\')
			b.WriteByte(text[i])
		case r == utf8.RuneError && n == 1 || !shows(r):
			for _, c := range []byte(text[i : i+n]) {
				b.WriteString(`\x`)
				b.WriteByte("0123456789abcdef"[c>>4])
				b.WriteByte("0123456789abcdef"[c&15])
			}
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// shows reports whether a character is visible as itself: it is not a control
// character, a blank other than the space, or a character that changes the direction of
// writing.
func shows(r rune) bool { return r == ' ' || r > ' ' && r != 0xa0 && unicode.IsPrint(r) }

// Regexp returns the regular expression that is equivalent to a pattern.
func Regexp(pattern string) string {
	g, err := parseGlob(pattern)
	if err != nil {
		return regexp.QuoteMeta(pattern)
	}
	var b strings.Builder
	for _, p := range g {
		switch p.wildcard {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(p.text))
		}
	}
	return b.String()
}
