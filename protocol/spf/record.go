package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
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
}

// isRecord reports whether a TXT record is an SPF record.
func isRecord(text string) bool {
	version, _, _ := strings.Cut(text, " ")
	return strings.EqualFold(version, "v=spf1")
}

// parseRecord reads the SPF record of a domain. What is wrong in it is left out
// and comes as an error: to a mail server all of such a record is void.
func parseRecord(domain, text string) (rec record, wrong []error) {
	seen := map[string]bool{}
	for _, word := range strings.Fields(text)[1:] {
		name, value, ok := strings.Cut(word, "=")
		if ok && isModifier(name) {
			name = strings.ToLower(name)
			if (name == "redirect" || name == "exp") && seen[name] {
				wrong = append(wrong, fmt.Errorf("%s has more than one %s=", domain, name))
				continue
			}
			seen[name] = true
			if name == "redirect" {
				var err error
				if rec.redirect, err = parseDomain(domain, value); err != nil {
					wrong = append(wrong, fmt.Errorf("%q: %w", word, err))
				}
			}
			continue
		}
		t, err := parseTerm(domain, word)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%q: %w", word, err))
		}
		// An all that is written badly is still meant to be one.
		rec.all = rec.all || t.name == "all"
		if err == nil {
			rec.terms = append(rec.terms, t)
		}
	}
	return rec, wrong
}

// isModifier reports whether what stands before an = is the name of a modifier.
func isModifier(name string) bool {
	for i, c := range name {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && !strings.ContainsRune("-_.", c)) {
			return false
		}
	}
	return name != ""
}

// parseTerm reads one mechanism. The error may come with the name of the
// mechanism.
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
	t.name = strings.ToLower(name)
	value, colon := strings.CutPrefix(arg, ":")
	if colon && value == "" {
		return t, errors.New("nothing after the colon")
	}
	var err error
	switch t.name {
	case "all":
		if arg != "" {
			err = errors.New("all takes nothing")
		}
	case "ip4", "ip6":
		t.prefix, err = parseNetwork(t.name, value)
	case "a", "mx":
		err = t.parseHosts(domain, arg)
	case "include", "exists":
		if value == "" {
			err = errors.New("want a domain after it")
		} else {
			t.target, err = parseDomain(domain, value)
		}
	case "ptr":
		if value != "" {
			t.target, err = parseDomain(domain, value)
		}
	default:
		err = errors.New("no mechanism of SPF")
	}
	return t, err
}

// parseNetwork reads an address or network of one family, and clears its host
// bits.
func parseNetwork(name, text string) (netip.Prefix, error) {
	addr, bits, ok := strings.Cut(text, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is4() != (name == "ip4") || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("no IPv%s address or network", name[2:])
	}
	n := a.BitLen()
	if ok {
		if n, err = prefixLen(bits, n); err != nil {
			return netip.Prefix{}, err
		}
	}
	return a.Prefix(n)
}

// parseHosts reads the [:domain][/bits][//bits] of a and mx.
func (t *term) parseHosts(domain, arg string) (err error) {
	t.target, t.bits4, t.bits6 = domain, 32, 128
	target, bits, _ := strings.Cut(strings.TrimPrefix(arg, ":"), "/")
	if target != "" {
		if t.target, err = parseDomain(domain, target); err != nil {
			return err
		}
	}
	if !strings.Contains(arg, "/") {
		return nil
	}
	four, six, dual := strings.Cut("/"+bits, "//")
	if four = strings.TrimPrefix(four, "/"); four != "" || !dual {
		if t.bits4, err = prefixLen(four, 32); err != nil {
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
		return 0, fmt.Errorf("prefix length %q, want 0 to %d", s, most)
	}
	return int(n), nil
}

// errMacro means that a domain depends on the mail.
var errMacro = errors.New("it depends on the mail (a macro), so no list can be made of it")

// parseDomain reads a domain in the record of another, which it may name as
// %{d}. Other macros depend on the mail.
func parseDomain(domain, text string) (string, error) {
	text = strings.NewReplacer("%{d}", domain, "%{D}", domain).Replace(text)
	if strings.Contains(text, "%") {
		return "", errMacro
	}
	name := normal(text)
	if err := checkName(name, 2); err != nil {
		return "", err
	}
	return name, nil
}

// normal returns a domain in lower case without its last dot.
func normal(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }

// checkName refuses what cannot be looked up, and what has fewer labels.
func checkName(name string, labels int) error {
	if len(name) > 253 {
		return errors.New("the domain is longer than 253 bytes")
	}
	parts := strings.Split(name, ".")
	for _, p := range parts {
		if p == "" || len(p) > 63 {
			return errors.New("no domain: each part has 1 to 63 bytes")
		}
		for _, c := range []byte(p) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte(`"\/:=,;()<>@%`, c) >= 0 {
				return fmt.Errorf("no domain: it holds %q", c)
			}
		}
	}
	top := parts[len(parts)-1]
	if strings.Trim(top, "0123456789") == "" || top[0] == '-' || top[len(top)-1] == '-' {
		return fmt.Errorf("no domain: it ends in %q", top)
	}
	if len(parts) < labels {
		return errors.New("no domain: it has no dot")
	}
	return nil
}
