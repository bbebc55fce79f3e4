package selector

import (
	"cmp"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Field is what is known of an envelope under one name: terms, orders, groupings,
// completion and the manual derive from its entry in Fields.
type Field struct {
	Name string
	Also []string // former names, which are understood
	Doc  string   // what it is about

	// Want is what the value of a term looks like; a field without it has no term.
	Want string
	// Values are all the values that it takes, split by commas, if not empty.
	Values []string
	Some   []string // values to offer where there are too many
	Regex  bool     // ~ and !~ may be used
	// Scheduler marks what only smtpd's scheduler knows: files on disk lack it.
	Scheduler bool
	// has, if set, returns the values with which a term of this field selects an
	// envelope by what it has there: patterns with wildcards escaped, not quoted for
	// a line. It returns none if the envelope has nothing there.
	has  func(e *protocol.Envelope) []string
	make func(value string, regex bool) (func(*protocol.Envelope, int64) bool, error)
	// mail makes a term in place of make, where the envelope alone does not decide.
	mail func(value string, regex bool) (mailMatcher, error)
	// Named marks the field whose key goes on with a colon and a name.
	Named bool

	// Compare, if set, orders envelopes for sort=.
	Compare func(a, b *protocol.Envelope) int
	// Measure, if set, returns by what sort= orders envelopes, where they do not say it
	// themselves.
	Measure func(m Mail, e *protocol.Envelope) (int64, error)
	// Group, if set, tells envelopes apart for show queue by.
	Group *Grouping

	Column string  // its head in the table of a listing
	JSON   string  // its name in JSON
	Shown  *Column // how it is shown there; nil if only a term knows it
}

// Fields are all fields, in the order in which terms are explained.
var Fields = []*Field{
	{Name: "id", Doc: "id of the envelope", Column: "ID", JSON: "id", Shown: textColumn(func(r Row) string { return r.ID.String() })},
	{Name: "from", Also: []string{"sender"}, Want: "GLOB", Doc: "sender; @DOMAIN for any user there, <> for the null sender", Regex: true,
		has:     func(e *protocol.Envelope) []string { return []string{EscapeAddress(e.Sender)} },
		make:    addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Sender} }).make,
		Compare: byText(func(e *protocol.Envelope) string { return e.Sender.String() }), Group: &bySender, Column: "FROM", JSON: "from", Shown: addressColumn(func(r Row) protocol.Address { return r.Sender })},
	{Name: "to", Want: "GLOB", Doc: "recipient, as it came or where it goes; @DOMAIN for any user there", Regex: true,
		has:     recipientValues,
		make:    addressKey(func(e *protocol.Envelope) []protocol.Address { return []protocol.Address{e.Rcpt, e.Dest} }).make,
		Compare: byText(func(e *protocol.Envelope) string { return e.Dest.String() }), Column: "TO", JSON: "to", Shown: &toColumn},
	{Name: "domain", Want: "GLOB", Doc: "domain that it goes to", Regex: true,
		has: domainValues, make: domainKey.make,
		Compare: byText(func(e *protocol.Envelope) string { return strings.ToLower(e.Dest.Domain) }), Group: &byDomain, Column: "DOMAIN", JSON: "domain", Shown: textColumn(func(r Row) string { return r.Dest.Domain })},
	{Name: "error", Want: "GLOB", Doc: "last error", Regex: true,
		has: errorValues, make: plainKey(func(e *protocol.Envelope) string { return e.ErrorLine }).make,
		Compare: byText(func(e *protocol.Envelope) string { return e.ErrorLine }), Group: &byError, Column: "ERROR", JSON: "error", Shown: &errorColumn},
	{Name: "state", Want: "STATE", Doc: "pending, inflight, held or suspended; or several, split by commas", Scheduler: true,
		Values: stateNames, make: states,
		Compare: byText(func(e *protocol.Envelope) string { return render.State(e.Flags) }), Group: &byState, Column: "STATE", JSON: "state", Shown: &stateColumn},
	{Name: "type", Want: "TYPE", Doc: "mta, mda or bounce; or several, split by commas", Values: typeNames, make: types, Column: "TYPE", JSON: "type", Shown: textColumn(func(r Row) string { return r.Type.String() })},
	{Name: "age", Doc: "how long it is in the queue",
		Compare: func(a, b *protocol.Envelope) int { return cmp.Compare(b.Created, a.Created) }, Group: &byAge, Column: "AGE", JSON: "created", Shown: &ageColumn},
	{Name: "older", Want: "TIME", Doc: "at least that long in the queue, such as 90s, 30m, 2h, 4d or 1w", Some: someTimes, make: older},
	{Name: "newer", Want: "TIME", Doc: "at most that long in the queue", Some: someTimes, make: newer},
	{Name: "tries", Want: "N", Doc: "attempts so far: 3, 3- for 3 or more, -2 for 2 or fewer, 2-5", Some: []string{"0", "1-", "3-", "10-"}, make: tries,
		Compare: func(a, b *protocol.Envelope) int { return cmp.Compare(a.Retry, b.Retry) }, Column: "TRY", JSON: "tries", Shown: numberColumn(func(r Row) int { return r.Retry })},
	{Name: "next", Want: "TIME", Doc: "next attempt within that time; 1h- in an hour or later, 10m-1h", Some: someTimes, Scheduler: true, make: next,
		Compare: func(a, b *protocol.Envelope) int { return cmp.Compare(a.NextTry, b.NextTry) }, Column: "NEXT", JSON: "next_try", Shown: &nextColumn},
	{Name: "src", Want: "ADDR", Doc: "address that it came from, a network such as 192.0.2.0/24, a GLOB, or local",
		has: sourceValues, make: source, Group: &bySource, Column: "SRC", JSON: "source", Shown: textColumn(func(r Row) string { return strings.Join(sourceValues(r.Envelope), "") })},
	{Name: "host", Want: "GLOB", Doc: "name of the host that it came from", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Hostname }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Hostname }).make, Group: &byHost, Column: "HOST", JSON: "host", Shown: textColumn(func(r Row) string { return r.Hostname })},
	{Name: "helo", Want: "GLOB", Doc: "name that this host gave", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Helo }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Helo }).make, Group: &byHelo, Column: "HELO", JSON: "helo", Shown: textColumn(func(r Row) string { return r.Helo })},
	{Name: "user", Want: "GLOB", Doc: "local user, or who had authenticated", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Username }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Username }).make, Group: &byUser, Column: "USER", JSON: "user", Shown: textColumn(func(r Row) string { return r.Username })},
	{Name: "tag", Want: "GLOB", Doc: "tag of the listener that took it", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Tag }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Tag }).make, Group: &byTag, Column: "TAG", JSON: "tag", Shown: textColumn(func(r Row) string { return r.Tag })},
	{Name: "dispatcher", Want: "GLOB", Doc: "action of smtpd.conf that delivers it", Regex: true,
		has:  textValues(func(e *protocol.Envelope) string { return e.Dispatcher }),
		make: plainKey(func(e *protocol.Envelope) string { return e.Dispatcher }).make, Group: &byDispatcher, Column: "DISPATCHER", JSON: "dispatcher", Shown: textColumn(func(r Row) string { return r.Dispatcher })},
	{Name: "expires", Want: "TIME", Doc: "smtpd gives it up within that time; 1h- in an hour or later, 10m-1h", Some: someTimes, mail: expiresKey},
	{Name: "size", Want: "SIZE", Doc: "size of the message: 100k- for that much or more, -1m, 10k-100k", Some: []string{"100k-", "1m-", "10m-"}, mail: sizeKey, Measure: Mail.Size, Group: &bySize},
	{Name: "subject", Want: "GLOB", Doc: "subject of the message", Regex: true, mail: subjectKey, Group: &bySubject},
	{Name: "header", Want: "GLOB", Doc: "any header field of the message, by its name: header:List-Id=*news*", Regex: true, Named: true, mail: bareHeader},
	{Name: "body", Want: "REGEXP", Doc: "regular expression for the first megabyte of the body, as it was sent", Regex: true, mail: bodyKey},
}

// Key returns the key of the field's term as it is explained.
func (f *Field) Key() string {
	if f.Named {
		return f.Name + ":NAME"
	}
	return f.Name
}

// OfMail reports whether a term of the field may need the message to be read.
func (f *Field) OfMail() bool { return f.mail != nil }

// Ops returns the operators of the field's term, but for their negations.
func (f *Field) Ops() string {
	switch {
	case f.Want == "REGEXP":
		return "~"
	case f.Regex:
		return "= ~"
	}
	return "="
}

// Values of fields that take a few only.
var (
	stateNames = []string{"pending", "inflight", "held", "suspended"}
	typeNames  = []string{"mta", "mda", "bounce"}
	someTimes  = []string{"5m", "30m", "1h", "4h", "12h", "1d", "2d", "4d"}
)

// byText returns the order of a text.
func byText(text func(e *protocol.Envelope) string) func(a, b *protocol.Envelope) int {
	return func(a, b *protocol.Envelope) int { return strings.Compare(text(a), text(b)) }
}

// Columns returns the fields that a listing can show.
func Columns() []*Field { return fieldsThat(func(f *Field) bool { return f.Shown != nil }) }

// fieldsThat returns the fields of which something is true.
func fieldsThat(is func(f *Field) bool) []*Field {
	var out []*Field
	for _, f := range Fields {
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
func (f *Field) Sorts() bool { return f.Compare != nil || f.Measure != nil }

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

// Find returns the field of a name or former name among some, nil if there is none.
func Find(fields []*Field, name string) *Field {
	for _, f := range fields {
		if f.Name == name || slices.Contains(f.Also, name) {
			return f
		}
	}
	return nil
}

// OnlyScheduler reports whether only smtpd's scheduler knows a field.
func OnlyScheduler(name string) bool {
	f := Find(Fields, name)
	return f != nil && f.Scheduler
}
