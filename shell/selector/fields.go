package selector

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Field is a property of an envelope with a name. Terms, orders, groupings,
// completion and the manual derive from its entry in Fields.
type Field struct {
	Name string
	Also []string // other names that are understood: former ones, and those in JSON
	Doc  string   // what it is about
	Note string   // what else is to know of its term, in whole sentences

	// Want names the kind of value that a term takes. A field without it has no term.
	Want string
	// Values, if not empty, are all values that the term takes; several are separated
	// by commas.
	Values []string
	Some   []string // values to offer where there are too many
	Regex  bool     // ~ and !~ may be used
	// Scheduler marks a field that only smtpd's scheduler knows and files on disk lack.
	Scheduler bool
	// has, if set, returns the values with which a term of this field selects the
	// envelope: patterns with wildcards escaped, not quoted for a line. It returns none
	// if the field of the envelope is empty.
	has  func(e *protocol.Envelope) []string
	make func(value string, regex bool) (func(*protocol.Envelope, int64) bool, error)
	// mail makes a term in place of make, where the envelope alone does not decide.
	mail func(value string, regex bool) (mailMatcher, error)
	// Named marks a field whose key is followed by a colon and a name.
	Named bool

	// One of Text, Number and Measure, if set, returns the value by which sort= orders
	// envelopes. Measure is for values that are not part of the envelope.
	Text   func(e *protocol.Envelope) string
	Number func(e *protocol.Envelope) int64
	// Measure, if set, returns the value by which sort= orders envelopes, where it is
	// not part of the envelope.
	Measure func(m Mail, e *protocol.Envelope) (int64, error)
	// Group, if set, is the grouping of the field for show queue by.
	Group *Grouping

	Column string  // its head in the table of a listing
	JSON   string  // its name in JSON
	Shown  *Column // how it is shown there; nil if no column is
	// fill puts it into the JSON of an envelope, and plain appends it to the line that
	// smtpctl's show queue prints; nil if it is not there.
	fill  func(j *render.EnvelopeJSON, r Row)
	plain func(b []byte, r Row) []byte
}

// Fields returns all fields, in the order in which terms are explained. They are made when
// they are first needed.
var Fields = sync.OnceValue(func() []*Field {
	return []*Field{
		{Name: "id", Doc: "id of the envelope", Column: "ID", JSON: "id", Shown: textColumn(func(r Row) string { return r.ID.String() }),
			plain: func(b []byte, r Row) []byte { return r.ID.Append(b) }, fill: func(j *render.EnvelopeJSON, r Row) { j.ID = r.ID.String() }},
		{Name: "from", Also: []string{"sender"}, Want: "GLOB", Doc: "sender; @DOMAIN for any user there, <> for the null sender", Regex: true,
			has:  func(e *protocol.Envelope) []string { return []string{EscapeAddress(e.Sender)} },
			make: addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Sender} }).make,
			Text: func(e *protocol.Envelope) string { return e.Sender.String() }, Group: &bySender, Column: "FROM", JSON: "from", Shown: addressColumn(func(r Row) protocol.Address { return r.Sender }),
			plain: plainAddress(func(r Row) protocol.Address { return r.Sender }), fill: func(j *render.EnvelopeJSON, r Row) { j.From = render.FormatAddress(r.Sender) }},
		{Name: "to", Want: "GLOB", Doc: "recipient, before or after aliases; @DOMAIN for any user there", Regex: true,
			has:  recipientValues,
			make: addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Rcpt, e.Dest} }).make,
			Text: func(e *protocol.Envelope) string { return e.Dest.String() }, Column: "TO", JSON: "to", Shown: &toColumn,
			plain: plainAddress(func(r Row) protocol.Address { return r.Rcpt }), fill: func(j *render.EnvelopeJSON, r Row) { j.To = render.FormatAddress(r.Rcpt) }},
		{Name: "domain", Want: "GLOB", Doc: "domain of the destination", Regex: true,
			has: domainValues, make: domainKey.make,
			Text: func(e *protocol.Envelope) string { return strings.ToLower(e.Dest.Domain) }, Group: &byDomain, Column: "DOMAIN", JSON: "domain", Shown: textColumn(func(r Row) string { return r.Dest.Domain }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.Domain = r.Dest.Domain }},
		{Name: "error", Want: "GLOB", Doc: "last error", Regex: true,
			has: errorValues, make: plainKey(func(e *protocol.Envelope) string { return e.ErrorLine }).make,
			Text: func(e *protocol.Envelope) string { return e.ErrorLine }, Group: &byError, Column: "ERROR", JSON: "error", Shown: &errorColumn,
			plain: func(b []byte, r Row) []byte { return render.AppendVis(b, r.ErrorLine, maxErrorLine) }, fill: func(j *render.EnvelopeJSON, r Row) { j.Error = r.ErrorLine }},
		{Name: "state", Want: "STATE", Doc: "pending, inflight, held or suspended; or several, separated by commas", Note: stateNote, Scheduler: true,
			Values: stateNames, make: states,
			Text: func(e *protocol.Envelope) string { return render.State(e.Flags) }, Group: &byState, Column: "STATE", JSON: "state", Shown: &stateColumn,
			plain: plainState, fill: func(j *render.EnvelopeJSON, r Row) { j.State = state(r) }},
		{Name: "type", Want: "TYPE", Doc: "mta, mda or bounce; or several, separated by commas", Values: typeNames, make: types, Column: "TYPE", JSON: "type", Shown: textColumn(func(r Row) string { return r.Type.String() }),
			plain: plainText(func(r Row) string { return r.Type.String() }), fill: func(j *render.EnvelopeJSON, r Row) { j.Type = r.Type.String() }},
		{Name: "age", Doc: "how long it is in the queue",
			Number: func(e *protocol.Envelope) int64 { return -e.Created }, Group: &byAge, Column: "AGE", JSON: "created", Shown: &ageColumn,
			plain: plainNumber(func(r Row) int64 { return r.Created }), fill: func(j *render.EnvelopeJSON, r Row) { j.Created = render.Time(r.Created) }},
		{Name: "older", Want: "TIME", Doc: "in the queue for TIME or longer, such as 90s, 30m, 2h, 4d or 1w", Some: someTimes, make: older},
		{Name: "newer", Want: "TIME", Doc: "in the queue for TIME or less", Some: someTimes, make: newer},
		{Name: "tries", Also: []string{"try"}, Want: "N", Doc: "attempts so far: 3, 3- for 3 or more, -2 for 2 or fewer, 2-5 for a range", Some: []string{"0", "1-", "3-", "10-"}, make: attempts,
			Number: func(e *protocol.Envelope) int64 { return int64(e.Retry) }, Column: "TRIES", JSON: "tries", Shown: numberColumn(func(r Row) int { return r.Retry }),
			plain: plainNumber(func(r Row) int64 { return int64(r.Retry) }), fill: func(j *render.EnvelopeJSON, r Row) { j.Tries = r.Retry }},
		{Name: "next", Also: []string{"next_try"}, Want: "TIME", Doc: "next attempt within TIME; 1h- for in an hour or later, 10m-1h for a range", Some: someTimes, Scheduler: true, make: next,
			Number: func(e *protocol.Envelope) int64 { return e.NextTry }, Column: "NEXT", JSON: "next_try", Shown: &nextColumn,
			plain: plainNext, fill: fillNext},
		{Name: "source", Also: []string{"src"}, Want: "ADDR", Doc: "address of the client, a network such as 192.0.2.0/24, a GLOB, or local",
			has: sourceValues, make: source, Group: &bySource, Column: "SOURCE", JSON: "source", Shown: textColumn(sourceText),
			plain: plainText(func(r Row) string { return r.Source.Family() }), fill: func(j *render.EnvelopeJSON, r Row) { j.Source = sourceText(r) }},
		{Name: "host", Want: "GLOB", Doc: "name of the client", Regex: true,
			has:  textValues(func(e *protocol.Envelope) string { return e.Hostname }),
			make: plainKey(func(e *protocol.Envelope) string { return e.Hostname }).make, Group: &byHost, Column: "HOST", JSON: "host", Shown: textColumn(func(r Row) string { return r.Hostname }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.Host = r.Hostname }},
		{Name: "helo", Want: "GLOB", Doc: "name that the client gave in HELO or EHLO", Regex: true,
			has:  textValues(func(e *protocol.Envelope) string { return e.Helo }),
			make: plainKey(func(e *protocol.Envelope) string { return e.Helo }).make, Group: &byHelo, Column: "HELO", JSON: "helo", Shown: textColumn(func(r Row) string { return r.Helo }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.Helo = r.Helo }},
		{Name: "user", Want: "GLOB", Doc: "local user who submitted it, or the user who authenticated", Regex: true,
			has:  textValues(func(e *protocol.Envelope) string { return e.Username }),
			make: plainKey(func(e *protocol.Envelope) string { return e.Username }).make, Group: &byUser, Column: "USER", JSON: "user", Shown: textColumn(func(r Row) string { return r.Username }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.User = r.Username }},
		{Name: "tag", Want: "GLOB", Doc: "tag of the listener that accepted it", Regex: true,
			has:  textValues(func(e *protocol.Envelope) string { return e.Tag }),
			make: plainKey(func(e *protocol.Envelope) string { return e.Tag }).make, Group: &byTag, Column: "TAG", JSON: "tag", Shown: textColumn(func(r Row) string { return r.Tag }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.Tag = r.Tag }},
		{Name: "dispatcher", Want: "GLOB", Doc: "action of smtpd.conf that delivers it", Regex: true,
			has:  textValues(func(e *protocol.Envelope) string { return e.Dispatcher }),
			make: plainKey(func(e *protocol.Envelope) string { return e.Dispatcher }).make, Group: &byDispatcher, Column: "DISPATCHER", JSON: "dispatcher", Shown: textColumn(func(r Row) string { return r.Dispatcher }),
			fill: func(j *render.EnvelopeJSON, r Row) { j.Dispatcher = r.Dispatcher }},
		{Name: "expires", Want: "TIME", Doc: "expires within TIME; 1h- for in an hour or later, 10m-1h for a range", Some: someTimes, mail: expiresKey,
			plain: plainNumber(func(r Row) int64 { return r.Created + r.TTL })},
		{Name: "size", Want: "SIZE", Doc: "size of the message: 100k- for 100 KiB or more, -1m, 10k-100k", Some: []string{"100k-", "1m-", "10m-"}, mail: sizeKey, Measure: Mail.Size, Group: &bySize},
		{Name: "subject", Want: "GLOB", Doc: "subject of the message", Regex: true, mail: subjectKey, Group: &bySubject},
		{Name: "header", Want: "GLOB", Doc: "a header field of the message, by name: header:List-Id=*news*", Regex: true, Named: true, mail: bareHeader},
		{Name: "body", Want: "REGEXP", Doc: "regular expression, searched in the first megabyte of the undecoded body", Regex: true, mail: bodyKey},
		{Name: "message", Doc: "id of the message", JSON: "message", fill: func(j *render.EnvelopeJSON, r Row) { j.Message = r.ID.Msg().String() }},
		{Name: "flags", Doc: "what else smtpd notes of it", JSON: "flags",
			plain: func(b []byte, r Row) []byte { return render.AppendFlags(b, r.Flags) }, fill: func(j *render.EnvelopeJSON, r Row) { j.Flags = render.FlagNames(r.Flags) }},
		{Name: "dest", Doc: "recipient after aliases", JSON: "dest",
			plain: plainAddress(func(r Row) protocol.Address { return r.Dest }), fill: func(j *render.EnvelopeJSON, r Row) { j.Dest = render.FormatAddress(r.Dest) }},
		{Name: "last_try", Doc: "when the last attempt was made", JSON: "last_try",
			plain: plainNumber(func(r Row) int64 { return r.LastTry }), fill: func(j *render.EnvelopeJSON, r Row) { j.LastTry = render.Time(r.LastTry) }},
		{Name: "server", Doc: "machine whose smtpd has it, as --host names it", Group: &byServer},
		{Name: "started", Doc: "when the current attempt began", JSON: "started", fill: fillStarted},
	}
})

// About returns what the field is about, with its other names.
func (f *Field) About() string {
	if len(f.Also) == 0 {
		return f.Doc
	}
	return f.Doc + " (also called " + strings.Join(f.Also, " and ") + ")"
}

// Key returns the key of the field's term for help.
func (f *Field) Key() string {
	if f.Named {
		return f.Name + ":NAME"
	}
	return f.Name
}

// OfMail reports whether a term of the field may need to read the message.
func (f *Field) OfMail() bool { return f.mail != nil }

// Ops returns the operators of the field's term without their negations.
func (f *Field) Ops() string {
	switch {
	case f.Want == "REGEXP":
		return "~"
	case f.Regex:
		return "= ~"
	}
	return "="
}

// The values of fields that take only a few.
var (
	stateNames = []string{"pending", "inflight", "held", "suspended"}
	typeNames  = []string{"mta", "mda", "bounce"}
	someTimes  = []string{"5m", "30m", "1h", "4h", "12h", "1d", "2d", "4d"}
)

// Compare orders envelopes by the text or the number of the field. Envelopes that have
// neither are equal.
func (f *Field) Compare(a, b *protocol.Envelope) int {
	switch {
	case f.Text != nil:
		return strings.Compare(f.Text(a), f.Text(b))
	case f.Number != nil:
		return cmp.Compare(f.Number(a), f.Number(b))
	}
	return 0
}

// Columns returns the fields that a listing can show.
func Columns() []*Field { return fieldsThat(func(f *Field) bool { return f.Shown != nil }) }

// fieldsThat returns the fields for which is returns true.
func fieldsThat(is func(f *Field) bool) []*Field {
	var out []*Field
	for _, f := range Fields() {
		if is(f) {
			out = append(out, f)
		}
	}
	return out
}

// Terms returns the fields that have a term.
func Terms() []*Field { return fieldsThat(func(f *Field) bool { return f.Want != "" }) }

// Sorted returns the fields that a listing can be sorted by, by name.
func Sorted() []*Field { return byName(fieldsThat((*Field).Sorts)) }

// Sorts reports whether a listing can be sorted by the field.
func (f *Field) Sorts() bool { return f.Text != nil || f.Number != nil || f.Measure != nil }

// Grouped returns the fields that envelopes can be grouped by, by name.
func Grouped() []*Field { return byName(fieldsThat(func(f *Field) bool { return f.Group != nil })) }

func byName(fields []*Field) []*Field {
	slices.SortFunc(fields, func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// Names returns the names of fields.
func Names(fields []*Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Find returns the field with a name, or another name that it has, among fields, or nil.
func Find(fields []*Field, name string) *Field {
	for _, f := range fields {
		if slices.Contains(f.names(), name) {
			return f
		}
	}
	return nil
}

// names returns all names of the field.
func (f *Field) names() []string { return append([]string{f.Name}, f.Also...) }

// OnlyScheduler reports whether only smtpd's scheduler knows a field.
func OnlyScheduler(name string) bool {
	f := Find(Fields(), name)
	return f != nil && f.Scheduler
}
