package queue

import (
	"fmt"
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// A grouping is what show queue by can tell envelopes apart by. Names that differ
// by the case of letters only are one group, which has the name of its first
// envelope, so that the name is one that is in the queue.
type grouping struct {
	Name string
	Doc  string
	of   func(e *protocol.Envelope, now int64) string
	// terms returns the terms that select the group of an envelope, as values of
	// a line that are not quoted; nil where there are none.
	terms func(e *protocol.Envelope) []string
}

// Groupings are all of them, in the order of their names.
var Groupings = []*grouping{
	{"age", "how long it is in the queue", func(e *protocol.Envelope, now int64) string { return ageBuckets[ageBucket(now-e.Created)].name },
		func(*protocol.Envelope) []string { return nil }},
	{"domain", "domain that it goes to", func(e *protocol.Envelope, _ int64) string { return e.Dest.Domain },
		func(e *protocol.Envelope) []string { return keyTerms("domain", e) }},
	{"error", "last error; like ones together", func(e *protocol.Envelope, _ int64) string { return selector.ErrorPattern(e.ErrorLine) },
		func(e *protocol.Envelope) []string { return keyTerms("error", e) }},
	{"host", "host that it came from", func(e *protocol.Envelope, _ int64) string { return hostOf(e) }, hostTerms},
	{"sender", "sender", func(e *protocol.Envelope, _ int64) string { return render.AddressText(e.Sender) },
		func(e *protocol.Envelope) []string { return keyTerms("from", e) }},
	{"state", "state", func(e *protocol.Envelope, _ int64) string { return render.State(e.Flags) },
		func(e *protocol.Envelope) []string { return []string{"state=" + render.State(e.Flags)} }},
}

// key returns what the envelopes of a group have in common but for the case of
// letters, given the name that one of them gives it. A domain may be written in its
// own script or in ASCII, and with a dot at its end: that is one domain to the terms
// that select the group, and so it is one group.
func (g *grouping) key(e *protocol.Envelope, name string) string {
	switch g.Name {
	case "domain":
		return selector.EscapeDomain(e.Dest.Domain)
	case "sender":
		return selector.EscapeAddress(e.Sender)
	}
	return name
}

// keyTerms returns the term that selects envelopes with what this one has for a key,
// or with nothing there.
func keyTerms(key string, e *protocol.Envelope) []string {
	values := selector.Values(key, e)
	if len(values) == 0 {
		return []string{key + "!=?*"}
	}
	return []string{key + "=" + values[0]}
}

// hostTerms returns the terms that select the envelopes that came from a host.
func hostTerms(e *protocol.Envelope) []string {
	switch {
	case e.Source.Local:
		return keyTerms("src", e)
	case e.Source.Addr.IsValid():
		return append(keyTerms("host", e), keyTerms("src", e)...)
	}
	return keyTerms("host", e)
}

// hostOf names the host that an envelope came from.
func hostOf(e *protocol.Envelope) string {
	switch {
	case e.Source.Local:
		return "local"
	case e.Hostname != "" && e.Source.Addr.IsValid():
		return fmt.Sprintf("%s [%v]", e.Hostname, e.Source.Addr)
	case e.Source.Addr.IsValid():
		return e.Source.Addr.String()
	}
	return e.Hostname
}

// ageBuckets are the columns of show queue by domain age, and the groups of by
// age: up to so many seconds.
var ageBuckets = []struct {
	name string
	most int64
}{
	{"5m", 300}, {"10m", 600}, {"20m", 1200}, {"40m", 2400}, {"80m", 4800}, {"160m", 9600}, {"320m", 19200}, {"640m", 38400},
	{"1280m", 76800}, {"1280m+", 1 << 62},
}

// ageBucket returns the index of the bucket for an age in seconds.
func ageBucket(age int64) int {
	return slices.IndexFunc(ageBuckets, func(b struct {
		name string
		most int64
	}) bool {
		return age <= b.most
	})
}
