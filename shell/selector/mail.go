package selector

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"smtpctl/protocol"
)

// Mail returns properties of an envelope that are not part of it: those of its message
// file, and those that depend on smtpd.conf. Its methods read no more than necessary.
// An error means that it is unknown whether the message matches.
type Mail interface {
	// Header returns the values of a header field, unfolded and decoded.
	Header(e *protocol.Envelope, name string) ([]string, error)
	// Body returns the beginning of the body, not decoded.
	Body(e *protocol.Envelope) ([]byte, error)
	// Size returns the size of the message in bytes.
	Size(e *protocol.Envelope) (int64, error)
	// Expires returns when the envelope expires, in seconds since 1970, or 0 if that is
	// not known.
	Expires(e *protocol.Envelope) (int64, error)
}

// ErrCut comes from Header and Body, together with a result, if they did not read the
// whole of it. What is not in the result may be in the rest.
var ErrCut = errors.New("the message was not searched in full")

// A mailMatcher is a matcher that needs more than the envelope.
type mailMatcher = func(m Mail, e *protocol.Envelope, now int64) (bool, error)

// NeedsMail reports whether only MatchMail can decide the term.
func (t *Term) NeedsMail() bool { return t.mail != nil }

// MatchMail is Match for any term. With an error, neither a term nor its negation
// matches; the error is ErrCut if the rest of the message would have to be read.
func (t *Term) MatchMail(m Mail, e *protocol.Envelope, now int64) (bool, error) {
	if t.mail == nil {
		return t.Match(e, now), nil
	}
	yes, err := t.mail(m, e, now)
	if yes && errors.Is(err, ErrCut) {
		err = nil // it was found, whatever is in the rest
	}
	return err == nil && yes != (t.Op[0] == '!'), err
}

// Split returns the terms that the envelope alone decides, and the other terms.
func (s Selector) Split() (envelope, mail Selector) {
	for _, t := range s {
		if t.NeedsMail() {
			mail = append(mail, t)
		} else {
			envelope = append(envelope, t)
		}
	}
	return envelope, mail
}

// MatchMail reports whether an envelope matches all terms. Terms that read more of a
// message are tried last.
func (s Selector) MatchMail(m Mail, e *protocol.Envelope, now int64) (bool, error) {
	for _, t := range s {
		if yes, err := t.MatchMail(m, e, now); err != nil || !yes {
			return false, err
		}
	}
	return true, nil
}

// CheapFirst moves the terms that read more of a message to the end.
func (s Selector) CheapFirst() Selector {
	slices.SortStableFunc(s, func(a, b *Term) int { return a.cost() - b.cost() })
	return s
}

// cost orders terms by how much they read.
func (t *Term) cost() int {
	switch t.Key {
	case "expires":
		return 0
	case "size":
		return 2
	case "body":
		return 3
	}
	return 1
}

// headerKey makes terms for a header field.
func headerKey(name string) func(value string, regex bool) (mailMatcher, error) {
	return func(value string, regex bool) (mailMatcher, error) {
		match, err := textMatcher(value, regex)
		if err != nil {
			return nil, err
		}
		return func(m Mail, e *protocol.Envelope, _ int64) (bool, error) {
			values, err := m.Header(e, name)
			return slices.ContainsFunc(values, match), err
		}, nil
	}
}

// subjectKey makes terms for the first subject, by which messages are also grouped.
func subjectKey(value string, regex bool) (mailMatcher, error) {
	match, err := textMatcher(value, regex)
	if err != nil {
		return nil, err
	}
	return func(m Mail, e *protocol.Envelope, _ int64) (bool, error) {
		values, err := m.Header(e, "Subject")
		if len(values) == 0 {
			return false, err
		}
		if errors.Is(err, ErrCut) {
			err = nil // the first one is known
		}
		return match(values[0]), err
	}, nil
}

// textMatcher returns a matcher for a pattern or regular expression.
func textMatcher(value string, regex bool) (func(text string) bool, error) {
	if regex {
		re, err := compile(value)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	g, err := parseGlob(value)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", value, err)
	}
	return func(text string) bool { return g.match(Fold(text)) }, nil
}

// compile compiles a regular expression of the user.
func compile(value string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(value)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

// bodyKey makes terms for the body.
func bodyKey(value string, regex bool) (mailMatcher, error) {
	if !regex {
		return nil, errors.New("expected ~ and a regular expression: body takes no GLOB")
	}
	re, err := compile(value)
	if err != nil {
		return nil, err
	}
	return func(m Mail, e *protocol.Envelope, _ int64) (bool, error) {
		text, err := m.Body(e)
		if errors.Is(err, ErrCut) {
			// A match that ends where the text was cut might end elsewhere in the whole
			// text.
			at := re.FindIndex(text)
			return at != nil && at[1] < len(text), err
		}
		return re.Match(text), err
	}, nil
}

// sizeKey makes terms for the size.
func sizeKey(value string, _ bool) (mailMatcher, error) {
	lo, hi, err := ParseRange(value, ParseSize)
	if err != nil {
		return nil, err
	}
	return func(m Mail, e *protocol.Envelope, _ int64) (bool, error) {
		n, err := m.Size(e)
		return lo <= n && n <= hi, err
	}, nil
}

// sizeUnits are the units of sizes, each 1024 times the one before it.
const sizeUnits = "kmgt"

// ParseSize parses a number of bytes, with k, m, g or t for powers of 1024.
func ParseSize(s string) (int64, error) {
	digits, power := strings.ToLower(s), 0
	if n := len(digits); n > 1 {
		if i := strings.IndexByte(sizeUnits, digits[n-1]); i >= 0 {
			digits, power = digits[:n-1], i+1
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || digits[0] == '+' || n > math.MaxInt64>>(10*power) {
		return 0, fmt.Errorf("%q: expected a number of bytes such as 20000, 100k or 5m", s)
	}
	return n << (10 * power), nil
}

// FormatSize formats a number of bytes so that ParseSize can read it.
func FormatSize(n int64) string {
	unit := ""
	for _, u := range sizeUnits {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, string(u)
	}
	return strconv.FormatInt(n, 10) + unit
}

// expiresKey makes terms for the time at which an envelope expires.
func expiresKey(value string, _ bool) (mailMatcher, error) {
	lo, hi, err := ParseRange(value, ParseTime)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(value, "-") {
		lo = math.MinInt64
	}
	return func(m Mail, e *protocol.Envelope, now int64) (bool, error) {
		at, err := m.Expires(e)
		return at != 0 && lo <= at-now && at-now <= hi, err
	}, nil
}

// bareHeader returns the error for header without the name of a field.
func bareHeader(string, bool) (mailMatcher, error) {
	return nil, errors.New("expected the name of a header field after it, such as header:List-Id=*news*")
}

// headerPrefix begins the key of a term for a header field.
const headerPrefix = "header:"

// headerField returns the field of a key such as header:List-Id.
func headerField(key string) (*Field, error) {
	name := key[len(headerPrefix):]
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
		return nil, fmt.Errorf("unknown term %q: expected the name of a header field after header:, such as header:List-Id", key)
	}
	f := *Find(Fields(), "header")
	f.Name, f.mail = headerPrefix+name, headerKey(name)
	return &f, nil
}

// sizeClasses are the groups of by size, each up to a number of bytes.
var sizeClasses = []struct {
	name string
	most int64
}{{"up to 10k", 10 << 10}, {"10k to 100k", 100 << 10}, {"100k to 1m", 1 << 20}, {"1m to 10m", 10 << 20}, {"over 10m", math.MaxInt64}}

// bySize groups envelopes by the size of their message.
var bySize = Grouping{Doc: "size of the message",
	Mail: func(m Mail, e *protocol.Envelope) (string, []string, error) {
		n, err := m.Size(e)
		if err != nil {
			return "", nil, err
		}
		least := int64(0)
		for _, c := range sizeClasses {
			if n <= c.most {
				most := ""
				if c.most != math.MaxInt64 {
					most = FormatSize(c.most)
				}
				return c.name, []string{"size=" + FormatSize(least) + "-" + most}, nil
			}
			least = c.most + 1
		}
		return "", nil, nil
	}}

// bySubject groups envelopes by the subject of their message.
var bySubject = Grouping{Doc: "subject of the message", None: "(none)",
	Mail: func(m Mail, e *protocol.Envelope) (string, []string, error) {
		values, err := m.Header(e, "Subject")
		if len(values) == 0 || err != nil && !errors.Is(err, ErrCut) {
			return "", []string{"subject!=?*"}, err
		}
		if values[0] == "" {
			return "", []string{"subject!=?*"}, nil
		}
		if begin, long := longSubject(values[0]); long {
			return begin, []string{"subject=" + EscapeGlob(begin) + "*"}, nil
		}
		return values[0], []string{"subject=" + EscapeGlob(values[0])}, nil
	}}

// maxSubject is how many characters of a subject distinguish groups.
const maxSubject = 300

// longSubject returns the folded beginning of a long subject. Long subjects with the
// same beginning are one group, so that the names of groups are limited in length.
func longSubject(text string) (begin string, long bool) {
	folded, n := Fold(text), 0
	for i := range folded {
		if n++; n > maxSubject {
			return folded[:i], true
		}
	}
	return folded, n == maxSubject
}
