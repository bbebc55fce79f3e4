package smtpdsim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"smtpctl/protocol"
)

// An Envelope is one envelope of the simulated queue.
type Envelope struct {
	ID    protocol.EnvelopeID
	Flags protocol.Flags // the scheduler's
	Time  int64          // of the next try if pending, of the start if in flight
	Text  string         // made up from the id if empty
	Gone  bool           // its file has vanished: listings leave it out

	removed   bool   // no longer listed; dropped for good by sweep
	scheduled bool   // queued for delivery at once
	twice     bool   // scheduled while it was suspended: resuming it crashes smtpd
	bounce    bool   // made up as a bounce
	tries     uint16 // of the simulation's own
	last      int64  // when the last of them was
	reason    uint8  // index into reasons of why it failed
}

func (e *Envelope) inflight() bool  { return e.Flags&protocol.FlagInflight != 0 }
func (e *Envelope) suspended() bool { return e.Flags&protocol.FlagSuspend != 0 }

// A queue holds envelopes in the order of their ids.
type queue struct {
	all  []Envelope
	live int // of them not removed
	seed uint64
	now  int64 // when the queue was made
}

// recipients returns how many recipients the generated message of a number has, which
// is one for most.
func recipients(i int) int {
	switch {
	case i%50 == 49:
		return 12
	case i%7 == 6:
		return 3
	}
	return 1
}

// newQueue generates a queue of n messages. The same seed gives the same queue except
// for its times. The queue has either pending envelopes of one recipient only, or a
// mixture of all kinds.
func newQueue(n int, seed uint64, now int64, mixed bool) *queue {
	q := &queue{seed: seed, now: now, all: make([]Envelope, 0, n+n/2)}
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		msg := uint64(r.Uint32()|1) << 32
		if !mixed {
			q.all = append(q.all, Envelope{ID: protocol.EnvelopeID(msg | uint64(r.Uint32()|1)), Flags: protocol.FlagPending, Time: now + int64(r.IntN(3600))})
			continue
		}
		for range recipients(i) {
			e := Envelope{ID: protocol.EnvelopeID(msg | uint64(r.Uint32()|1)), Flags: protocol.FlagPending, Time: now + int64(r.IntN(3600))}
			switch r.IntN(40) {
			case 0:
				e.Flags |= protocol.FlagSuspend
			case 1:
				e.Flags |= protocol.FlagHold
			case 2:
				e.bounce = true
			}
			q.all = append(q.all, e)
		}
	}
	slices.SortFunc(q.all, byID)
	q.all = slices.CompactFunc(q.all, func(a, b Envelope) bool { return a.ID == b.ID })
	q.live = len(q.all)
	return q
}

func byID(a, b Envelope) int { return cmp.Compare(a.ID, b.ID) }

// add puts an envelope into the queue.
func (q *queue) add(e Envelope) {
	if e.Flags&(protocol.FlagPending|protocol.FlagInflight) == 0 {
		e.Flags |= protocol.FlagPending
	}
	i, found := q.find(e.ID)
	if found {
		if q.all[i].removed {
			q.live++
		}
		q.all[i] = e
		return
	}
	q.all = slices.Insert(q.all, i, e)
	q.live++
}

// remove takes an envelope out of the queue.
func (q *queue) remove(e *Envelope) {
	if !e.removed {
		e.removed = true
		q.live--
	}
}

// sweep drops removed envelopes that are not in flight, once there are many of them.
func (q *queue) sweep() {
	if len(q.all)-q.live > 1024+q.live/4 {
		q.all = slices.DeleteFunc(q.all, func(e Envelope) bool { return e.removed && !e.inflight() })
	}
}

// find returns the index of the first envelope at or after id.
func (q *queue) find(id protocol.EnvelopeID) (int, bool) {
	return slices.BinarySearchFunc(q.all, id, func(e Envelope, id protocol.EnvelopeID) int { return cmp.Compare(e.ID, id) })
}

// messages returns the ids of at most n messages from one on.
func (q *queue) messages(from protocol.MessageID, n int) []protocol.MessageID {
	var out []protocol.MessageID
	i, _ := q.find(from.First())
	for i < len(q.all) && len(out) < n {
		if m := q.all[i].ID.Msg(); !q.all[i].removed && (len(out) == 0 || out[len(out)-1] != m) {
			out = append(out, m)
		}
		i++
	}
	return out
}

// count returns for how many envelopes f returns true.
func (q *queue) count(f func(*Envelope) bool) int {
	n := 0
	for i := range q.all {
		if f(&q.all[i]) {
			n++
		}
	}
	return n
}

// countMessages returns how many messages there are.
func (q *queue) countMessages() int {
	n, last := 0, protocol.MessageID(0)
	for i := range q.all {
		if m := q.all[i].ID.Msg(); !q.all[i].removed && m != last {
			n++
			last = m
		}
	}
	return n
}

// batch returns the envelopes of one message that the scheduler takes for one batch, n
// at most, without those whose files have vanished.
func (q *queue) batch(from protocol.EnvelopeID, n int) []*Envelope {
	var out []*Envelope
	i, _ := q.find(from)
	for taken := 0; i < len(q.all) && taken < n && q.all[i].ID.Msg() == from.Msg(); i++ {
		e := &q.all[i]
		if e.removed {
			continue
		}
		taken++
		if !e.Gone {
			out = append(out, e)
		}
	}
	return out
}

// each calls f for the envelope with the given id, or for all envelopes of a message if
// the upper half of the id is zero. It returns how often f returned true.
func (q *queue) each(id uint64, f func(*Envelope) bool) int {
	n := 0
	if id > 0xffffffff {
		if i, ok := q.find(protocol.EnvelopeID(id)); ok && !q.all[i].removed && f(&q.all[i]) {
			n++
		}
		return n
	}
	i, _ := q.find(protocol.MessageID(id).First())
	for ; i < len(q.all) && q.all[i].ID.Msg() == protocol.MessageID(id); i++ {
		if !q.all[i].removed && f(&q.all[i]) {
			n++
		}
	}
	return n
}

var (
	users   = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"}
	domains = []string{"example.com", "example.org", "example.net", "gmial.example", "slow.example", "mail.example", "shop.example"}
	reasons = []string{"", "451 4.7.1 greylisted, try again later", "No MX found for domain", "421 4.3.2 too busy",
		"550 5.1.1 User unknown", "Network error on destination MXs", "452 4.2.2 mailbox full"}
)

// A mail is the generated content for an id.
type mail struct {
	from, to string
	domain   string // of to
	age      int64  // in seconds when the queue was made
	tries    int
	reason   string
}

// mail generates the content of an envelope, which is always the same for its id.
func (q *queue) mail(e *Envelope) mail {
	r := rand.New(rand.NewPCG(q.seed, uint64(e.ID)))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	var m mail
	sender := rand.New(rand.NewPCG(q.seed, uint64(e.ID.Msg()))) // one for all recipients
	m.from = users[sender.IntN(len(users))] + "@" + domains[sender.IntN(3)]
	m.domain = pick(domains)
	m.to = fmt.Sprintf("%s%d@%s", pick(users), r.IntN(100), m.domain)
	m.age = int64(sender.IntN(4 * 86400))
	m.reason = reasons[max(0, r.IntN(len(reasons)+3)-3)]
	if m.reason != "" {
		m.tries = 1 + int(m.age/14400)
	}
	if e.bounce {
		m.to, m.from, m.reason = m.from, "", "550 5.1.1 User unknown"
	}
	return m
}

// text returns the text of an envelope as smtpd stores it.
func (q *queue) text(e *Envelope) string {
	if e.Text != "" {
		return e.Text
	}
	m := q.mail(e)
	created, last := q.now-m.age, int64(0)
	if m.tries > 0 {
		last = q.now - m.age/int64(m.tries+1)
	}
	if e.last > 0 {
		m.tries += int(e.tries)
		last, m.reason = e.last, reasons[e.reason]
	}
	var b strings.Builder
	kind := "mta"
	if e.bounce {
		kind = "bounce"
	}
	fmt.Fprintf(&b, "version: 3\ndispatcher: relay\ntype: %s\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n", kind)
	if m.reason != "" {
		fmt.Fprintf(&b, "errorline: %s\n", m.reason)
	}
	fmt.Fprintf(&b, "sockaddr: 192.0.2.%d\nsender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: %d\nlast-bounce: 0\nttl: 0\nretry: %d\n",
		1+uint32(e.ID)%250, m.from, m.to, m.to, created, last, m.tries)
	if e.bounce {
		fmt.Fprintf(&b, "bounce-ttl: 0\nbounce-delay: 0\nbounce-type: failed\n")
	}
	b.WriteString("dsn-notify: 0\nesc-class: 0\nesc-code: 0\n")
	return b.String()
}
