package selector

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A matcher reports whether an envelope matches a term. now is in seconds since 1970.
type matcher = func(e *protocol.Envelope, now int64) bool

// A textKey returns the texts of an envelope that a pattern or a regular expression is
// compared with.
type textKey struct {
	pattern func(value string) (string, error)  // makes a pattern of a value
	forms   func(e *protocol.Envelope) []string // what patterns see, folded: one must match
	texts   func(e *protocol.Envelope) []string // what regular expressions see
}

// plainKey is a textKey for one text with a single notation.
func plainKey(text func(e *protocol.Envelope) string) textKey {
	return textKey{
		pattern: func(value string) (string, error) { return value, nil },
		forms:   func(e *protocol.Envelope) []string { return []string{Fold(text(e))} },
		texts:   func(e *protocol.Envelope) []string { return []string{text(e)} },
	}
}

// addressKey is a textKey for addresses.
func addressKey(addresses func(e *protocol.Envelope) []protocol.Address) textKey {
	return textKey{
		pattern: addressGlob,
		forms: func(e *protocol.Envelope) []string {
			var forms []string
			for _, a := range addresses(e) {
				forms = append(forms, addressForms(a)...)
			}
			return forms
		},
		texts: func(e *protocol.Envelope) []string {
			var texts []string
			for _, a := range addresses(e) {
				texts = append(texts, addressText(a))
			}
			return texts
		},
	}
}

// domainKey is the textKey for the destination domain of an envelope.
var domainKey = textKey{
	pattern: domainGlob,
	forms:   func(e *protocol.Envelope) []string { return domainForms(e.Dest.Domain) },
	texts:   func(e *protocol.Envelope) []string { return []string{e.Dest.Domain} },
}

// make makes a matcher for a value.
func (k textKey) make(value string, regex bool) (matcher, error) {
	if regex {
		re, err := compile(value)
		if err != nil {
			return nil, err
		}
		return func(e *protocol.Envelope, _ int64) bool { return slices.ContainsFunc(k.texts(e), re.MatchString) }, nil
	}
	pattern, err := k.pattern(value)
	if err != nil {
		return nil, err
	}
	g, err := parseGlob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", value, err)
	}
	return func(e *protocol.Envelope, _ int64) bool { return slices.ContainsFunc(k.forms(e), g.match) }, nil
}

// oneOf parses values separated by commas, each of which must be one of names.
func oneOf(value string, names []string) ([]string, error) {
	words := strings.Split(value, ",")
	for _, w := range words {
		if !slices.Contains(names, w) {
			return nil, fmt.Errorf("%q: expected %s", w, strings.Join(names, ", "))
		}
	}
	return words, nil
}

// stateSuspended is the one state that an envelope can have beside another: while an
// attempt goes on that began before it was suspended, the listing shows inflight.
const stateSuspended = "suspended"

// stateNote explains the states.
const stateNote = "Each is what a listing shows as the state. held is on hold: it waits inside smtpd because a relay has as many envelopes as it may. " +
	"suspended is what pause envelope has stopped, also while its current attempt goes on, which a listing shows as inflight."

// stateTerms returns the terms that select what a listing shows in a state.
func stateTerms(state string) []string {
	if state == stateSuspended {
		return []string{"state=" + state, "state!=inflight"}
	}
	return []string{"state=" + state}
}

func states(value string, _ bool) (matcher, error) {
	words, err := oneOf(value, stateNames)
	if err != nil {
		return nil, err
	}
	return func(e *protocol.Envelope, _ int64) bool {
		for _, w := range words {
			if w == render.State(e.Flags) || w == stateSuspended && e.Flags&protocol.FlagSuspend != 0 {
				return true
			}
		}
		return false
	}, nil
}

func types(value string, _ bool) (matcher, error) {
	words, err := oneOf(value, typeNames)
	if err != nil {
		return nil, err
	}
	return func(e *protocol.Envelope, _ int64) bool { return slices.Contains(words, e.Type.String()) }, nil
}

func older(value string, _ bool) (matcher, error) {
	d, err := ParseTime(value)
	if err != nil {
		return nil, err
	}
	return func(e *protocol.Envelope, now int64) bool { return now-e.Created >= d }, nil
}

func newer(value string, _ bool) (matcher, error) {
	d, err := ParseTime(value)
	if err != nil {
		return nil, err
	}
	return func(e *protocol.Envelope, now int64) bool { return now-e.Created <= d }, nil
}

func attempts(value string, _ bool) (matcher, error) {
	lo, hi, err := ParseRange(value, parseCount)
	if err != nil {
		return nil, err
	}
	return func(e *protocol.Envelope, _ int64) bool { return lo <= int64(e.Retry) && int64(e.Retry) <= hi }, nil
}

func next(value string, _ bool) (matcher, error) {
	lo, hi, err := ParseRange(value, ParseTime)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(value, "-") {
		lo = math.MinInt64
	}
	return func(e *protocol.Envelope, now int64) bool {
		in := e.NextTry - now
		return e.Flags&protocol.FlagPending != 0 && lo <= in && in <= hi
	}, nil
}

func source(value string, _ bool) (matcher, error) {
	if strings.Contains(value, "/") {
		p, err := netip.ParsePrefix(value)
		if err != nil {
			return nil, fmt.Errorf("%q: expected a network such as 192.0.2.0/24", value)
		}
		return func(e *protocol.Envelope, _ int64) bool { return p.Contains(e.Source.Addr.Unmap()) }, nil
	}
	if a, err := netip.ParseAddr(value); err == nil {
		return func(e *protocol.Envelope, _ int64) bool {
			return e.Source.Addr.IsValid() && e.Source.Addr.Unmap() == a.Unmap()
		}, nil
	}
	g, err := parseGlob(value)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", value, err)
	}
	return func(e *protocol.Envelope, _ int64) bool {
		switch {
		case e.Source.Local:
			return g.match("local")
		case e.Source.Addr.IsValid():
			return g.match(e.Source.Addr.Unmap().String())
		}
		return g.match("") // it is not known
	}, nil
}

// The units of time, the longest first.
var units = []struct {
	name string
	secs int64
}{{"w", 7 * 86400}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}

// maxTime is the longest time that can be given, in seconds: a century.
const maxTime = 100 * 366 * 86400

// ParseTime parses a time such as 90s, 30m, 1h30m, 4d or 1w, and returns it in seconds.
// A number without a unit is in seconds.
func ParseTime(s string) (int64, error) {
	bad := fmt.Errorf("%q: expected a time such as 90s, 30m, 2h, 4d or 1w", s)
	if s == "" {
		return 0, bad
	}
	total := int64(0)
	for rest := s; rest != ""; {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 0 && rest == s {
			rest += "s"
			i = len(s)
		}
		if i <= 0 {
			return 0, bad
		}
		n, err := strconv.ParseInt(rest[:i], 10, 64)
		k := slices.IndexFunc(units, func(u struct {
			name string
			secs int64
		}) bool {
			return u.name == rest[i:i+1]
		})
		if err != nil || k < 0 || n > maxTime/units[k].secs {
			return 0, bad
		}
		if total += n * units[k].secs; total > maxTime {
			return 0, bad
		}
		rest = rest[i+1:]
	}
	return total, nil
}

// Duration is ParseTime for a time.Duration.
func Duration(s string) (time.Duration, error) {
	secs, err := ParseTime(s)
	return time.Duration(secs) * time.Second, err
}

// ParseCount reads a number that is not negative.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q: expected a number", s)
	}
	return n, nil
}

// ParseRange parses A, A- for A or more, -B for B or less, or A-B.
func ParseRange(s string, parse func(string) (int64, error)) (lo, hi int64, err error) {
	a, b, ranged := strings.Cut(s, "-")
	if !ranged {
		lo, err = parse(s)
		return lo, lo, err
	}
	if a == "" && b == "" {
		return 0, 0, errors.New(`"-": expected a number before it or after it`)
	}
	lo, hi = math.MinInt64, math.MaxInt64
	if a != "" {
		if lo, err = parse(a); err != nil {
			return 0, 0, err
		}
	}
	if b != "" {
		if hi, err = parse(b); err != nil {
			return 0, 0, err
		}
	}
	if lo > hi {
		return 0, 0, fmt.Errorf("%q: the first number is larger than the second", s)
	}
	return lo, hi, nil
}

// ParseCounts is ParseRange for numbers.
func ParseCounts(s string) (lo, hi int64, err error) { return ParseRange(s, parseCount) }
