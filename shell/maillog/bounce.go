package maillog

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
)

// A failure is a message that failed for good, so that smtpd sends its sender a bounce.
// The log does not say which bounce belongs to which message.
type failure struct {
	at   time.Time
	msg  protocol.MessageID
	from string
}

// Limits of the failures that may have led to a bounce.
const (
	maxFailures = 256 // the last ones
	maxRelated  = 3
)

// remember remembers that a message has failed for good.
func (r *Reader) remember(l *line, id protocol.EnvelopeID, from string) {
	if from == "" || len(r.failed) > 0 && r.failed[len(r.failed)-1].msg == id.Msg() {
		return
	}
	if len(r.failed) == maxFailures {
		r.failed = slices.Delete(r.failed, 0, 1)
	}
	r.failed = append(r.failed, failure{l.time, id.Msg(), from})
}

// bounced handles a mail from the null sender to an address. It returns the messages to
// which the bounce may belong: those from this address that failed just before. If
// there is exactly one, its story includes the bounce.
func (r *Reader) bounced(l *line, id protocol.EnvelopeID, to string) []string {
	if s := r.sessions[l.session]; s == nil || !strings.HasPrefix(s.peer, "local") {
		return nil
	}
	var out []string
	last := -1
	for i := len(r.failed) - 1; i >= 0 && len(out) < maxRelated; i-- {
		f := r.failed[i]
		if strings.EqualFold(f.from, to) && l.time.Sub(f.at) <= errorSpan && !slices.Contains(out, f.msg.String()) {
			out, last = append(out, f.msg.String()), i
		}
	}
	if len(out) != 1 {
		return out
	}
	msg := r.failed[last].msg
	r.failed = slices.Delete(r.failed, last, last+1)
	if r.held.has(storyKey{msg: msg}) {
		r.add(l, msg.First(), Event{Kind: Bounced, To: to, Related: []string{id.Msg().String()}})
	}
	return out
}

// unsent handles the line of a bounce that smtpd could not send: 623fb1b6 to
// <s@x.example> for 1 envelope: the reason.
func (r *Reader) unsent(l *line) {
	msg, err := protocol.ParseMessageID(string(l.rest[:8]))
	if err != nil {
		return
	}
	rest := l.rest[8:]
	to := ""
	if text, ok := bytes.CutPrefix(rest, []byte(" to <")); ok {
		if end := bytes.IndexByte(text, '>'); end >= 0 {
			to, rest = string(text[:end]), text[end:]
		}
	}
	_, reason, _ := bytes.Cut(rest, []byte(": "))
	if !r.q.Messages[msg] && !r.names(to) && !r.held.has(storyKey{msg: msg}) {
		return
	}
	r.add(l, msg.First(), Event{Kind: Unsent, To: to, Reply: string(reason)})
}

// rejected handles a command of a client that smtpd refused, if it names an address.
func (r *Reader) rejected(l *line) {
	text, ok := bytes.CutPrefix(l.rest, []byte(`command="`))
	if !ok || len(r.q.Addresses) == 0 {
		return
	}
	verb, rest, ok := bytes.Cut(text, []byte(":"))
	rest = bytes.TrimLeft(rest, " ")
	if !ok || len(rest) == 0 || rest[0] != '<' {
		return
	}
	end := bytes.IndexByte(rest, '>')
	if end < 0 {
		return
	}
	e := Event{Kind: Rejected, Session: l.session}
	address := string(rest[1:end])
	switch strings.ToUpper(string(verb)) {
	case "RCPT TO":
		e.To = address
	case "MAIL FROM":
		e.From = address
	default:
		return
	}
	if address == "" || !r.names(address) {
		return
	}
	if _, reply, ok := bytes.Cut(rest[end:], []byte(`" result="`)); ok {
		e.Reply = string(bytes.TrimSuffix(reply, []byte(`"`)))
	}
	if s := r.sessions[l.session]; s != nil {
		e.Client, e.TLS, e.User = s.peer, s.tls, s.user
	}
	r.addTo(l, storyKey{session: l.session}, e)
}
