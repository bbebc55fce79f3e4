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
	ID    protocol.EvpID
	Flags protocol.Flags // the scheduler's
	Time  int64          // of the next try if pending, of the start if in flight
	Text  string         // made up from the id if empty
	Gone  bool           // its file has vanished: listings leave it out

	removed   bool // removed while in flight: hidden, dropped at the end of the try
	scheduled bool // queued for delivery at once
}

// A queue holds envelopes in the order of their ids.
type queue struct {
	all  []Envelope
	seed uint64
	now  int64 // when the queue was made
}

// newQueue makes up a queue of n messages of one recipient, the same one for
// the same seed but for its times.
func newQueue(n int, seed uint64, now int64) *queue {
	q := &queue{seed: seed, now: now, all: make([]Envelope, n)}
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range q.all {
		id := protocol.EvpID(r.Uint64() | 1<<32 | 1)
		q.all[i] = Envelope{ID: id, Flags: protocol.FlagPending, Time: now + int64(r.IntN(3600))}
	}
	slices.SortFunc(q.all, byID)
	q.all = slices.CompactFunc(q.all, func(a, b Envelope) bool { return a.ID == b.ID })
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
		q.all[i] = e
		return
	}
	q.all = slices.Insert(q.all, i, e)
}

// find returns the index of the first envelope at or after id.
func (q *queue) find(id protocol.EvpID) (int, bool) {
	return slices.BinarySearchFunc(q.all, id, func(e Envelope, id protocol.EvpID) int { return cmp.Compare(e.ID, id) })
}

// messages returns the ids of at most n messages from one on.
func (q *queue) messages(from protocol.MsgID, n int) []protocol.MsgID {
	var out []protocol.MsgID
	i, _ := q.find(from.First())
	for i < len(q.all) && len(out) < n {
		if m := q.all[i].ID.Msg(); !q.all[i].removed && (len(out) == 0 || out[len(out)-1] != m) {
			out = append(out, m)
		}
		i++
	}
	return out
}

// batch returns the envelopes of one message that the scheduler takes for one
// batch of at most n, without those whose files have vanished.
func (q *queue) batch(from protocol.EvpID, n int) []*Envelope {
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

// each calls f for the envelope with an id, or for all of a message if the
// upper half of the id is zero, and returns how often f said yes.
func (q *queue) each(id uint64, f func(*Envelope) bool) int {
	n := 0
	if id > 0xffffffff {
		if i, ok := q.find(protocol.EvpID(id)); ok && f(&q.all[i]) {
			n++
		}
		return n
	}
	i, _ := q.find(protocol.MsgID(id).First())
	for ; i < len(q.all) && q.all[i].ID.Msg() == protocol.MsgID(id); i++ {
		if f(&q.all[i]) {
			n++
		}
	}
	return n
}

// drop takes out the envelopes that f picks.
func (q *queue) drop(f func(*Envelope) bool) {
	q.all = slices.DeleteFunc(q.all, func(e Envelope) bool { return f(&e) })
}

// count returns how many envelopes there are.
func (q *queue) count() int {
	n := 0
	for i := range q.all {
		if !q.all[i].removed {
			n++
		}
	}
	return n
}

var (
	users   = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"}
	domains = []string{"example.com", "example.org", "example.net", "gmial.example", "slow.example", "mail.example", "shop.example"}
	reasons = []string{"", "", "", "451 4.7.1 greylisted, try again later", "No MX found for domain", "421 4.3.2 too busy",
		"550 5.1.1 User unknown", "Network error on destination MXs", "452 4.2.2 mailbox full"}
)

// text returns the text of an envelope as smtpd keeps it.
func (q *queue) text(e *Envelope) string {
	if e.Text != "" {
		return e.Text
	}
	r := rand.New(rand.NewPCG(q.seed, uint64(e.ID)))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	from := fmt.Sprintf("%s@%s", pick(users), pick(domains[:3]))
	to := fmt.Sprintf("%s%d@%s", pick(users), r.IntN(100), pick(domains))
	age := int64(r.IntN(4 * 86400))
	var b strings.Builder
	fmt.Fprintf(&b, "version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n")
	if reason := pick(reasons); reason != "" {
		fmt.Fprintf(&b, "errorline: %s\n", reason)
	}
	fmt.Fprintf(&b, "sockaddr: 192.0.2.%d\nsender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: %d\nlast-bounce: 0\nttl: 0\nretry: %d\n",
		1+r.IntN(250), from, to, to, q.now-age, q.now-age/3, age/7200)
	return b.String()
}
