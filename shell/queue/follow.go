package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// Limits of --follow.
const (
	followEvery = time.Second // between two looks
	followShare = 10          // times as long as a look took is waited for at least
	maxFollowed = 100_000     // envelopes, some 30 MB
)

// The events of an envelope that is followed.
const (
	eventCame  = "came"
	eventTried = "tried"
	eventLeft  = "left"
)

// A FollowJSON is an event of an envelope in JSON.
type FollowJSON struct {
	Time     render.Time         `json:"time"`
	Event    string              `json:"event"`
	Envelope render.EnvelopeJSON `json:"envelope"`
}

// followFlag is the flag that keeps show queue running.
const followFlag = "follow"

// checkFollow refuses what cannot be followed, before anything is sent.
func checkFollow(c *command.Call) error {
	if c.Flag(followFlag) == "" {
		return nil
	}
	sel := selectionIn(c)
	_, deep := sel.terms.Split()
	switch {
	case c.Opts.From != "":
		return command.Usagef("%s: --follow lists smtpd's queue and does not work with --from", command.PathOf(c))
	case sel.sort != "" || sel.limit > 0 || hasColumns(c):
		return command.Usagef("%s: --follow takes no sort=, limit= or columns=", command.PathOf(c))
	case len(deep) > 0:
		return command.Usagef("%s: --follow takes no %s=, because it reads no messages", command.PathOf(c), deep[0].Key)
	case sel.stdin:
		return command.Usagef("%s: --follow takes no ids on standard input", command.PathOf(c))
	}
	return nil
}

// A followed is the part of an envelope that is kept: enough to print it when it has
// left.
type followed struct {
	e    protocol.Envelope // with the fields that a line needs
	seen int               // the look that found it last
}

// keep returns a copy of the fields that a line needs.
func keep(e *protocol.Envelope) protocol.Envelope {
	address := func(a protocol.Address) protocol.Address {
		return protocol.Address{User: strings.Clone(a.User), Domain: strings.Clone(a.Domain)}
	}
	return protocol.Envelope{ID: e.ID, Type: e.Type, Flags: e.Flags, Sender: address(e.Sender), Rcpt: address(e.Rcpt), Dest: address(e.Dest),
		Created: e.Created, LastTry: e.LastTry, NextTry: e.NextTry, Retry: e.Retry, ErrorLine: strings.Clone(e.ErrorLine)}
}

// A follower compares each listing of the queue with the one before.
type follower struct {
	c       *command.Call
	t       target
	known   map[protocol.EnvelopeID]*followed
	looks   int
	startup int64 // of smtpd, 0 before the first look
	// After a restart smtpd loads its queue gradually. No event is printed until two
	// listings have the same number of envelopes.
	settling bool
	found    int
	down     bool // smtpd did not answer last time

	// Of one of several machines:
	room      *followRoom
	counted   int       // envelopes for which it has room
	next      time.Time // it is not looked at before
	measuring bool      // rows only show how wide the columns are to be

	// The event that a line prints.
	event string
	e     *protocol.Envelope
	now   int64
	lines *command.Rows
}

// runFollow prints a line whenever an envelope arrives, is tried or leaves.
func runFollow(ctx context.Context, c *command.Call, sel selection) error {
	t, err := listedTarget(ctx, c, sel)
	if err != nil {
		return err
	}
	f := &follower{c: c, t: t, known: map[protocol.EnvelopeID]*followed{}}
	f.makeLines()
	for {
		began := time.Now()
		if err := f.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(followEvery, followShare*time.Since(began))):
		}
	}
}

// look lists the queue once. smtpd may be unreachable, but not the first time.
func (f *follower) look(ctx context.Context) error {
	events, err := f.events(ctx)
	var tooMany *tooManyError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case f.room != nil && (f.looks == 0 || errors.As(err, &tooMany)):
		return err // which gets the name of the machine
	case f.looks == 0 || errors.As(err, &tooMany):
		return fmt.Errorf("%s: %w", command.PathOf(f.c), err)
	case !f.down:
		f.down = true
		f.c.Warnf("smtpctl: %s: %v: trying again", command.PathOf(f.c), err)
		return nil
	default:
		return nil
	}
	if f.down {
		f.down = false
		f.c.Warnf("smtpctl: smtpd answers again")
	}
	for _, print := range events {
		if err := print(); err != nil {
			return err
		}
	}
	return f.c.Out.Flush()
}

// A tooManyError means that more envelopes are selected than can be followed.
type tooManyError struct{}

func (*tooManyError) Error() string {
	return fmt.Sprintf("more than %d envelopes are selected, and no more can be followed: give terms that select fewer", maxFollowed)
}

// events returns functions that print the events since the last listing.
func (f *follower) events(ctx context.Context) ([]func() error, error) {
	conn, err := f.c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	d, err := conn.Digest(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	list, err := f.listed(ctx, conn, now)
	if err != nil {
		return nil, err
	}
	if !f.room.keep(len(list) - f.counted) {
		return nil, &tooManyError{}
	}
	f.counted = len(list)
	first := f.looks == 0
	f.looks++
	if !first && d.Startup != f.startup {
		f.settling, f.found = true, -1
		f.c.Warnf("smtpctl: smtpd was restarted: the envelopes that it loads now are not printed")
	}
	f.startup = d.Startup
	if f.settling {
		f.settling, f.found = f.found != len(list), len(list)
		if f.settling {
			return nil, nil
		}
	}
	if first {
		for i := range list {
			f.known[list[i].ID] = &followed{e: list[i]}
		}
		f.c.Warnf("smtpctl: following %s; Ctrl-C ends", render.Plural(len(list), "envelope"))
		f.measure(list, now)
		return nil, nil
	}
	return f.compare(list, now), nil
}

// listed returns the envelopes that are selected now.
func (f *follower) listed(ctx context.Context, conn *protocol.Conn, now int64) ([]protocol.Envelope, error) {
	var list []protocol.Envelope
	defer func() { f.room.listed(len(list)) }()
	for e, err := range f.t.list(ctx, conn) {
		switch {
		case errors.Is(err, protocol.ErrNotEnvelope):
			continue
		case err != nil:
			return nil, err
		case !f.t.match(e, now):
			continue
		case len(list) == maxFollowed || !f.room.list():
			return nil, &tooManyError{}
		}
		list = append(list, keep(e))
	}
	return list, nil
}

// compare stores a listing, and returns functions that print what is new in it.
func (f *follower) compare(list []protocol.Envelope, now int64) []func() error {
	var out []func() error
	say := func(event string, e *protocol.Envelope) {
		out = append(out, func() error {
			f.event, f.e, f.now = event, e, now
			return f.lines.Print()
		})
	}
	for i := range list {
		e := &list[i]
		old := f.known[e.ID]
		switch {
		case old == nil:
			old = &followed{}
			f.known[e.ID] = old
			say(eventCame, e)
		case e.Retry != old.e.Retry || e.LastTry != old.e.LastTry:
			say(eventTried, e)
		}
		old.e, old.seen = *e, f.looks
	}
	var left []*protocol.Envelope
	for id, old := range f.known {
		if old.seen != f.looks {
			left = append(left, &old.e)
			delete(f.known, id)
		}
	}
	slices.SortFunc(left, func(a, b *protocol.Envelope) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	for _, e := range left {
		say(eventLeft, e)
	}
	return out
}

// makeLines prepares the output of events.
func (f *follower) makeLines() {
	row := func() selector.Row { return selector.Row{Envelope: f.e, Now: f.now, Online: true} }
	fields := []string{"id", "tries", "from", "to", "error"}
	cells := func(of func(col *selector.Column, r selector.Row) string, clock func() string) func() []string {
		return func() []string {
			out := []string{clock(), f.event}
			for _, name := range fields {
				out = append(out, of(selector.Find(selector.Fields(), name).Shown, row()))
			}
			return out
		}
	}
	local := func() string { return time.Unix(f.now, 0).Format(time.TimeOnly) }
	full := func() string { return time.Unix(f.now, 0).UTC().Format(time.RFC3339) }
	rows := command.Rows{
		JSON: func(b []byte) ([]byte, error) {
			return render.AppendJSON(b, FollowJSON{render.Time(f.now), f.event, selector.JSONOf(row())})
		},
		Text: func(b []byte) ([]byte, error) {
			b = fmt.Appendf(b, "%d|%s|", f.now, f.event)
			return selector.AppendPlain(b, row()), nil
		},
		Cells:   cells(func(col *selector.Column, r selector.Row) string { return col.Cell(r) }, local),
		Long:    cells((*selector.Column).Longer, full),
		Values:  cells((*selector.Column).ValueOf, full),
		Columns: []render.Column{{Head: "TIME"}, {Head: "EVENT"}},
		Labels:  append([]string{"time", "event"}, fields...),
		Names:   append([]string{"time", "event"}, fields...),
	}
	for _, name := range fields {
		field := selector.Find(selector.Fields(), name)
		rows.Columns = append(rows.Columns, render.Column{Head: field.Column, Right: field.Shown.Right, Cut: field.Shown.Cut, Paint: field.Shown.Paint})
	}
	f.lines = f.c.Rows(rows)
}

// measure makes the columns wide enough for the envelopes that are in the queue.
func (f *follower) measure(list []protocol.Envelope, now int64) {
	for i := range list[:min(len(list), followSample)] {
		f.event, f.e, f.now = eventTried, &list[i], now
		if f.measuring = f.room != nil; f.measuring {
			_ = f.lines.Print() // it only keeps the row
		}
		f.lines.Measure()
		f.measuring = false
	}
}

// followSample is how many envelopes determine the widths of the columns.
const followSample = 50
