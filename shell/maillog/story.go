package maillog

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Query says which stories are wanted.
type Query struct {
	Envelopes map[protocol.EnvelopeID]bool
	Messages  map[protocol.MessageID]bool
	// Addresses are addresses of senders or recipients, or @DOMAIN for a domain, in
	// lower case.
	Addresses []string
	// Begins are the beginnings of ids.
	Begins []Beginning
}

// A Beginning is the beginning of an id: up to 8 digits of a message id, or more of an
// envelope id.
type Beginning struct {
	Text   string
	Lo, Hi protocol.EnvelopeID // the lowest and highest id that begins so
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
	Rejected  = "rejected" // a sender or recipient that smtpd did not take
	Bounced   = "bounced"  // perhaps: smtpd sent a report at that time to the sender
	Unsent    = "report not sent"
)

// An Event is something that happened to a message, or one of its envelopes.
type Event struct {
	Time     render.Time `json:"time,omitempty"`
	Message  string      `json:"message"` // "" of what was rejected
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
	Related  []string    `json:"related,omitempty"` // messages: of which this may be the bounce, or the bounce
}

// A Story is the history of one message in the log, or of a session in which smtpd
// rejected something.
type Story struct {
	Message string // "" of a session
	Session string
	Events  []Event
	Left    int // events that were left out
	LeftAt  int // before this one
}

// Limits of what is remembered while a log is read.
const (
	maxEvents   = 200_000
	maxBytes    = 20 << 20 // of all events, so that the program stays below 64 MiB
	maxFound    = 11       // ids that begin as one that is asked for
	maxSessions = 20_000   // that are open
	maxErrors   = 64       // of sessions, the last ones
	errorSpan   = 5 * time.Minute
)

// A session is an open SMTP session, from a client or to a relay.
type session struct {
	peer, tls, user, size, msgid string
	told                         bool // of a story
}

// A trouble is a failure of a session with a relay.
type trouble struct {
	at   time.Time
	text string
}

// A Reader assembles the stories of a query from log lines.
type Reader struct {
	q        Query
	held     hold
	sessions map[string]*session
	envs     map[protocol.EnvelopeID]bool // found by an address
	found    []map[string]bool            // ids, for each of q.Begins
	errors   []trouble
	failed   []failure
	Lines    int // that were smtpd's

	zone *time.Location // of the clock of the machine
}

// NewReader returns a reader for a query.
func NewReader(q Query) *Reader {
	r := &Reader{q: q, held: hold{stories: map[storyKey]*Story{}, lateOf: map[storyKey]int{}}, sessions: map[string]*session{}, envs: map[protocol.EnvelopeID]bool{}, zone: time.Local}
	for range q.Begins {
		r.found = append(r.found, map[string]bool{})
	}
	return r
}

// Found returns some of the ids in the log that begin as the n-th of Query.Begins,
// ascending.
func (r *Reader) Found(n int) []string { return slices.Sorted(maps.Keys(r.found[n])) }

// take handles one line.
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
	case "smtp failed-command":
		r.rejected(l)
	case reportFailed:
		r.unsent(l)
	case "mta delivery", "mda delivery":
		r.delivery(l)
	default:
		if l.session == "" {
			r.noted(l)
		}
	}
}

// authenticated returns the user of a session after a line of authentication. The
// client's own words in the line may be anything, so only the end of the line is
// trusted.
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

// wants reports whether the query selects an envelope.
func (r *Reader) wants(id protocol.EnvelopeID, from, to string) bool {
	if r.q.Envelopes[id] || r.q.Messages[id.Msg()] || r.envs[id] || r.begins(id) {
		return true
	}
	if !r.names(from) && !r.names(to) {
		return false
	}
	if len(r.envs) < maxEvents { // others are known by the addresses of their lines
		r.envs[id] = true
	}
	return true
}

// begins reports whether an id begins as one that is asked for, and remembers it.
func (r *Reader) begins(id protocol.EnvelopeID) bool {
	any := false
	for i, b := range r.q.Begins {
		if id < b.Lo || id > b.Hi {
			continue
		}
		any = true
		if len(r.found[i]) < maxFound {
			text := id.String()
			if len(b.Text) <= 8 {
				text = text[:8]
			}
			r.found[i][text] = true
		}
	}
	return any
}

// names reports whether an address is one of the query.
func (r *Reader) names(address string) bool {
	return slices.ContainsFunc(r.q.Addresses, func(a string) bool { return matches(a, address) })
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

// envelope handles the line of a recipient that smtpd has accepted.
func (r *Reader) envelope(l *line) {
	id, from, to, ok := ids(l)
	if !ok {
		return
	}
	var of []string
	if from == "" {
		of = r.bounced(l, id, to)
	}
	if !r.wants(id, from, to) {
		return
	}
	s := r.open(l.session)
	if !s.told {
		s.told = true
		r.add(l, id, Event{Kind: Accepted, From: from, Session: l.session, Client: s.peer, TLS: s.tls, User: s.user, Size: s.size, Related: of})
	}
	r.add(l, id, Event{Kind: Recipient, Envelope: id.String(), From: from, To: to})
}

// failure records why a session with a relay failed.
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

// delivery handles the line of an attempt.
func (r *Reader) delivery(l *line) {
	id, from, to, ok := ids(l)
	if !ok {
		return
	}
	result, _ := field(l.rest, "result")
	if result == "PermFail" {
		r.remember(l, id, from)
	}
	if !r.wants(id, from, to) {
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
	switch result {
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

// vague are smtpd's general reasons for failures, for which the sessions have details.
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

// noted handles a line such as "relay: Remove for EVPID: from=<…>, …, stat=…".
func (r *Reader) noted(l *line) {
	id, err := protocol.ParseEnvelopeID(string(l.rest[:16]))
	if err != nil {
		return
	}
	from, _ := field(l.rest, "from")
	to, _ := field(l.rest, "to")
	_, what, _ := strings.Cut(l.kind, ": ")
	if strings.HasPrefix(what, "Expire") {
		r.remember(l, id, from)
	}
	if !r.wants(id, from, to) {
		return
	}
	e := Event{Kind: Other, Envelope: id.String(), From: from, To: to}
	e.Reply, _ = last(l.rest, "stat")
	switch {
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
