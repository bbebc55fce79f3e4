// Package selector selects envelopes by terms such as domain=*.example or older=2d,
// which must all match.
package selector

import (
	"fmt"
	"slices"
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

// Match reports whether an envelope matches the term. now is in seconds since 1970. A
// term that needs more than the envelope matches none: see MatchMail.
func (t *Term) Match(e *protocol.Envelope, now int64) bool {
	if t.mail != nil {
		return false
	}
	return t.match(e, now) != (t.Op[0] == '!')
}

// A Selector is a list of terms that must all match. An empty one selects everything.
type Selector []*Term

// Match reports whether an envelope matches all terms.
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

// Split splits a word into key, operator and value. ok is false if the word is not a
// term.
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

// Parse parses one term. The key may be shortened as long as it stays unambiguous.
func Parse(word string) (*Term, error) {
	name, op, value, ok := Split(word)
	if !ok {
		return nil, fmt.Errorf("expected an id, or a term such as domain=example.com, older=2d or state=held")
	}
	key, err := find(name)
	if err != nil {
		return nil, err
	}
	regex := strings.HasSuffix(op, "~")
	switch {
	case value == "":
		return nil, fmt.Errorf("%s%s needs a value: %s", key.Name, op, key.Want)
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
		names := k.names()
		switch {
		case slices.Contains(names, name):
			return k, nil
		case slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name) }):
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
		return nil, fmt.Errorf("unknown term %q: expected one of %s", name, strings.Join(names, ", "))
	}
	for _, k := range fits {
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("ambiguous term %q: %s", name, strings.Join(names, " or "))
}
