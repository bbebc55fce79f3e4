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

// AppendJSON appends v as one line of JSON. Bytes that are not UTF-8 are replaced.
// Characters that could act on a terminal are escaped as in JSON, so that the line is
// the same, and valid, wherever it goes.
func AppendJSON(b []byte, v any) ([]byte, error) {
	start := len(b)
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return escapeJSON(buf.Bytes(), start), err
}

// escapeJSON escapes the characters in b, beginning at start, that a SafeWriter would
// change. They occur only inside the strings of JSON.
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

// A Time is in seconds since 1970; in JSON it is in RFC 3339 and UTC. Zero means that
// the time is not known.
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

// An EnvelopeJSON is an envelope in JSON. Fields that are not known are left out, such
// as the time of expiry, which only smtpd's scheduler knows. The table of fields in
// package selector sets its members.
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

// FormatAddress formats an address for people. The null sender is empty.
func FormatAddress(a protocol.Address) string {
	switch {
	case a == protocol.Address{}:
		return ""
	case a.Domain == "":
		return a.User
	}
	return a.String()
}

// State returns the state of an envelope that smtpd lists, as one word.
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
