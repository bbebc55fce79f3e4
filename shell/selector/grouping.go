package selector

import (
	"fmt"
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Grouping says how a field groups envelopes. Names that differ only in case are one
// group, which has the name of its first envelope, so that the name occurs in the
// queue.
type Grouping struct {
	Doc string
	// Of returns the name of an envelope's group. now is in seconds since 1970.
	Of func(e *protocol.Envelope, now int64) string
	// Mail, if set, returns the name in place of Of, and the terms that select the
	// group.
	Mail func(m Mail, e *protocol.Envelope) (name string, terms []string, err error)
	// terms, if set, returns the terms that select the group of an envelope, in place of the
	// one term of the field: see Field.GroupTerms.
	terms func(e *protocol.Envelope) []string
	// Server marks the grouping by the machine of smtpd, which no envelope knows: Of is nil.
	Server bool
	// None is the name, in a table, of the group of envelopes whose field is empty.
	None string
	// key, if set, returns what the envelopes of a group have in common, in place of
	// their name.
	key func(e *protocol.Envelope) string
}

// Key returns what the envelopes of a group have in common, in lower case, given the
// name of the group for one of them. A domain may be written in its own script or in
// ASCII, and with a trailing dot: terms treat these as one domain, so they are one
// group.
func (g *Grouping) Key(e *protocol.Envelope, name string) string {
	if g.key == nil {
		return name
	}
	return g.key(e)
}

// The groupings of Fields.
var (
	bySender = Grouping{Doc: "sender", None: "<>",
		Of:  func(e *protocol.Envelope, _ int64) string { return render.FormatAddress(e.Sender) },
		key: func(e *protocol.Envelope) string { return EscapeAddress(e.Sender) }}
	byDomain = Grouping{Doc: "domain that it goes to",
		Of:  func(e *protocol.Envelope, _ int64) string { return e.Dest.Domain },
		key: func(e *protocol.Envelope) string { return EscapeDomain(e.Dest.Domain) }}
	byError = Grouping{Doc: "last error; like ones together", None: "(none yet)",
		Of: func(e *protocol.Envelope, _ int64) string { return ErrorPattern(e.ErrorLine) }}
	byState = Grouping{Doc: "state",
		Of:    func(e *protocol.Envelope, _ int64) string { return render.State(e.Flags) },
		terms: func(e *protocol.Envelope) []string { return stateTerms(render.State(e.Flags)) }}
	byAge = Grouping{Doc: "how long it is in the queue",
		Of: func(e *protocol.Envelope, now int64) string { return AgeBuckets[AgeBucket(now-e.Created)].Name }}
	bySource = byValue("address that it came from", "(not known)", func(e *protocol.Envelope) string {
		if e.Source.Local {
			return "local"
		}
		if e.Source.Addr.IsValid() {
			return e.Source.Addr.Unmap().String()
		}
		return ""
	})
	byHelo       = byValue("name that the host it came from gave", "(none)", func(e *protocol.Envelope) string { return e.Helo })
	byUser       = byValue("local user, or who had authenticated", "(none)", func(e *protocol.Envelope) string { return e.Username })
	byTag        = byValue("tag of the listener that took it", "(none)", func(e *protocol.Envelope) string { return e.Tag })
	byDispatcher = byValue("action of smtpd.conf that delivers it", "(none)", func(e *protocol.Envelope) string { return e.Dispatcher })

	byServer = Grouping{Doc: "machine whose smtpd has it, as --host names it", Server: true}
	byHost   = Grouping{Doc: "host that it came from", Of: func(e *protocol.Envelope, _ int64) string { return hostOf(e) }}
)

// byValue groups envelopes by a text.
func byValue(doc, none string, text func(e *protocol.Envelope) string) Grouping {
	return Grouping{Doc: doc, None: none, Of: func(e *protocol.Envelope, _ int64) string { return text(e) }}
}

// Set here because hostTerms refers to Fields, which refers to byHost.
func init() { byHost.terms = hostTerms }

// GroupTerms returns the terms that select the group of an envelope, with values that are not
// quoted for a line; nil if no term selects it. Where the grouping of the field says nothing
// else, the term of the field does, if it takes values that can be listed.
func (f *Field) GroupTerms(e *protocol.Envelope) []string {
	switch {
	case f.Group.terms != nil:
		return f.Group.terms(e)
	case f.has == nil:
		return nil
	}
	return keyTerms(f.Name, e)
}

// keyTerms returns the term that selects the envelopes whose field equals that of e, or
// is empty.
func keyTerms(key string, e *protocol.Envelope) []string {
	values := Values(key, e)
	if len(values) == 0 {
		return []string{key + "!=?*"}
	}
	return []string{key + "=" + values[0]}
}

// hostTerms returns the terms that select the envelopes from one client.
func hostTerms(e *protocol.Envelope) []string {
	switch {
	case e.Source.Local:
		return keyTerms("source", e)
	case e.Source.Addr.IsValid():
		return append(keyTerms("host", e), keyTerms("source", e)...)
	}
	return keyTerms("host", e)
}

// hostOf returns the name of the client that an envelope came from.
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

// AgeBuckets are the columns of show queue by domain age and the groups of by age, each
// up to a number of seconds.
var AgeBuckets = []struct {
	Name string
	Most int64
}{
	{"5m", 300}, {"10m", 600}, {"20m", 1200}, {"40m", 2400}, {"80m", 4800}, {"160m", 9600}, {"320m", 19200}, {"640m", 38400},
	{"1280m", 76800}, {"1280m+", 1 << 62},
}

// AgeBucket returns the index of the bucket for an age in seconds.
func AgeBucket(age int64) int {
	return slices.IndexFunc(AgeBuckets, func(b struct {
		Name string
		Most int64
	}) bool {
		return age <= b.Most
	})
}
