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
)

// An AfterJSON says where scheduled envelopes are a moment later.
type AfterJSON struct {
	Left     int `json:"left"`     // no longer in the queue: delivered or bounced
	Inflight int `json:"inflight"` // being delivered now
	Held     int `json:"held"`     // on hold: their relay is at its limit
	Back     int `json:"back"`     // back at their old time
	Retried  int `json:"retried"`  // tried in vain, with a new time
	Waiting  int `json:"waiting"`  // due, and not taken up yet

	Again int `json:"again,omitempty"` // how often one of them came back untried and was scheduled again
}

// Times of the check after schedule.
const (
	afterMost  = 300 * time.Millisecond // how long smtpd may take to take mail up
	afterEvery = 30 * time.Millisecond
)

// lookAfter finds out what smtpd has done with the envelopes that it was told to
// deliver. Its OK means only that it will try: if a relay is at its limits, the rest is
// put on hold, and returns to its former time when the relay releases it
// (scheduler_ramqueue.c).
func lookAfter(ctx context.Context, c *command.Call, conn *protocol.Conn, t *tally) {
	switch {
	case t.done == 0 || len(t.looked) == 0:
		return
	case len(t.looked) > maxLooked:
		t.note("more than %d were scheduled: what smtpd makes of so many is not looked at: show queue by state", maxLooked)
		return
	}
	defer c.Progress("looking what smtpd makes of them", 0).End()
	looked := t.taken()
	status, err := conn.Status(ctx)
	deadline := time.Now().Add(afterMost)
	for err == nil {
		if t.after, err = LookOnce(ctx, conn, looked); err != nil {
			break
		}
		if t.after.Waiting == 0 || status.Paused(protocol.MTA) || status.Paused(protocol.MDA) || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(afterEvery):
		}
	}
	if err != nil {
		t.note("what smtpd has made of them could not be looked at: %v", err)
		return
	}
	if err := t.again(ctx, c, conn, looked); err != nil {
		t.note("what came back untried was not all scheduled again: %v", err)
	}
	if n := t.after.Again; n > 0 {
		t.note("smtpd put some back untried, which were scheduled again: %s more, in %v at most", render.Plural(n, "request"), againFor)
	}
	t.note("of them, now: %s", t.after)
	if t.after.Held > 0 {
		t.note("on hold is what its relay has no room for: it goes back to its old time when the relay goes on, and has to be scheduled again then")
	}
	if t.after.Back > 0 {
		t.note("back at its old time is what its relay had no room for: schedule it again when the relay has less to do")
	}
	if t.after.Waiting > 0 {
		for _, s := range []protocol.Subsystem{protocol.MTA, protocol.MDA} {
			if status.Paused(s) {
				t.note("%s is paused: what is due waits for resume %s", strings.ToLower(s.String()), strings.ToLower(s.String()))
			}
		}
	}
}

// taken returns the envelopes that schedule was sent for, without those that smtpd
// refused.
func (t *tally) taken() []Look {
	failed := slices.Clone(t.failed)
	slices.Sort(failed)
	return slices.DeleteFunc(t.looked, func(l Look) bool {
		_, no := slices.BinarySearch(failed, l.ID)
		return no
	})
}

// idsOf returns the ids of envelopes that were looked at.
func idsOf(looked []Look) []protocol.EnvelopeID {
	ids := make([]protocol.EnvelopeID, len(looked))
	for i, l := range looked {
		ids[i] = l.ID
	}
	return ids
}

// LookOnce says where scheduled envelopes, given in the order of their ids, are now.
func LookOnce(ctx context.Context, conn *protocol.Conn, looked []Look) (*AfterJSON, error) {
	ids := idsOf(looked)
	now := time.Now().Unix()
	a := &AfterJSON{Left: len(looked)}
	for e, err := range conn.EnvelopesOf(ctx, MessagesOf(ids)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		i, ok := slices.BinarySearch(ids, e.ID)
		if !ok {
			continue
		}
		a.Left--
		switch was := looked[i]; {
		case e.Flags&protocol.FlagInflight != 0:
			a.Inflight++
		case e.Flags&protocol.FlagHold != 0:
			a.Held++
		case e.Due(now):
			a.Waiting++
		case e.Retry > was.Tries:
			a.Retried++
		default:
			a.Back++
		}
	}
	return a, nil
}

// String lists the numbers that are not zero.
func (a *AfterJSON) String() string {
	var parts []string
	for _, n := range []struct {
		count int
		what  string
	}{
		{a.Left, "no longer in the queue, delivered or bounced"}, {a.Inflight, "in flight"}, {a.Held, "on hold"},
		{a.Back, "back at their former time"}, {a.Retried, "tried and failed"}, {a.Waiting, "due"},
	} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return strings.Join(parts, "; ")
}

// note adds a sentence to the notes of the result.
func (t *tally) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// lookIntoFailures finds out why smtpd refused to act on envelopes, because its FAIL
// gives no reason. An envelope that is no longer listed has left the queue; an envelope
// that is in the wanted state was in that state before.
func lookIntoFailures(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, t *tally) error {
	if t.failures == 0 {
		return nil
	}
	t.gone += t.failures
	t.failures = 0
	failed := slices.Clone(t.failed)
	slices.Sort(failed)
	now := time.Now().Unix()
	for e, err := range conn.EnvelopesOf(ctx, MessagesOf(failed)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if _, ok := slices.BinarySearch(failed, e.ID); !ok {
			continue
		}
		t.gone--
		if !t.leaves(FateOf(a, e, now)) {
			t.refused++
		}
	}
	return nil
}

// lookForFlights counts envelopes that went in flight between their check and their
// pausing: the current attempt continues. byMessage says that the queue was paused
// message by message and nothing was in flight before.
func lookForFlights(ctx context.Context, c *command.Call, conn *protocol.Conn, t *tally, byMessage bool) error {
	if !conn.Far() { // to look at the envelopes takes fewer round trips than to ask whether any is in flight
		if n, err := conn.Inflight(ctx); err != nil || n == 0 {
			return err
		}
	}
	list := conn.Envelopes(ctx)
	if !byMessage {
		list = conn.EnvelopesOf(ctx, MessagesOf(t.acted))
	}
	p := c.Progress("looked for attempts under way:", 0)
	defer p.End()
	const both = protocol.FlagSuspend | protocol.FlagInflight
	for e, err := range list {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if p.Step(); e.Flags&both != both || t.flying[e.ID] {
			continue
		}
		if _, ok := slices.BinarySearch(t.acted, e.ID); ok || byMessage {
			t.inflight++
		}
	}
	return nil
}
