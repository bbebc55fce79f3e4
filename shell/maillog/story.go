package maillog

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Query says whose stories are told.
type Query struct {
	Envelopes map[protocol.EnvelopeID]bool
	Messages  map[protocol.MessageID]bool
	// Addresses are of senders or recipients, or @DOMAIN for all in a domain, in lower
	// case.
	Addresses []string
}

// Kinds of events.
const (
	Accepted  = "accepted"
	Recipient = "recipient"
	Delivered = "delivered"
	PutOff    = "put off"
	Failed    = "failed"
	Expired   = "expired"
	Removed   = "removed"
	Other     = "other"
)

// An Event is something that happened to a message, or one of its envelopes.
type Event struct {
	Time     render.Time `json:"time,omitempty"`
	Message  string      `json:"message"`
	Envelope string      `json:"envelope,omitempty"`
	Kind     string      `json:"event"`
	From     string      `json:"from,omitempty"`
	To       string      `json:"to,omitempty"`
	Session  string      `json:"session,omitempty"`
	Client   string      `json:"client,omitempty"` // that handed it over
	Relay    string      `json:"relay,omitempty"`  // that was tried
	TLS      string      `json:"tls,omitempty"`
	User     string      `json:"user,omitempty"` // who had authenticated, or had it delivered
	Size     string      `json:"size,omitempty"`
	Delay    string      `json:"delay,omitempty"`
	Reply    string      `json:"reply,omitempty"`   // of the other side, or smtpd's reason
	Perhaps  []string    `json:"perhaps,omitempty"` // failures of sessions just before, which may be why
}

// A Story is what the log tells of one message.
type Story struct {
	Message string
	Events  []Event
}

// Bounds of what is remembered while a log is read.
const (
	maxStories  = 10_000
	maxEvents   = 200_000
	maxBytes    = 20 << 20 // of all events, so that the program stays below 64 MiB
	maxSessions = 20_000   // that are open
	maxErrors   = 64       // of sessions, the last ones
	errorSpan   = 5 * time.Minute
)

// A session is an SMTP session that is open, of a client or to a relay.
type session struct {
	peer, tls, user, size, msgid string
	told                         bool // of a story
}

// A trouble is a failure of a session with a relay.
type trouble struct {
	at   time.Time
	text string
}

// A Reader tells the stories of a query from the lines that it is given.
type Reader struct {
	q        Query
	stories  map[protocol.MessageID]*Story
	order    []protocol.MessageID
	events   int
	bytes    int
	sessions map[string]*session
	envs     map[protocol.EnvelopeID]bool // found by an address
	errors   []trouble
	// Left says what was left out for the bounds.
	Left  bool
	Lines int // that were smtpd's
}

// NewReader returns a reader for a query.
func NewReader(q Query) *Reader {
	return &Reader{q: q, stories: map[protocol.MessageID]*Story{}, sessions: map[string]*session{}, envs: map[protocol.EnvelopeID]bool{}}
}

// Stories returns the stories, in the order in which they begin.
func (r *Reader) Stories() []*Story {
	out := make([]*Story, len(r.order))
	for i, id := range r.order {
		out[i] = r.stories[id]
	}
	return out
}

// take takes in a line.
func (r *Reader) take(l *line) {
	r.Lines++
	switch l.kind {
	case "smtp connected":
		address, _ := field(l.rest, "address")
		host, _ := field(l.rest, "host")
		r.open(l.session).peer = strings.TrimSpace(address + " " + parens(host))
	case "smtp tls", "smtp starttls", "mta tls":
		if s := r.sessions[l.session]; s != nil {
			ciphers, ok := field(l.rest, "ciphers")
			if !ok {
				ciphers = string(l.rest)
			}
			s.tls = ciphers
		}
	case "smtp authentication":
		if s := r.sessions[l.session]; s != nil {
			s.user = authenticated(l.rest, s.user)
		}
	case "smtp message":
		s := r.open(l.session)
		s.msgid, _ = field(l.rest, "msgid")
		s.size, _ = field(l.rest, "size")
		s.told = false
	case "smtp envelope":
		r.envelope(l)
	case "smtp disconnected", "mta disconnected":
		delete(r.sessions, l.session)
	case "mta connecting":
		host, _ := field(l.rest, "host")
		address, _ := field(l.rest, "address")
		r.open(l.session).peer = strings.TrimSpace(address + " " + parens(host))
	case "mta error":
		r.failure(l)
	case "mta delivery", "mda delivery":
		r.delivery(l)
	default:
		if l.session == "" {
			r.noted(l)
		}
	}
}

// authenticated returns who a session is of after a line of authentication, before which
// it was of another. What a client calls itself may hold anything, so that only the end
// of the line is smtpd's word.
func authenticated(rest []byte, before string) string {
	user, ok := bytes.CutSuffix(rest, []byte(" result=ok"))
	if user, named := bytes.CutPrefix(user, []byte("user=")); ok && named {
		return string(user)
	}
	return before
}

// parens returns a text in parentheses, if it says anything.
func parens(text string) string {
	if text == "" || text == "<unknown>" || text == "unknown" {
		return ""
	}
	return "(" + text + ")"
}

// open returns the session of an id.
func (r *Reader) open(id string) *session {
	s := r.sessions[id]
	if s == nil {
		if len(r.sessions) >= maxSessions {
			for old := range r.sessions { // any: some never end in a log
				delete(r.sessions, old)
				break
			}
		}
		s = &session{}
		r.sessions[id] = s
	}
	return s
}

// wants reports whether an envelope is one of the query.
func (r *Reader) wants(id protocol.EnvelopeID, from, to string) bool {
	if r.q.Envelopes[id] || r.q.Messages[id.Msg()] || r.envs[id] {
		return true
	}
	for _, a := range r.q.Addresses {
		if matches(a, from) || matches(a, to) {
			if len(r.envs) >= maxEvents {
				r.Left = true
				return false
			}
			r.envs[id] = true
			return true
		}
	}
	return false
}

// matches reports whether an address is the one of a query, or in its domain.
func matches(want, address string) bool {
	address = strings.ToLower(address)
	return want != "" && (address == want || want[0] == '@' && strings.HasSuffix(address, want))
}

// ids reads the envelope id of a line, and the addresses.
func ids(l *line) (id protocol.EnvelopeID, from, to string, ok bool) {
	text, _ := field(l.rest, "evpid")
	id, err := protocol.ParseEnvelopeID(text)
	from, _ = field(l.rest, "from")
	to, _ = field(l.rest, "to")
	return id, from, to, err == nil
}

// envelope takes in the line of a recipient that smtpd has taken.
func (r *Reader) envelope(l *line) {
	id, from, to, ok := ids(l)
	if !ok || !r.wants(id, from, to) {
		return
	}
	s := r.open(l.session)
	if !s.told {
		s.told = true
		r.add(l, id, Event{Kind: Accepted, From: from, Session: l.session, Client: s.peer, TLS: s.tls, User: s.user, Size: s.size})
	}
	r.add(l, id, Event{Kind: Recipient, Envelope: id.String(), From: from, To: to})
}

// failure remembers why a session with a relay failed.
func (r *Reader) failure(l *line) {
	reason, ok := last(l.rest, "reason")
	if !ok {
		return
	}
	peer := ""
	if s := r.sessions[l.session]; s != nil {
		peer = s.peer + ": "
	}
	if len(r.errors) == maxErrors {
		r.errors = r.errors[1:]
	}
	r.errors = append(r.errors, trouble{l.time, peer + reason})
}

// delivery takes in the line of an attempt.
func (r *Reader) delivery(l *line) {
	id, from, to, ok := ids(l)
	if !ok || !r.wants(id, from, to) {
		return
	}
	e := Event{Envelope: id.String(), From: from, To: to, Session: l.session}
	e.Relay, _ = field(l.rest, "relay")
	e.Delay, _ = field(l.rest, "delay")
	e.User, _ = field(l.rest, "user")
	e.Reply, _ = last(l.rest, "stat")
	if s := r.sessions[l.session]; s != nil {
		e.TLS = s.tls
	}
	switch result, _ := field(l.rest, "result"); result {
	case "Ok":
		e.Kind = Delivered
	case "TempFail":
		e.Kind = PutOff
		e.Perhaps = r.before(l, e.Reply)
	case "PermFail":
		e.Kind = Failed
	default:
		e.Kind, e.Reply = Other, strings.TrimSpace(result+" "+e.Reply)
	}
	r.add(l, id, e)
}

// vague are the reasons of smtpd's own for failures of which the sessions know more.
var vague = []string{"Network error on destination MXs", "Loop detected", "No valid route", "Bad route"}

// before returns the failures of sessions just before a line with a vague reason.
func (r *Reader) before(l *line, reason string) []string {
	isVague := false
	for _, v := range vague {
		isVague = isVague || strings.HasPrefix(reason, v)
	}
	var out []string
	for i := len(r.errors) - 1; i >= 0 && isVague && len(out) < 3; i-- {
		if t := r.errors[i]; l.time.Sub(t.at) <= errorSpan && (len(out) == 0 || out[len(out)-1] != t.text) {
			out = append(out, t.text)
		}
	}
	return out
}

// noted takes in a line such as "relay: Remove for EVPID: from=<…>, …, stat=…".
func (r *Reader) noted(l *line) {
	id, err := protocol.ParseEnvelopeID(string(l.rest[:16]))
	if err != nil {
		return
	}
	from, _ := field(l.rest, "from")
	to, _ := field(l.rest, "to")
	if !r.wants(id, from, to) {
		return
	}
	e := Event{Kind: Other, Envelope: id.String(), From: from, To: to}
	e.Reply, _ = last(l.rest, "stat")
	switch _, what, _ := strings.Cut(l.kind, ": "); {
	case strings.HasPrefix(what, "Remove"):
		e.Kind = Removed
	case strings.HasPrefix(what, "Expire"):
		e.Kind = Expired
	case e.Reply == "":
		e.Reply = l.kind
	default:
		e.Reply = l.kind + ": " + e.Reply
	}
	r.add(l, id, e)
}

// add adds an event to the story of a message.
func (r *Reader) add(l *line, id protocol.EnvelopeID, e Event) {
	msg := id.Msg()
	s := r.stories[msg]
	if r.events >= maxEvents || r.bytes >= maxBytes || s == nil && len(r.stories) >= maxStories {
		r.Left = true
		return
	}
	if s == nil {
		s = &Story{Message: msg.String()}
		r.stories[msg] = s
		r.order = append(r.order, msg)
	}
	if !l.time.IsZero() {
		e.Time = render.Time(l.time.Unix())
	}
	e.Message = s.Message
	r.events++
	r.bytes += e.bytes()
	s.Events = append(s.Events, e)
}

// bytes returns about how much memory an event takes.
func (e *Event) bytes() int {
	n := 2 * int(unsafe.Sizeof(*e)) // slices of events have room to grow
	for _, text := range []string{e.Envelope, e.From, e.To, e.Session, e.Client, e.Relay, e.TLS, e.User, e.Size, e.Delay, e.Reply} {
		n += len(text)
	}
	return n
}

// Text returns an event on one line.
func (e *Event) Text() string {
	var b strings.Builder
	if e.Time != 0 {
		b.WriteString(time.Unix(int64(e.Time), 0).Format(time.DateTime) + " ")
	}
	say := func(format, text string) {
		if text != "" {
			fmt.Fprintf(&b, format, text)
		}
	}
	if e.Envelope != "" {
		b.WriteString(e.Envelope + " ")
	}
	switch e.Kind {
	case Accepted:
		fmt.Fprintf(&b, "accepted from <%s>", e.From)
		say(", %s bytes", e.Size)
		say(", by client %s", e.Client)
		say(", as user %s", e.User)
		say(", TLS %s", e.TLS)
		return b.String()
	case Recipient:
		fmt.Fprintf(&b, "for <%s>", e.To)
		return b.String()
	}
	fmt.Fprintf(&b, "to <%s> %s", e.To, e.Kind)
	say(" by %s", e.Relay)
	say(" for user %s", e.User)
	say(" after %s", e.Delay)
	say(", TLS %s", e.TLS)
	say(": %s", e.Reply)
	if len(e.Perhaps) > 0 {
		say("; sessions that had failed just before, perhaps why: %s", strings.Join(e.Perhaps, "; "))
	}
	return b.String()
}
