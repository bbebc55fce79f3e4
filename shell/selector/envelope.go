package selector

import (
	"strconv"
	"sync"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// maxErrorLine is how many bytes of an error line OpenSMTPD's smtpctl prints: LINE_MAX
// without the NUL.
const maxErrorLine = 2047

// plainOrder lists the fields that show queue of OpenSMTPD's smtpctl prints, in its order.
var plainOrder = []string{
	"id",
	"source",
	"type",
	"flags",
	"from",
	"to",
	"dest",
	"age",
	"expires",
	"last_try",
	"tries",
	"state",
	"next",
	"error",
}

// plainFields are the fields of plainOrder.
var plainFields = sync.OnceValue(func() []*Field {
	fields := make([]*Field, len(plainOrder))
	for i, name := range plainOrder {
		fields[i] = Find(Fields(), name)
	}
	return fields
})

// AppendPlain appends an envelope as show queue of OpenSMTPD's smtpctl prints it: fields
// separated by "|", times in seconds since 1970, and a newline. Delays are relative to the
// time of the row. An envelope read from disk is offline.
func AppendPlain(b []byte, r Row) []byte {
	for i, f := range plainFields() {
		if i > 0 {
			b = append(b, '|')
		}
		b = f.plain(b, r)
	}
	return append(b, '\n')
}

// JSONOf returns an envelope for JSON. The state of one read from disk is offline.
func JSONOf(r Row) render.EnvelopeJSON {
	var j render.EnvelopeJSON
	for _, f := range Fields() {
		if f.fill != nil {
			f.fill(&j, r)
		}
	}
	return j
}

// plainText prints a text as it is.
func plainText(text func(r Row) string) func(b []byte, r Row) []byte {
	return func(b []byte, r Row) []byte { return append(b, text(r)...) }
}

// plainAddress prints an address, @ if there is none.
func plainAddress(of func(r Row) protocol.Address) func(b []byte, r Row) []byte {
	return func(b []byte, r Row) []byte {
		a := of(r)
		b = append(b, a.User...)
		b = append(b, '@')
		return append(b, a.Domain...)
	}
}

// plainNumber prints a number, without its sign as smtpctl does.
func plainNumber(n func(r Row) int64) func(b []byte, r Row) []byte {
	return func(b []byte, r Row) []byte { return strconv.AppendUint(b, uint64(n(r)), 10) }
}

// plainState prints the state: what is neither pending nor in flight is invalid.
func plainState(b []byte, r Row) []byte {
	switch {
	case !r.Online:
		return append(b, "offline"...)
	case r.Flags&protocol.FlagPending != 0:
		return append(b, "pending"...)
	case r.Flags&protocol.FlagInflight != 0:
		return append(b, "inflight"...)
	}
	return append(b, "invalid"...)
}

// plainNext prints in how many seconds the next attempt is due, or for how long the
// current one has gone on.
func plainNext(b []byte, r Row) []byte {
	switch {
	case !r.Online:
	case r.Flags&protocol.FlagPending != 0:
		return strconv.AppendInt(b, r.NextTry-r.Now, 10)
	case r.Flags&protocol.FlagInflight != 0:
		return strconv.AppendInt(b, r.Now-r.LastTry, 10)
	}
	return b
}

// fillNext fills in when the next attempt is due, of what is not in flight.
func fillNext(j *render.EnvelopeJSON, r Row) {
	if r.Online && r.Flags&protocol.FlagInflight == 0 {
		j.NextTry = render.Time(r.NextTry)
	}
}

// fillStarted fills in when the current attempt began.
func fillStarted(j *render.EnvelopeJSON, r Row) {
	if r.Online && r.Flags&protocol.FlagInflight != 0 {
		j.Started = render.Time(r.NextTry)
	}
}
