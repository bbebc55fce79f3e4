package selector

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"

	"smtpctl/protocol"
)

// NullSender is how the null sender is written, here and in mail.
const NullSender = "<>"

// Domain returns the form of a domain that terms compare: without the dot that may
// end it, with the letters in lower case.
func Domain(domain string) string { return Fold(strings.TrimSuffix(domain, ".")) }

// domainForms returns what a domain may be written as: itself, and an
// internationalised one as labels of ASCII (xn--...) or in its own script too.
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

// addressForms returns what an address may be written as, in lower case. The null
// sender is @, as smtpd prints it.
func addressForms(a protocol.Address) []string {
	forms := domainForms(a.Domain)
	for i, d := range forms {
		forms[i] = Fold(a.User) + "@" + d
	}
	return forms
}

// addressText is what a regular expression sees of an address.
func addressText(a protocol.Address) string {
	if a == (protocol.Address{}) {
		return NullSender
	}
	return a.String()
}

// trimDot takes the dot off that may end a domain in a pattern; one that is
// escaped stays.
func trimDot(pattern string) string {
	if short, ok := strings.CutSuffix(pattern, "."); ok && short != "" && !strings.HasSuffix(short, `\`) {
		return short
	}
	return pattern
}

// domainGlob makes a pattern of the value of domain=.
func domainGlob(value string) (string, error) { return trimDot(value), nil }

// addressGlob makes a pattern of the value of from= or to=: @DOMAIN stands for any
// user there, and <> for the null sender. An @ alone is refused: in a script it is
// what is left of @$DOMAIN if that is empty.
func addressGlob(value string) (string, error) {
	switch {
	case value == NullSender:
		return "@", nil
	case value == "@":
		return "", errors.New(`"@": want a domain after it, or <> for the null sender`)
	case strings.HasPrefix(value, "@"):
		return "*" + trimDot(value), nil
	}
	return trimDot(value), nil
}

// plainDomain returns a domain without the dot that may end it, and with labels of
// ASCII if it has others: each domain in one form, but for the case of letters.
func plainDomain(domain string) string {
	domain = strings.TrimSuffix(domain, ".")
	if !isASCII(domain) {
		if ascii, err := idna.Punycode.ToASCII(Fold(domain)); err == nil {
			return ascii
		}
	}
	return domain
}

// EscapeDomain returns the value of domain= that matches just one domain. Letters
// keep their case.
func EscapeDomain(domain string) string { return keepDot(EscapeGlob(plainDomain(domain))) }

// EscapeAddress returns the value of from= or to= that matches just one address.
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

// keepDot escapes a dot at the end, which is part of the text.
func keepDot(text string) string {
	if short, ok := strings.CutSuffix(text, "."); ok {
		return short + `\.`
	}
	return text
}
