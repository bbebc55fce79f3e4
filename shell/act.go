package shell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smtpctl/protocol"
)

func runPauseEnvelope(ctx context.Context, c *Call) error {
	return c.act(ctx, protocol.PauseEnvelope, "paused")
}

func runResumeEnvelope(ctx context.Context, c *Call) error {
	return c.act(ctx, protocol.ResumeEnvelope, "resumed")
}

func runRemove(ctx context.Context, c *Call) error {
	return c.act(ctx, protocol.RemoveEnvelope, "removed")
}

func runSchedule(ctx context.Context, c *Call) error {
	return c.act(ctx, protocol.ScheduleEnvelope, "scheduled")
}

// A tally counts what a command did to envelopes.
type tally struct {
	done        int
	gone        int // no longer there when their turn came, or refused for no known reason
	inflight    int // being delivered: marked by remove, left alone by schedule
	suspended   int // skipped by schedule, or paused already
	running     int // not suspended, so there is nothing to resume
	unconfirmed int // asked for, but the answer never came

	p *progress
}

// found returns how many envelopes were looked at.
func (t *tally) found() int {
	return t.done + t.gone + t.suspended + t.running + t.unconfirmed
}

// act does something to the envelopes that the arguments name, or to all.
func (c *Call) act(ctx context.Context, a protocol.Action, verb string) error {
	var t tally
	var id idArg
	var err error
	if len(c.args) > 0 {
		// Before the lock: the user may take long to answer.
		if id, err = c.confirmShort(ctx, c.id(0)); err != nil {
			return err
		}
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	conn, err := c.conn(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(c.args) == 0:
		t.p = c.progress(ctx, conn, verb)
		err = c.actAll(ctx, conn, a, &t)
	case id.evp != 0:
		err = c.actEnvelope(ctx, conn, a, id.evp, &t)
	default:
		t.unconfirmed, err = conn.ActMessage(ctx, a, id.msg, t.choose(a), t.count)
	}
	t.p.end()
	if err != nil && t.done == 0 && t.unconfirmed == 0 {
		return err
	}
	plural := ""
	if t.done > 1 {
		plural = "s"
	}
	fmt.Fprintf(c.out(), "%d envelope%s %s\n", t.done, plural, verb)
	if err != nil {
		return fmt.Errorf("%w: only %d %s, %d sent without an answer, the rest not done", err, t.done, verb, t.unconfirmed)
	}
	return c.explainTally(a, &t)
}

// explainTally says on stderr what the count on stdout leaves out, and whether
// the command failed: it did if it was to act on a given id and could not.
func (c *Call) explainTally(a protocol.Action, t *tally) error {
	named := len(c.args) > 0
	if named && t.done == 0 {
		return fmt.Errorf("%s: %w", pathOf(c), c.nothingDone(a, t))
	}
	if t.inflight > 0 && a == protocol.RemoveEnvelope {
		c.warnf("%s in flight: gone when the delivery attempt ends, unless it succeeds", count(t.inflight, "of them is", "of them are"))
	}
	if t.inflight > 0 && a == protocol.ScheduleEnvelope {
		c.warnf("%s in flight already", count(t.inflight, "envelope is", "envelopes are"))
	}
	if t.suspended > 0 && a == protocol.ScheduleEnvelope {
		c.warnf("%s skipped: use resume envelope to have them delivered", count(t.suspended, "suspended envelope"))
	}
	if t.suspended > 0 && a == protocol.PauseEnvelope {
		c.warnf("%s suspended already", count(t.suspended, "envelope was", "envelopes were"))
	}
	if t.gone > 0 {
		c.warnf("%s left the queue meanwhile", count(t.gone, "envelope"))
	}
	return nil
}

// nothingDone returns why nothing was done to an id that the user gave.
func (c *Call) nothingDone(a protocol.Action, t *tally) error {
	switch {
	case t.inflight > 0 && a == protocol.ScheduleEnvelope:
		return errors.New("it is in flight already")
	case t.found() == 0, t.gone > 0:
		return errNoSuchID
	case t.suspended > 0 && a == protocol.ScheduleEnvelope:
		return errors.New("it is suspended: use resume envelope to have it delivered")
	case t.suspended > 0:
		return errors.New("it is suspended already")
	}
	return errors.New("it is not suspended")
}

// A listed is what an action has to know of an envelope.
type listed struct {
	id    protocol.EvpID
	flags protocol.Flags
	next  int64 // when it is due
}

// dueMargin is how many seconds before an envelope is due schedule leaves it
// alone: more than pass between the look at it and the request.
const dueMargin = 5

// due reports whether smtpd delivers the envelope at once or very soon anyway,
// or would if relaying were not paused.
func (e *listed) due(now int64) bool {
	return e.flags&protocol.FlagPending != 0 && e.flags&protocol.FlagHold == 0 && e.next <= now+dueMargin
}

func (c *Call) actEnvelope(ctx context.Context, conn *protocol.Conn, a protocol.Action, id protocol.EvpID, t *tally) error {
	e, known, err := lookUp(ctx, conn, id)
	switch {
	case err != nil:
		return err
	case known && !t.wants(a, e):
		return nil
	case !known && a == protocol.ScheduleEnvelope:
		return nil // it might be suspended for all that is known
	}
	// An envelope whose file has gone is not listed, but smtpd still has it.
	t.unconfirmed, err = conn.Act(ctx, a, []protocol.EvpID{id}, t.count)
	return err
}

// lookUp asks smtpd for the state of one envelope.
func lookUp(ctx context.Context, conn *protocol.Conn, id protocol.EvpID) (l listed, known bool, err error) {
	for e, err := range conn.MessageEnvelopes(ctx, id) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return l, false, err
		}
		return listed{e.ID, e.Flags, e.NextTry}, e.ID == id, nil
	}
	return l, false, nil
}

// wants reports whether something is to be done to a listed envelope, and counts
// it if not, because it would change nothing, or do harm. Schedule is the
// dangerous one: smtpd delivers a suspended envelope that is scheduled, and exits
// when it is resumed; and an envelope that is due is in the list of those to
// deliver already, which a second schedule corrupts, so that mail is lost until
// the next start, or smtpd crashes. What is due counts as scheduled, for it is.
func (t *tally) wants(a protocol.Action, e listed) bool {
	t.p.step()
	suspended := e.flags&protocol.FlagSuspend != 0
	switch {
	case suspended && (a == protocol.ScheduleEnvelope || a == protocol.PauseEnvelope):
		t.suspended++
		return false
	case !suspended && a == protocol.ResumeEnvelope:
		t.running++
		return false
	case e.flags&protocol.FlagInflight != 0 && a == protocol.ScheduleEnvelope:
		t.inflight++
		return false
	case a == protocol.ScheduleEnvelope && e.due(time.Now().Unix()):
		t.done++
		return false
	case e.flags&protocol.FlagInflight != 0 && a == protocol.RemoveEnvelope:
		t.inflight++
	}
	return true
}

// choose returns wants as a listing needs it. An envelope whose text cannot be
// read is acted on like any other.
func (t *tally) choose(a protocol.Action) func(*protocol.Envelope, error) bool {
	return func(e *protocol.Envelope, _ error) bool { return t.wants(a, listed{e.ID, e.Flags, e.NextTry}) }
}

// count counts one answer.
func (t *tally) count(_ protocol.EvpID, ok bool) {
	if ok {
		t.done++
	} else {
		t.gone++
	}
}
