package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// A Walk lists the envelopes in smtpd's queue that some arguments select, in the order
// of their ids. It can be left, so that the connection is free for something else, and
// gone on with.
type Walk struct {
	c     *command.Call
	t     target
	now   int64
	after protocol.EnvelopeID // the last one that was looked at
}

// NewWalk returns a walk over what the arguments of a call select.
func NewWalk(ctx context.Context, c *command.Call) (*Walk, error) {
	sel := selectionIn(c)
	t, err := listedTarget(ctx, c, sel)
	return &Walk{c: c, t: t, now: time.Now().Unix()}, err
}

// Go goes on until f returns false, and reports whether the walk has come to its end.
// Of an envelope that cannot be read only the id is known.
func (w *Walk) Go(ctx context.Context, f func(e *protocol.Envelope) bool) (done bool, err error) {
	conn, err := w.c.Conn(ctx)
	if err != nil {
		return false, err
	}
	for e, err := range w.rest(ctx, conn) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return false, err
		}
		if e.ID <= w.after {
			continue
		}
		w.after = e.ID
		fits := w.t.fits(e, err, w.now)
		if trouble := w.t.trouble(); trouble != nil {
			return false, fmt.Errorf("%s: %w", command.PathOf(w.c), trouble)
		}
		if fits && !f(e) {
			return false, nil
		}
	}
	if err := w.t.mail.finish(ctx, conn); err != nil {
		return false, fmt.Errorf("%s: %w", command.PathOf(w.c), err)
	}
	return true, nil
}

// rest lists what comes after the last one that was looked at.
func (w *Walk) rest(ctx context.Context, conn *protocol.Conn) iter.Seq2[*protocol.Envelope, error] {
	if w.after == 0 {
		return w.t.list(ctx, conn)
	}
	return func(yield func(*protocol.Envelope, error) bool) {
		msg := w.after.Msg()
		last := w.after == msg.Last()
		if !last && !each(conn.MessageEnvelopes(ctx, w.after+1), yield) || msg == 1<<32-1 {
			return
		}
		if w.t.all {
			each(conn.EnvelopesFrom(ctx, msg+1), yield)
			return
		}
		left := w.t.msgs
		for len(left) > 0 && left[0] <= msg {
			left = left[1:]
		}
		if len(left) > 0 {
			each(conn.EnvelopesOf(ctx, left), yield)
		}
	}
}

// each yields all of a sequence, and reports whether more is wanted.
func each(seq iter.Seq2[*protocol.Envelope, error], yield func(*protocol.Envelope, error) bool) bool {
	for e, err := range seq {
		if !yield(e, err) || err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return false
		}
	}
	return true
}

// SortOf returns the name of the order that the arguments of a call ask for, with -
// before it for the reverse, and how many envelopes they want at most.
func SortOf(c *command.Call) (key string, limit int) {
	sel := selectionIn(c)
	return sel.sort, sel.limit
}

// An Order keeps those of envelopes that come first in an order.
type Order struct{ s *sorter }

// NewOrder returns an order by the name of one of SortKeys, with - before it for the
// reverse, which keeps so many envelopes.
func NewOrder(ctx context.Context, c *command.Call, key string, limit int) *Order {
	return &Order{newSorter(ctx, c, key, limit)}
}

// Add takes an envelope in.
func (o *Order) Add(e *protocol.Envelope) error { return o.s.add(e) }

// Sorted returns what was kept, in order.
func (o *Order) Sorted() []protocol.Envelope {
	kept := o.s.sorted()
	out := make([]protocol.Envelope, len(kept))
	for i := range kept {
		out[i] = kept[i].Envelope
	}
	return out
}

// A Group is what envelopes that are alike have in common.
type Group struct {
	Name   string
	Terms  []string // that select it; none if no terms do
	Count  int
	Oldest int64  // when it was created
	Tries  int    // most
	Error  string // that is most frequent, as a pattern
}

// Groups puts envelopes into groups.
type Groups struct{ g *grouper }

// NewGroups returns what groups by the name of a grouping, of which it tells so many
// groups apart.
func NewGroups(ctx context.Context, c *command.Call, name string, most int) *Groups {
	by := &grouping{name, selector.Find(selector.Grouped(), name)}
	return &Groups{newGrouper(ctx, c, by, most)}
}

// Add takes an envelope in.
func (g *Groups) Add(e *protocol.Envelope) error { return g.g.add(e) }

// Sorted returns the groups, the largest first. A name that is empty is that of what
// has nothing there.
func (g *Groups) Sorted() []Group {
	var out []Group
	for _, k := range g.g.sorted() {
		name := k.name
		if name == "" {
			name = g.g.by.field.Group.None
		}
		one := Group{Name: name, Terms: k.terms, Count: k.count, Oldest: k.oldest, Tries: k.tries}
		for _, text := range k.errors.First(1) {
			one.Error = text
		}
		out = append(out, one)
	}
	return out
}

// GroupNames returns the names of the groupings whose groups can be selected by terms.
func GroupNames() []string {
	var names []string
	for _, f := range selector.Grouped() {
		if f.Group.Mail != nil || f.Group.Terms(&protocol.Envelope{}) != nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// SetArg puts envelopes, whose ids ascend, in place of the last argument of a call.
func SetArg(c *command.Call, ids []protocol.EnvelopeID) {
	n := len(c.Args) - 1
	c.Args[n] = ArgSet(c.Args[n].Kind, ids, nil)
	c.Path[len(c.Path)-1] = c.Args[n].Text
}

// UsesStdin reports whether a word of arguments asks for ids on standard input.
func UsesStdin(args []grammar.Arg) bool { return selectionOf(args).stdin }
