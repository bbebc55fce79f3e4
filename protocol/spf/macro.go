package spf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parts of the grammar of macros (RFC 7208, section 7.1).
const (
	macroLetters = "slodiphv" // those that a record may use
	textLetters  = "crt"      // those that only the text of an explanation may use
	delimiters   = ".-+,/_="
)

// errMacro means that the expansion of a domain depends on the mail.
var errMacro = errors.New("it depends on the mail (a macro), so it cannot be listed")

// errNotMacro means that a % begins none of the forms of the grammar.
var errNotMacro = errors.New("a % must begin a macro: expected %{letter}, %%, %_ or %-")

// A macroString is a parsed macro-string (RFC 7208).
type macroString struct {
	text    string // with what is known filled in
	depends bool   // something in it depends on the mail
	tail    string // what follows the last macro-expand, all if there is none
	macros  bool   // it has a macro-expand
}

// parseMacroString parses a macro-string in the record of a domain. The name of that
// domain is the only macro that does not depend on the mail. letters are the letters of
// the macros that are allowed.
func parseMacroString(domain, s, letters string) (macroString, error) {
	var m macroString
	var out strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c != '%' {
			if c < 0x21 || c > 0x7e {
				return m, fmt.Errorf("it holds %q, expected visible ASCII characters", firstRune(s[i:]))
			}
			out.WriteByte(c)
			i++
			continue
		}
		size, value, known, err := parseMacro(domain, s[i:], letters)
		if err != nil {
			return m, err
		}
		out.WriteString(value)
		m.depends = m.depends || !known
		m.macros = true
		i += size
		m.tail = s[i:]
	}
	if m.text = out.String(); !m.macros {
		m.tail = s
	}
	return m, nil
}

// firstRune returns the first character of s as it was written, so that an error shows
// the character and not its first byte.
func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// parseMacro parses the macro-expand at the beginning of s. known is false where its
// value depends on the mail.
func parseMacro(domain, s, letters string) (size int, value string, known bool, err error) {
	if len(s) < 2 {
		return 0, "", false, errNotMacro
	}
	switch s[1] {
	case '%':
		return 2, "%", true, nil
	case '_':
		return 2, " ", true, nil
	case '-':
		return 2, "%20", true, nil
	case '{':
	default:
		return 0, "", false, errNotMacro
	}
	body, _, closed := strings.Cut(s[2:], "}")
	if !closed {
		return 0, "", false, errors.New("a macro has no end: expected a } after %{")
	}
	size = len("%{}") + len(body)
	macro := s[:size]
	if body == "" || strings.IndexByte(letters, body[0]|0x20) < 0 || !isLetter(body[0]) {
		return 0, "", false, fmt.Errorf("macro %q: expected one of the letters %s", macro, letters)
	}
	letter, rest := body[0], body[1:]
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	rest = rest[len(digits):]
	reverse := rest != "" && rest[0]|0x20 == 'r'
	if reverse {
		rest = rest[1:]
	}
	if strings.Trim(rest, delimiters) != "" {
		return 0, "", false, fmt.Errorf("macro %q: expected digits, an r and delimiters after the letter", macro)
	}
	if digits != "" && strings.Trim(digits, "0") == "" {
		return 0, "", false, fmt.Errorf("macro %q: the number must not be zero", macro)
	}
	if letter|0x20 != 'd' {
		return size, "", false, nil
	}
	value = transform(domain, digits, reverse, rest)
	if letter == 'D' {
		value = escapeURL(value)
	}
	return size, value, true, nil
}

// transform applies the transformers and delimiters of a macro to a value (RFC 7208,
// section 7.3).
func transform(value, digits string, reverse bool, cut string) string {
	if cut == "" {
		cut = "."
	}
	parts := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(cut, r) })
	if reverse {
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	// A number that does not fit into an int selects all parts.
	if n, err := strconv.Atoi(digits); err == nil && n < len(parts) {
		parts = parts[len(parts)-n:]
	}
	return strings.Join(parts, ".")
}

// escapeURL escapes the characters that are not unreserved in a URL, as upper-case
// macros do.
func escapeURL(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if isLetter(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// parseDomain parses a domain-spec in the record of a domain. The error is errMacro if
// the domain depends on the mail.
func parseDomain(domain, text string) (string, error) {
	m, err := parseMacroString(domain, text, macroLetters)
	if err != nil {
		return "", err
	}
	if !m.macros || m.tail != "" {
		if err := checkEnd(m.tail); err != nil {
			return "", err
		}
	}
	if m.depends {
		return "", errMacro
	}
	name := normal(m.text)
	return name, checkLabels(name)
}

// checkEnd checks the end of a domain-spec that does not end in a macro: a dot, a
// top label, and perhaps a dot.
func checkEnd(tail string) error {
	tail = strings.TrimSuffix(tail, ".")
	i := strings.LastIndexByte(tail, '.')
	if i < 0 {
		return errors.New("invalid domain name: it has no dot")
	}
	return checkTop(tail[i+1:])
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
