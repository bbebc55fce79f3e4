package queue

import (
	"context"
	"iter"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// An ahead gets the beginnings of several messages at once from another machine, where each
// look takes a while. It knows which envelopes come next.
type ahead struct {
	spool *spool.Spool
	next  []protocol.MessageID       // messages of envelopes that come next and may be looked into
	got   map[protocol.MessageID]int // of how many bytes it has the beginning
}

// aheadHead is how much of each message is had ahead, where more than its size is needed.
const aheadHead = 32 << 10

// aheadKey marks a context with an ahead.
type aheadKey struct{}

// withAhead lets all that reads mail for a call read ahead together, if that saves anything.
func withAhead(ctx context.Context, c *command.Call) context.Context {
	if !c.Elsewhere() || !ReadsMail(c) {
		return ctx
	}
	return context.WithValue(ctx, aheadKey{}, &ahead{spool: filesOf(ctx, c)})
}

// aheadOf returns what reads ahead for a call, or nil if nothing does.
func aheadOf(ctx context.Context, c *command.Call) *ahead {
	if a, ok := ctx.Value(aheadKey{}).(*ahead); ok || !c.Elsewhere() {
		return a
	}
	return &ahead{spool: filesOf(ctx, c)}
}

// want makes sure that the beginning of a message is held, and with it those of messages
// that come next.
func (a *ahead) want(msg protocol.MessageID, most int) {
	if a == nil {
		return
	}
	if have, ok := a.got[msg]; ok && have >= most {
		return
	}
	ids := []protocol.MessageID{msg}
	if i := slices.Index(a.next, msg); i >= 0 {
		ids = a.next[i:]
	}
	a.spool.AheadMessages(ids, most)
	a.got = map[protocol.MessageID]int{}
	for _, id := range ids {
		a.got[id] = most
	}
}

// over yields a list, and knows what comes next of it. may reports whether an envelope may
// be looked into.
func (a *ahead) over(list iter.Seq2[*protocol.Envelope, error], may func(e *protocol.Envelope, now int64) bool) iter.Seq2[*protocol.Envelope, error] {
	if a == nil {
		return list
	}
	type item struct {
		e   *protocol.Envelope
		err error
	}
	return func(yield func(*protocol.Envelope, error) bool) {
		var items []item
		now := time.Now().Unix()
		flush := func() bool {
			a.next = a.next[:0]
			for _, it := range items {
				if msg := it.e.ID.Msg(); it.err == nil && may(it.e, now) && (len(a.next) == 0 || a.next[len(a.next)-1] != msg) {
					a.next = append(a.next, msg)
				}
			}
			for _, it := range items {
				if !yield(it.e, it.err) {
					return false
				}
			}
			items = items[:0]
			return true
		}
		for e, err := range list {
			one := protocol.Envelope{}
			if e != nil {
				one = *e
			}
			items = append(items, item{&one, err})
			if len(items) == spool.AheadMost && !flush() {
				return
			}
		}
		flush()
	}
}
