package selector

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"

	"smtpctl/protocol"
)

// NullSender is the notation of the null sender, here and in mail.
const NullSender = "<>"

// Domain returns the form of a domain that terms compare: in lower case and without a
// trailing dot.
func Domain(domain string) string { return Fold(strings.TrimSuffix(domain, ".")) }

// domainForms returns the notations of a domain: the domain itself and, if it is
// internationalised, also its ASCII labels (xn--...) or its own script.
func domainForms(domain string) []string {
	domain = Domain(domain)
	forms := []string{domain}
	other := domain
	var err error
	if isASCII(domain) {
		if !strings.Contains(domain, "xn--") {
			return forms
		}
		other, err = idna.Punycode.ToUnicode(domain)
	} else {
		other, err = idna.Punycode.ToASCII(domain)
	}
	if err == nil && other != domain {
		forms = append(forms, Fold(other))
	}
	return forms
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// addressForms returns the notations of an address, in lower case. The null sender is
// @, as smtpd prints it.
func addressForms(a protocol.Address) []string {
	forms := domainForms(a.Domain)
	for i, d := range forms {
		forms[i] = Fold(a.User) + "@" + d
	}
	return forms
}

// addressText returns the text of an address for regular expressions.
func addressText(a protocol.Address) string {
	if a == (protocol.Address{}) {
		return NullSender
	}
	return a.String()
}

// trimDot removes a trailing dot from the pattern of a domain. An escaped dot stays.
func trimDot(pattern string) string {
	if short, ok := strings.CutSuffix(pattern, "."); ok && short != "" && !strings.HasSuffix(short, `\`) {
		return short
	}
	return pattern
}

// domainGlob returns the pattern for the value of domain=.
func domainGlob(value string) (string, error) { return trimDot(value), nil }

// addressGlob returns the pattern for the value of from= or to=: @DOMAIN stands for any
// user there, and <> for the null sender. A lone @ is refused, because in a script it
// is what remains of @$DOMAIN if the variable is empty.
func addressGlob(value string) (string, error) {
	switch {
	case value == NullSender:
		return "@", nil
	case value == "@":
		return "", errors.New(`"@": expected a domain after it, or <> for the null sender`)
	case strings.HasPrefix(value, "@"):
		return "*" + trimDot(value), nil
	}
	return trimDot(value), nil
}

// plainDomain returns a domain with ASCII labels and without a trailing dot, so that
// each domain has one form except for the case of letters.
func plainDomain(domain string) string {
	domain = strings.TrimSuffix(domain, ".")
	if !isASCII(domain) {
		if ascii, err := idna.Punycode.ToASCII(Fold(domain)); err == nil {
			return ascii
		}
	}
	return domain
}

// EscapeDomain returns the value of domain= that matches exactly one domain. Letters
// keep their case.
func EscapeDomain(domain string) string { return keepDot(EscapeGlob(plainDomain(domain))) }

// EscapeAddress returns the value of from= or to= that matches exactly one address.
// Letters keep their case.
func EscapeAddress(a protocol.Address) string {
	if a == (protocol.Address{}) {
		return NullSender
	}
	text := EscapeGlob(a.User + "@" + plainDomain(a.Domain))
	if strings.HasPrefix(text, "@") || text == NullSender {
		text = `\` + text
	}
	return keepDot(text)
}

// keepDot escapes a trailing dot that is part of the text.
func keepDot(text string) string {
	if short, ok := strings.CutSuffix(text, "."); ok {
		return short + `\.`
	}
	return text
}
