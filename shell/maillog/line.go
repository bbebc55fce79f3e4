// Package maillog reads smtpd's log and assembles the histories of messages.
package maillog

import (
	"bytes"
	"sync"
	"time"
)

// A line is a line of smtpd's log, as written by OpenSMTPD 6.8 to 7.9 (smtp_session.c,
// mta.c, mta_session.c, mda.c, queue.c, log_envelope in util.c). Its texts point into
// the input.
type line struct {
	time    time.Time // zero where the line has none
	session string    // 16 hex digits; "" for lines of no session
	kind    string    // such as "smtp connected" or "mta delivery"
	rest    []byte    // the fields behind it
}

// kinds are the kinds of session lines that are used.
var kinds = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, k := range []string{
		"smtp connected", "smtp tls", "smtp starttls", "smtp authentication", "smtp message", "smtp envelope", "smtp failed-command", "smtp disconnected",
		"mta connecting", "mta tls", "mta error", "mta delivery", "mta disconnected", "mda delivery",
	} {
		all[k] = k
	}
	return all
})

// A clock completes times without a year, from the time when the file ended.
type clock struct {
	end  time.Time
	zone *time.Location // of times without one
}

// program is smtpd's name in lines of syslog.
var program = []byte(" smtpd[")

// outError begins the line of a failed session that had sent messages. For all others
// the line has "mta error".
var outError = []byte("smtp-out: Error on session ")

// reportFailed is the kind of the line of a bounce that smtpd could not send (bounce.c):
// PermFail injecting failure report on message 623fb1b6 to <s@x.example> for 1 envelope: ...
const reportFailed = "injecting report"

// injecting is in such lines.
var injecting = []byte("Fail injecting ")

// parse splits a line. ok is false if the line is not from smtpd, or does not concern
// mail.
func (c *clock) parse(text []byte) (l line, ok bool) {
	text = bytes.TrimRight(text, "\r\n")
	message := text
	if i := bytes.Index(text, program); i >= 0 {
		end := bytes.Index(text[i:], []byte("]: "))
		if end < 0 {
			return l, false
		}
		message = text[i+end+len("]: "):]
		l.time = c.time(text[:i])
	}
	if len(message) > 17 && message[16] == ' ' && isHex(message[:16]) {
		l.session, l.rest = string(message[:16]), message[17:]
		first := bytes.IndexByte(l.rest, ' ')
		if first < 0 {
			return l, false
		}
		second := bytes.IndexByte(l.rest[first+1:], ' ')
		if second < 0 {
			second = len(l.rest) - first - 1
		}
		l.kind, ok = kinds()[string(l.rest[:first+1+second])]
		l.rest = l.rest[min(len(l.rest), first+second+2):]
		return l, ok
	}
	if id, ok := bytes.CutPrefix(message, outError); ok {
		_, reason, ok := bytes.Cut(id, []byte(" sent: "))
		if !ok || len(id) < 17 || id[16] != ' ' || !isHex(id[:16]) {
			return l, false
		}
		l.session, l.kind, l.rest = string(id[:16]), "mta error", append([]byte("reason="), reason...)
		return l, true
	}
	if i := bytes.Index(message, injecting); i >= 0 && i < 20 {
		if _, rest, ok := bytes.Cut(message, []byte(" report on message ")); ok && len(rest) > 8 && isHex(rest[:8]) {
			l.kind, l.rest = reportFailed, rest
			return l, true
		}
		return l, false
	}
	// relay: Remove for 623fb1b6fd8c25a3: from=<s@x.example>, to=<a@y.example>, ...
	if i := bytes.Index(message, []byte(" for ")); i > 0 && len(message) > i+5+17 && isHex(message[i+5:i+5+16]) && message[i+5+16] == ':' {
		l.kind, l.rest = string(message[:i]), message[i+5:]
		return l, true
	}
	return l, false
}

// isHex reports whether a text is all lower case hex digits.
func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// time reads the time at the beginning of a line of syslog: as RFC 3339 or, without a
// year, as RFC 3164 has it.
func (c *clock) time(head []byte) time.Time {
	if len(head) > 19 && head[4] == '-' && head[10] == 'T' {
		word := string(head[:max(bytes.IndexByte(head, ' '), 0)])
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700"} {
			if t, err := time.Parse(layout, word); err == nil {
				return t
			}
		}
		return time.Time{}
	}
	if len(head) < 15 {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.Stamp, string(head[:15]), c.zone)
	if err != nil {
		return time.Time{}
	}
	year := c.end.Year()
	if inYear(t, year).After(c.end.Add(24 * time.Hour)) {
		year--
	}
	return inYear(t, year)
}

// inYear returns a time in a year.
func inYear(t time.Time, year int) time.Time {
	return time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, t.Location())
}

// last returns the value of the last field of a line, which may contain any text from
// the other side.
func last(rest []byte, name string) (string, bool) {
	text, ok := bytes.CutPrefix(rest, []byte(name+"="))
	if !ok { // an address before it may hold NAME=, but no space
		if _, text, ok = bytes.Cut(rest, []byte(" "+name+"=")); !ok {
			return "", false
		}
	}
	if n := len(text); n > 1 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	return string(text), true
}

// field returns the value of a field, NAME=VALUE, NAME=<VALUE> or NAME="VALUE".
func field(rest []byte, name string) (string, bool) {
	at := 0
	for {
		i := bytes.Index(rest[at:], []byte(name))
		if i < 0 {
			return "", false
		}
		at += i
		end := at + len(name)
		if end < len(rest) && rest[end] == '=' && (at == 0 || rest[at-1] == ' ') {
			return value(rest[end+1:]), true
		}
		at = end
	}
}

// value reads a value at the beginning of a text.
func value(b []byte) string {
	var end int
	switch {
	case len(b) == 0:
		return ""
	case b[0] == '"':
		b = b[1:]
		if end = bytes.IndexByte(b, '"'); end < 0 {
			end = len(b)
		}
	case b[0] == '<':
		b = b[1:]
		if end = bytes.IndexByte(b, '>'); end < 0 {
			end = len(b)
		}
	default:
		if end = bytes.IndexAny(b, " ,"); end < 0 {
			end = len(b)
		}
	}
	return string(b[:end])
}
