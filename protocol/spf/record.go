package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// A term is one mechanism of a record (RFC 7208, section 4.6.1).
type term struct {
	text   string // as it stands in the record
	pass   bool   // its qualifier is + or ?
	name   string // in lower case: all, a, mx, ip4, ip6, include, exists or ptr
	target string // domain that it names, else that of the record
	bits4  int    // of a and mx
	bits6  int
	prefix netip.Prefix // of ip4 and ip6
}

// A record is a parsed SPF record.
type record struct {
	terms    []term
	redirect string // domain of the redirect modifier
	all      bool   // it has an all
	void     bool   // it breaks the grammar: to mail servers that is a permerror
}

// isRecord reports whether a TXT record is an SPF record: it begins with the version,
// in ASCII letters of either case, followed by a space or its end (RFC 7208, section
// 4.5).
func isRecord(text string) bool {
	version, _, _ := strings.Cut(text, " ")
	return lower(version) == "v=spf1"
}

// lower returns s with its ASCII letters in lower case. The grammar knows no other
// letters, while strings.ToLower turns the Kelvin sign into a k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r |= 0x20
		}
		return r
	}, s)
}

// parseRecord parses the SPF record of a domain. Terms with errors are left out of rec,
// and each comes as an error in wrong. A mail server, in contrast, treats all of such a
// record as void.
func parseRecord(domain, text string) (rec record, wrong []error) {
	seen := map[string]bool{}
	// Only a space separates terms (RFC 7208, section 4.6.1).
	for i, word := range strings.Split(text, " ") {
		if i == 0 || word == "" {
			continue
		}
		name, value, ok := strings.Cut(word, "=")
		if ok && isModifier(name) {
			name = lower(name)
			if (name == "redirect" || name == "exp") && seen[name] {
				wrong = append(wrong, fmt.Errorf("%s has more than one %s=", domain, name))
				rec.void = true
				continue
			}
			seen[name] = true
			if err := rec.modifier(domain, name, value); err != nil {
				rec.void = rec.void || breaksGrammar(err)
				wrong = append(wrong, fmt.Errorf("%q: %w", word, err))
			}
			continue
		}
		t, err := parseTerm(domain, word)
		if err != nil {
			rec.void = rec.void || breaksGrammar(err)
			wrong = append(wrong, fmt.Errorf("%q: %w", word, err))
		}
		// A badly written all is still meant to be one.
		rec.all = rec.all || t.name == "all"
		if err == nil {
			rec.terms = append(rec.terms, t)
		}
	}
	return rec, wrong
}

// modifier parses the value of a modifier. An explanation that depends on the mail is
// accepted, because an explanation lets nobody send.
func (rec *record) modifier(domain, name, value string) (err error) {
	switch name {
	case "redirect":
		rec.redirect, err = parseDomain(domain, value)
	case "exp":
		if _, err = parseDomain(domain, value); errors.Is(err, errMacro) {
			err = nil
		}
	default:
		_, err = parseMacroString(domain, value, macroLetters+textLetters)
	}
	return err
}

// isModifier reports whether the text before a = is the name of a modifier.
func isModifier(name string) bool {
	for i, c := range []byte(name) {
		if !isLetter(c) && (i == 0 || !isDigit(c) && strings.IndexByte("-_.", c) < 0) {
			return false
		}
	}
	return name != ""
}

// parseTerm parses one mechanism. With an error, the name of the mechanism may be set.
func parseTerm(domain, text string) (term, error) {
	t := term{text: text, pass: true}
	rest := text
	switch rest[0] {
	case '-', '~':
		t.pass, rest = false, rest[1:]
	case '+', '?':
		rest = rest[1:]
	}
	name, arg := rest, ""
	if i := strings.IndexAny(rest, ":/"); i >= 0 {
		name, arg = rest[:i], rest[i:]
	}
	t.name = lower(name)
	value, colon := strings.CutPrefix(arg, ":")
	if colon && value == "" {
		return t, errors.New("expected a value after the colon")
	}
	var err error
	switch t.name {
	case "all":
		if arg != "" {
			err = errors.New("all takes no value")
		}
	case "ip4", "ip6":
		t.prefix, err = parseNetwork(t.name, value)
	case "a", "mx":
		err = t.parseHosts(domain, arg)
	case "include", "exists", "ptr":
		switch {
		case colon:
			t.target, err = parseDomain(domain, value)
		case arg != "" || t.name != "ptr":
			err = errors.New("expected a colon and a domain after it")
		}
	default:
		err = errors.New("unknown SPF mechanism")
	}
	return t, err
}

// parseNetwork parses an address or network of one family, and clears its host bits.
func parseNetwork(name, text string) (netip.Prefix, error) {
	addr, bits, ok := strings.Cut(text, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is4() != (name == "ip4") || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("not an IPv%s address or network", name[2:])
	}
	n := a.BitLen()
	if ok {
		if n, err = prefixLen(bits, n); err != nil {
			return netip.Prefix{}, err
		}
	}
	return a.Prefix(n)
}

// prefixLens finds the [/bits][//bits] at the end of an a or mx. An earlier slash is
// part of the domain.
var prefixLens = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.*?)(/[0-9/]*)?$`) })

// parseHosts reads the [:domain][/bits][//bits] of a and mx.
func (t *term) parseHosts(domain, arg string) (err error) {
	t.target, t.bits4, t.bits6 = domain, 32, 128
	m := prefixLens().FindStringSubmatch(arg)
	if m == nil {
		return errors.New("invalid domain name: it contains a newline")
	}
	if target, colon := strings.CutPrefix(m[1], ":"); colon {
		if t.target, err = parseDomain(domain, target); err != nil {
			return err
		}
	} else if m[1] != "" {
		return fmt.Errorf("prefix length %q, expected 0 to 32", m[1][1:])
	}
	if m[2] == "" {
		return nil
	}
	four, six, dual := strings.Cut(m[2], "//")
	if four != "" || !dual {
		if t.bits4, err = prefixLen(strings.TrimPrefix(four, "/"), 32); err != nil {
			return err
		}
	}
	if dual {
		t.bits6, err = prefixLen(six, 128)
	}
	return err
}

func prefixLen(s string, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) > most || len(s) > 1 && s[0] == '0' || s[0] == '+' {
		return 0, fmt.Errorf("prefix length %q, expected 0 to %d", s, most)
	}
	return int(n), nil
}

// normal returns a domain in lower case without its last dot.
func normal(domain string) string { return lower(strings.TrimSuffix(domain, ".")) }

// checkName refuses a name, of a host or given by the user, that cannot be the name of
// a domain or host.
func checkName(name string) error {
	if err := checkLabels(name); err != nil {
		return err
	}
	for _, c := range []byte(name) {
		if strings.IndexByte(`"\/:=,;()<>@%`, c) >= 0 {
			return fmt.Errorf("invalid domain name: it contains %q", c)
		}
	}
	return checkTop(name[strings.LastIndexByte(name, '.')+1:])
}

// A nameError is a name that cannot be looked up. Such a name is not an error of
// syntax: for mail servers the mechanism matches nothing (RFC 7208, section 4.8).
type nameError string

func (e nameError) Error() string { return string(e) }

// checkLabels refuses a name that cannot be looked up. The domains in records may
// contain any visible character (RFC 7208, section 7.1).
func checkLabels(name string) error {
	if len(name) > 253 {
		return nameError("the domain is longer than 253 bytes")
	}
	for p := range strings.SplitSeq(name, ".") {
		if p == "" || len(p) > 63 {
			return nameError("no domain: each part has 1 to 63 bytes")
		}
		for i, c := range []byte(p) {
			if c <= ' ' || c >= 0x7f {
				return nameError(fmt.Sprintf("invalid domain name: it contains %q", firstRune(p[i:])))
			}
		}
	}
	return nil
}

// breaksGrammar reports whether an error in a record makes the whole record void.
func breaksGrammar(err error) bool {
	var name nameError
	return !errors.Is(err, errMacro) && !errors.As(err, &name)
}

// checkTop checks the last label of a domain: it consists of letters, digits and inner
// hyphens, and not of digits alone.
func checkTop(top string) error {
	good := top != "" && strings.Trim(top, "0123456789") != "" && top[0] != '-' && top[len(top)-1] != '-'
	for _, c := range []byte(top) {
		good = good && (isLetter(c) || isDigit(c) || c == '-')
	}
	if !good {
		return fmt.Errorf("invalid domain name: it ends in %q", top)
	}
	return nil
}
