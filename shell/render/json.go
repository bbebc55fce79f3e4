package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"smtpctl/protocol"
)

// AppendJSON appends v as one line of JSON. Text that is not UTF-8 has its bad
// bytes replaced. What could act on a terminal is escaped as JSON does it, so that
// the line is the same, and valid, wherever it goes.
func AppendJSON(b []byte, v any) ([]byte, error) {
	start := len(b)
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return escapeJSON(buf.Bytes(), start), err
}

// escapeJSON escapes in b, from start on, the characters that a SafeWriter would
// change. They stand only inside the strings of JSON.
func escapeJSON(b []byte, start int) []byte {
	clean := true
	for i := start; i < len(b); i++ {
		if b[i] >= utf8.RuneSelf || b[i] == 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return b
	}
	out := append([]byte(nil), b[:start]...)
	for i := start; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == '\n' || printable(r) {
			out = append(out, b[i:i+n]...)
		} else {
			for _, u := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, u)
			}
		}
		i += n
	}
	return out
}

// A Time is seconds since 1970, in JSON as RFC 3339 in UTC. Zero is unknown.
type Time int64

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Unix(int64(t), 0).UTC().AppendFormat(nil, `"`+time.RFC3339+`"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(text []byte) error {
	when, err := time.Parse(`"`+time.RFC3339+`"`, string(text))
	if err == nil {
		*t = Time(when.Unix())
	}
	return err
}

// An EnvelopeJSON is an envelope as JSON shows it. What is not known is left
// out, such as when it expires: only smtpd's scheduler knows that.
type EnvelopeJSON struct {
	ID         string   `json:"id"`
	Message    string   `json:"message"`
	Type       string   `json:"type"`
	State      string   `json:"state"`
	Flags      []string `json:"flags,omitempty"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	Dest       string   `json:"dest"`
	Domain     string   `json:"domain,omitempty"`
	Source     string   `json:"source,omitempty"`
	Host       string   `json:"host,omitempty"`
	Helo       string   `json:"helo,omitempty"`
	User       string   `json:"user,omitempty"`
	Tag        string   `json:"tag,omitempty"`
	Dispatcher string   `json:"dispatcher,omitempty"`
	Created    Time     `json:"created,omitempty"`
	LastTry    Time     `json:"last_try,omitempty"`
	NextTry    Time     `json:"next_try,omitempty"`
	Started    Time     `json:"started,omitempty"`
	Tries      int      `json:"tries"`
	Error      string   `json:"error,omitempty"`
}

// NewEnvelopeJSON returns an envelope for JSON. One read from disk is offline:
// its state is not known.
func NewEnvelopeJSON(e *protocol.Envelope, online bool) EnvelopeJSON {
	j := EnvelopeJSON{
		ID: e.ID.String(), Message: e.ID.Msg().String(), Type: e.Type.String(), State: "offline",
		From: FormatAddress(e.Sender), To: FormatAddress(e.Rcpt), Dest: FormatAddress(e.Dest), Domain: e.Dest.Domain,
		Host: e.Hostname, Helo: e.Helo, User: e.Username, Tag: e.Tag, Dispatcher: e.Dispatcher,
		Created: Time(e.Created), LastTry: Time(e.LastTry), Tries: e.Retry, Error: e.ErrorLine,
	}
	switch {
	case e.Source.Local:
		j.Source = "local"
	case e.Source.Addr.IsValid():
		j.Source = e.Source.Addr.String()
	}
	for _, n := range flagNames {
		if e.Flags&n.flag != 0 && n.flag != protocol.FlagSuspend && n.flag != protocol.FlagHold {
			j.Flags = append(j.Flags, n.name)
		}
	}
	if online {
		j.State = State(e.Flags)
		if e.Flags&protocol.FlagInflight != 0 {
			j.Started = Time(e.NextTry)
		} else {
			j.NextTry = Time(e.NextTry)
		}
	}
	return j
}

// FormatAddress writes an address as people do: nothing for the null sender.
func FormatAddress(a protocol.Address) string {
	switch {
	case a == protocol.Address{}:
		return ""
	case a.Domain == "":
		return a.User
	}
	return a.String()
}

// State names the state of an envelope that smtpd has listed, in one word.
func State(f protocol.Flags) string {
	switch {
	case f&protocol.FlagInflight != 0:
		return "inflight"
	case f&protocol.FlagSuspend != 0:
		return "suspended"
	case f&protocol.FlagHold != 0:
		return "held"
	}
	return "pending"
}
