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
	missing     int // named by their ids, but not in the queue
	refused     int // looked at, and left alone for what they are
	unsaved     int // kept, since they could not be saved
	tried       int // only looked at, for --dry-run

	p *progress
}

// found returns how many envelopes were looked at.
func (t *tally) found() int {
	return t.done + t.gone + t.suspended + t.running + t.unconfirmed
}

// act does something to the envelopes that the arguments name, or to all.
func (c *Call) act(ctx context.Context, a protocol.Action, verb string) error {
	t := &c.tally
	sel := c.selection()
	var id idArg
	var err error
	if sel.single() {
		// Before the lock: the user may take long to answer.
		if id, err = c.confirmID(ctx, a, sel.ids[0]); err != nil {
			return err
		}
		sel.ids[0] = id
	}
	if c.opts.Save != "" && !c.opts.DryRun {
		if c.saver, err = openSaver(c.opts.Save, c.opts.Spool); err != nil {
			return fmt.Errorf("--save: %w; nothing done", fileError(err))
		}
		defer c.saver.close()
	}
	conn, err := c.conn(ctx)
	if err != nil {
		return err
	}
	plain := !c.opts.DryRun && c.opts.Expect < 0 && c.opts.Save == ""
	switch all := len(c.args) == 0; {
	case all && plain && !c.mustConfirm(a):
		t.p = c.progress(ctx, conn, verb)
		err = c.locked(ctx, func() error { return c.actAll(ctx, conn, a, t) })
	case id.evp != 0 && plain:
		err = c.locked(ctx, func() error { return c.actEnvelope(ctx, conn, a, id.evp, t) })
	default:
		if all || len(sel.ids) == 0 {
			t.p = c.progress(ctx, conn, "looked at")
		}
		err = c.actSelected(ctx, conn, a, sel, t)
	}
	t.p.end()
	if err != nil && t.done == 0 && t.unconfirmed == 0 {
		return err
	}
	if err := c.printTally(a, verb, t); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: only %d %s, %d sent without an answer, the rest not done", err, t.done, verb, t.unconfirmed)
	}
	return c.explainTally(a, verb, t, &sel)
}

// confirmID completes an id that the user has shortened, and asks whether it is
// meant, unless what it stands for will be shown and asked for anyway.
func (c *Call) confirmID(ctx context.Context, a protocol.Action, id idArg) (idArg, error) {
	if id.whole() || !c.mustConfirm(a) {
		return c.confirmShort(ctx, id)
	}
	whole, err := c.complete(ctx, id)
	if err != nil || whole.msg != 0 {
		c.shortened = true
		return whole, err
	}
	return c.confirmShort(ctx, id)
}

// A tallyJSON is the result of an action as JSON shows it.
type tallyJSON struct {
	Command     string `json:"command"`
	DryRun      bool   `json:"dry_run,omitempty"`
	Done        int    `json:"done"`
	Selected    int    `json:"selected,omitempty"`
	Gone        int    `json:"gone,omitempty"`
	Missing     int    `json:"missing,omitempty"`
	Inflight    int    `json:"inflight,omitempty"`
	Skipped     int    `json:"skipped,omitempty"`
	Unsaved     int    `json:"unsaved,omitempty"`
	Unconfirmed int    `json:"unconfirmed,omitempty"`
}

// printTally prints how many envelopes were acted on, as smtpctl does.
func (c *Call) printTally(a protocol.Action, verb string, t *tally) error {
	switch {
	case c.format() == formatJSON:
		return c.printJSON(tallyJSON{
			Command: a.String(), DryRun: c.opts.DryRun, Done: t.done, Selected: t.tried, Gone: t.gone, Missing: t.missing,
			Inflight: t.inflight, Skipped: t.suspended + t.running + t.refused, Unsaved: t.unsaved, Unconfirmed: t.unconfirmed,
		})
	case c.opts.DryRun:
		c.warnf("%s would be %s; nothing was", count(t.tried, "envelope"), verb)
		return nil
	}
	plural := ""
	if t.done > 1 {
		plural = "s"
	}
	_, err := fmt.Fprintf(c.out(), "%d envelope%s %s\n", t.done, plural, verb)
	return err
}

// explainTally says on stderr what the count on stdout leaves out, and whether
// the command failed: it did if it was to act on given ids and could not on any,
// or if something could not be saved.
func (c *Call) explainTally(a protocol.Action, verb string, t *tally, sel *selection) error {
	if t.unsaved > 0 {
		were := "were"
		if t.unsaved == 1 {
			were = "was"
		}
		return fmt.Errorf("%s: %s could not be saved and %s not %s", pathOf(c), count(t.unsaved, "envelope"), were, verb)
	}
	if len(sel.ids) > 0 && t.done == 0 && t.tried == 0 {
		if len(sel.terms) > 0 && t.found()+t.refused == 0 && t.missing < len(sel.ids) {
			return fmt.Errorf("%s: the terms hold for none of them", pathOf(c))
		}
		return fmt.Errorf("%s: %w", pathOf(c), c.nothingDone(a, t))
	}
	if sel.stdin && t.missing > 0 && t.done == 0 && t.tried == 0 {
		return fmt.Errorf("%s: none of the %d ids is in the queue", pathOf(c), t.missing)
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
	if t.refused > 0 && a == protocol.ScheduleEnvelope {
		c.warnf("%s skipped: suspended, or in flight already", count(t.refused, "envelope"))
	}
	if t.gone > 0 {
		c.warnf("%s left the queue meanwhile", count(t.gone, "envelope"))
	}
	if t.missing > 0 {
		c.warnf("%s not in the queue", count(t.missing, "id is", "ids are"))
	}
	return nil
}

// nothingDone returns why nothing was done to an id that the user gave.
func (c *Call) nothingDone(a protocol.Action, t *tally) error {
	switch {
	case t.inflight > 0 && a == protocol.ScheduleEnvelope:
		return errors.New("it is in flight already")
	case t.found() == 0 && t.refused == 0, t.gone > 0:
		return errNoSuchID
	case t.suspended > 0 && a == protocol.ScheduleEnvelope:
		return errors.New("it is suspended: use resume envelope to have it delivered")
	case t.suspended > 0:
		return errors.New("it is suspended already")
	}
	return errors.New("it is not suspended")
}

func (c *Call) actEnvelope(ctx context.Context, conn *protocol.Conn, a protocol.Action, id protocol.EvpID, t *tally) error {
	e, err := lookUp(ctx, conn, id)
	switch {
	case err != nil:
		return err
	case e != nil && !t.wants(a, e):
		return nil
	case e == nil && a == protocol.ScheduleEnvelope:
		return nil // it might be suspended for all that is known
	}
	// An envelope whose file has gone is not listed, but smtpd still has it.
	t.unconfirmed, err = conn.Act(ctx, a, []protocol.EvpID{id}, t.count)
	return err
}

// lookUp asks smtpd for one envelope, and returns nil if it is not listed.
func lookUp(ctx context.Context, conn *protocol.Conn, id protocol.EvpID) (*protocol.Envelope, error) {
	for e, err := range conn.MessageEnvelopes(ctx, id) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		if e.ID != id {
			break
		}
		found := *e
		return &found, nil
	}
	return nil, nil
}

// wants reports whether something is to be done to a listed envelope, and counts
// it if not, because it would change nothing, or do harm. Schedule is the
// dangerous one: smtpd delivers a suspended envelope that is scheduled, and exits
// when it is resumed; and an envelope that is due is in the list of those to
// deliver already, which a second schedule corrupts, so that mail is lost until
// the next start, or smtpd crashes. What is due counts as scheduled, for it is.
func (t *tally) wants(a protocol.Action, e *protocol.Envelope) bool {
	t.p.step()
	suspended := e.Flags&protocol.FlagSuspend != 0
	switch {
	case suspended && (a == protocol.ScheduleEnvelope || a == protocol.PauseEnvelope):
		t.suspended++
		return false
	case !suspended && a == protocol.ResumeEnvelope:
		t.running++
		return false
	case e.Flags&protocol.FlagInflight != 0 && a == protocol.ScheduleEnvelope:
		t.inflight++
		return false
	case a == protocol.ScheduleEnvelope && e.Due(time.Now().Unix()):
		t.done++
		return false
	case e.Flags&protocol.FlagInflight != 0 && a == protocol.RemoveEnvelope:
		t.inflight++
	}
	return true
}

// choose returns wants as a listing of everything needs it. An envelope whose
// text cannot be read is acted on like any other.
func (t *tally) choose(a protocol.Action) func(*protocol.Envelope, error) bool {
	return func(e *protocol.Envelope, _ error) bool { return t.wants(a, e) }
}

// count counts one answer.
func (t *tally) count(_ protocol.EvpID, ok bool) {
	if ok {
		t.done++
	} else {
		t.gone++
	}
}
