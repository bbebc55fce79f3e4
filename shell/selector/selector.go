// Package selector says which envelopes are meant: terms such as
// domain=*.example or older=2d, of which all must hold.
package selector

import (
	"fmt"
	"strings"

	"smtpctl/protocol"
)

// A Term is one condition on an envelope.
type Term struct {
	Key   string
	Op    string // =, !=, ~ or !~
	Value string
	match func(e *protocol.Envelope, now int64) bool
	mail  mailMatcher // in place of match, where the envelope alone does not decide
}

// String returns the term as it was written.
func (t *Term) String() string { return t.Key + t.Op + t.Value }

// Match reports whether the term holds for an envelope at a time in seconds
// since 1970. One that needs more than the envelope holds for none: see MatchMail.
func (t *Term) Match(e *protocol.Envelope, now int64) bool {
	if t.mail != nil {
		return false
	}
	return t.match(e, now) != (t.Op[0] == '!')
}

// A Selector is terms that must all hold. Without any it selects everything.
type Selector []*Term

// Match reports whether all terms hold for an envelope.
func (s Selector) Match(e *protocol.Envelope, now int64) bool {
	for _, t := range s {
		if !t.Match(e, now) {
			return false
		}
	}
	return true
}

// String returns the terms as they were written.
func (s Selector) String() string {
	words := make([]string, len(s))
	for i, t := range s {
		words[i] = t.String()
	}
	return strings.Join(words, " ")
}

// Split cuts a word into key, operator and value. It is not ok if the word is no
// term at all.
func Split(word string) (key, op, value string, ok bool) {
	i := strings.IndexAny(word, "=~!")
	if i <= 0 {
		return "", "", "", false
	}
	for _, op := range []string{"!=", "!~", "=", "~"} {
		if value, found := strings.CutPrefix(word[i:], op); found {
			return word[:i], op, value, true
		}
	}
	return "", "", "", false
}

// Parse reads one term. The key may be shortened as long as it stays
// unambiguous.
func Parse(word string) (*Term, error) {
	name, op, value, ok := Split(word)
	if !ok {
		return nil, fmt.Errorf("want an id, or a term such as domain=example.com, older=2d or state=held")
	}
	key, err := find(name)
	if err != nil {
		return nil, err
	}
	regex := strings.HasSuffix(op, "~")
	switch {
	case value == "":
		return nil, fmt.Errorf("%s%s wants %s", key.Name, op, key.Want)
	case regex && !key.Regex:
		return nil, fmt.Errorf("%s takes = and !=, no regular expression", key.Name)
	}
	term := &Term{Key: key.Name, Op: op, Value: value}
	if key.mail != nil {
		term.mail, err = key.mail(value, regex)
	} else {
		term.match, err = key.make(value, regex)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key.Name, err)
	}
	return term, nil
}

// find returns the field that a name stands for.
func find(name string) (*Field, error) {
	if len(name) >= len(headerPrefix) && strings.EqualFold(name[:len(headerPrefix)], headerPrefix) {
		return headerField(name)
	}
	var fits []*Field
	for _, k := range Terms() {
		switch {
		case k.Name == name:
			return k, nil
		case strings.HasPrefix(k.Name, name):
			fits = append(fits, k)
		}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	var names []string
	if fits == nil {
		for _, k := range Terms() {
			names = append(names, k.Name)
		}
		return nil, fmt.Errorf("unknown term %q: want one of %s", name, strings.Join(names, ", "))
	}
	for _, k := range fits {
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("ambiguous term %q: %s", name, strings.Join(names, " or "))
}
