// Package selector says which envelopes are meant: terms such as
// domain=*.example or older=2d, of which all must hold.
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
}

// String returns the term as it was written.
func (t *Term) String() string { return t.Key + t.Op + t.Value }

// Match reports whether the term holds for an envelope at a time in seconds
// since 1970.
func (t *Term) Match(e *protocol.Envelope, now int64) bool {
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

// A Key is what a term can be about.
type Key struct {
	Name string
	Want string // what its value looks like
	Doc  string // what it is about
	// Values are all the values that it takes, split by commas, if not empty.
	Values []string
	Regex  bool // ~ and !~ may be used
	// Scheduler marks what only smtpd's scheduler knows: files on disk lack it.
	Scheduler bool
	// has, if set, returns the values with which a term of this key selects an
	// envelope by what it has there: patterns with wildcards escaped, not quoted for
	// a line. It returns none if the envelope has nothing there.
	has  func(e *protocol.Envelope) []string
	make func(value string, regex bool) (func(*protocol.Envelope, int64) bool, error)
}

// Keys are all keys, in the order in which they are explained.
var Keys = []Key{
	{Name: "from", Want: "GLOB", Doc: "sender; @DOMAIN for any user there, <> for the null sender", Regex: true,
		has:  func(e *protocol.Envelope) []string { return []string{EscapeAddress(e.Sender)} },
		make: addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Sender} }).make},
	{Name: "to", Want: "GLOB", Doc: "recipient, as it came or where it goes; @DOMAIN for any user there", Regex: true,
		has:  recipientValues,
		make: addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Rcpt, e.Dest} }).make},
	{Name: "domain", Want: "GLOB", Doc: "domain that it goes to", Regex: true,
		has:  domainValues,
		make: domainKey.make},
	{Name: "error", Want: "GLOB", Doc: "last error", Regex: true,
		has:  errorValues,
		make: plainKey(func(e *protocol.Envelope) string { return e.ErrorLine }).make},
	{Name: "state", Want: "STATE", Doc: "pending, inflight, held or suspended; or several, split by commas", Scheduler: true,
		Values: []string{"pending", "inflight", "held", "suspended"}, make: states},
	{Name: "type", Want: "TYPE", Doc: "mta, mda or bounce; or several, split by commas",
		Values: []string{"mta", "mda", "bounce"}, make: types},
	{Name: "older", Want: "TIME", Doc: "at least that long in the queue, such as 90s, 30m, 2h, 4d or 1w", make: older},
	{Name: "newer", Want: "TIME", Doc: "at most that long in the queue", make: newer},
	{Name: "tries", Want: "N", Doc: "attempts so far: 3, 3- for 3 or more, -2 for 2 or fewer, 2-5", make: tries},
	{Name: "next", Want: "TIME", Doc: "next attempt within that time; 1h- in an hour or later, 10m-1h", Scheduler: true, make: next},
	{Name: "src", Want: "ADDR", Doc: "address that it came from, a network such as 192.0.2.0/24, a GLOB, or local",
		has: sourceValues, make: source},
	{Name: "host", Want: "GLOB", Doc: "name of the host that it came from", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Hostname }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Hostname }).make},
	{Name: "helo", Want: "GLOB", Doc: "name that this host gave", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Helo }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Helo }).make},
	{Name: "user", Want: "GLOB", Doc: "local user, or who had authenticated", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Username }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Username }).make},
	{Name: "tag", Want: "GLOB", Doc: "tag of the listener that took it", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Tag }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Tag }).make},
}

// OnlyScheduler reports whether only smtpd's scheduler knows what a key is about.
func OnlyScheduler(key string) bool {
	return slices.ContainsFunc(Keys, func(k Key) bool { return k.Name == key && k.Scheduler })
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
	match, err := key.make(value, regex)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key.Name, err)
	}
	return &Term{Key: key.Name, Op: op, Value: value, match: match}, nil
}

// find returns the key that a name stands for.
func find(name string) (*Key, error) {
	var fits []*Key
	for i := range Keys {
		switch k := &Keys[i]; {
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
		for _, k := range Keys {
			names = append(names, k.Name)
		}
		return nil, fmt.Errorf("unknown term %q: want one of %s", name, strings.Join(names, ", "))
	}
	for _, k := range fits {
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("ambiguous term %q: %s", name, strings.Join(names, " or "))
}
