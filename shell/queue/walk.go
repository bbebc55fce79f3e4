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

// A Walk lists the envelopes in smtpd's queue that arguments select, in the order of
// their ids. It can be interrupted, so that the connection is free for other requests,
// and resumed.
type Walk struct {
	c     *command.Call
	t     target
	now   int64
	after protocol.EnvelopeID // the last one that was looked at
	n     int                 // envelopes that were looked at

	Heard func() // if set, it is called for each envelope that smtpd lists, selected or not
}

// All reports whether the walk covers the whole queue.
func (w *Walk) All() bool { return w.t.all }

// Looked returns how many envelopes the walk has listed, selected or not.
func (w *Walk) Looked() int { return w.n }

// NewWalk returns a walk for the arguments of a call.
func NewWalk(ctx context.Context, c *command.Call) (*Walk, error) {
	sel := selectionIn(c)
	t, err := listedTarget(ctx, c, sel)
	return &Walk{c: c, t: t, now: time.Now().Unix()}, err
}

// Go continues the walk until f returns false, and reports whether the walk has reached
// its end. If an envelope cannot be read, only its id is known.
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
		w.n++
		if w.Heard != nil {
			w.Heard()
		}
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

// rest lists the envelopes after the last listed one.
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

// each yields all of a sequence, and reports whether the caller wants more.
func each(seq iter.Seq2[*protocol.Envelope, error], yield func(*protocol.Envelope, error) bool) bool {
	for e, err := range seq {
		if !yield(e, err) || err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return false
		}
	}
	return true
}

// SortOf returns the order that the arguments of a call ask for, with - before its name
// for the reverse, and the largest number of envelopes that they ask for.
func SortOf(c *command.Call) (key string, limit int) {
	sel := selectionIn(c)
	return sel.sort, sel.limit
}

// A Group counts envelopes that are alike in a grouping.
type Group struct {
	Name   string
	Terms  []string // that select it; none if no terms do
	Count  int
	Oldest int64  // when it was created
	Tries  int    // most
	Error  string // that is most frequent, as a pattern
}

// Groups sorts envelopes into groups.
type Groups struct{ g *grouper }

// NewGroups returns the groups of the named grouping, of which at most the given number
// are counted separately.
func NewGroups(ctx context.Context, c *command.Call, name string, most int) *Groups {
	by := &grouping{name, selector.Find(selector.Grouped(), name)}
	return &Groups{newGrouper(ctx, c, by, most)}
}

// Add counts an envelope in its group.
func (g *Groups) Add(e *protocol.Envelope) error {
	_, err := g.g.add(e)
	return err
}

// Sorted returns the groups, the largest first. The empty name stands for envelopes
// without the field.
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

// GroupNames returns the names of the groupings whose groups terms can select.
func GroupNames() []string {
	var names []string
	for _, f := range selector.Grouped() {
		if f.Group.Mail != nil || f.GroupTerms(&protocol.Envelope{}) != nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// SetArg replaces the last argument of a call by envelopes, whose ids must ascend.
func SetArg(c *command.Call, ids []protocol.EnvelopeID) {
	n := len(c.Args) - 1
	c.Args[n] = ArgSet(c.Args[n].Kind, ids, nil)
	c.Path[len(c.Path)-1] = c.Args[n].Text
}

// Shortened reports whether an id among arguments is only the beginning of one.
func Shortened(args []grammar.Arg) bool {
	for i, a := range args {
		time := i > 0 && args[i-1].Value == "for" // as in wait for 5d, which may be an id, too
		if id, ok := a.Value.(IDArg); ok && !id.Whole() && !time {
			return true
		}
	}
	return false
}

// UsesStdin reports whether one of the arguments is -.
func UsesStdin(args []grammar.Arg) bool { return selectionOf(args).stdin }
