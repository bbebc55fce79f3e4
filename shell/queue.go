package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// runShowQueue lists the queue, or one message of it. Where smtpd is not
// running it reads the disk, as smtpctl does, but says so.
func runShowQueue(ctx context.Context, c *Call) error {
	now := time.Now().Unix()
	conn, err := c.conn(ctx)
	if errors.Is(err, protocol.ErrNotRunning) {
		return c.showOffline(ctx, now)
	}
	if err != nil {
		return err
	}
	list := conn.Envelopes(ctx)
	if len(c.args) > 0 {
		msg, err := c.resolveMessage(ctx, c.id(0))
		if err != nil {
			return err
		}
		list = conn.MessageEnvelopes(ctx, msg.First())
	}
	var line []byte
	n, bad := 0, 0
	for e, err := range list {
		if errors.Is(err, protocol.ErrNotEnvelope) {
			bad++
			c.warnf("smtpctl: %s", render.Safe(err.Error()))
			continue
		}
		if err != nil {
			return err
		}
		n++
		line = render.AppendEnvelope(line[:0], e, now, true)
		if _, err := c.out().Write(line); err != nil {
			return fmt.Errorf("standard output: %w", fileError(err))
		}
	}
	return c.listed(n, bad)
}

// showOffline lists the queue on disk.
func (c *Call) showOffline(ctx context.Context, now int64) error {
	sp := c.spool()
	c.warnf("smtpctl: smtpd is not running: this is the queue on disk, in %s", render.Safe(sp.Queue()))
	lo, hi := protocol.EvpID(0), ^protocol.EvpID(0)
	if len(c.args) > 0 {
		msg, err := c.resolveMessage(ctx, c.id(0))
		if err != nil {
			return err
		}
		lo, hi = msg.First(), msg.Last()
	}
	var line []byte
	n, bad := 0, 0
	for e, err := range sp.Envelopes() {
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		switch {
		case err != nil && e.ID == 0 && n == 0 && bad == 0 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
			return fmt.Errorf("show queue: smtpd is not running and its queue cannot be read: %w", fileError(err))
		case err != nil:
			bad++
			c.warnf("smtpctl: %s", render.Safe(fileError(err).Error()))
			continue
		case e.ID < lo || e.ID > hi:
			continue
		}
		n++
		line = render.AppendEnvelope(line[:0], &e, now, false)
		if _, err := c.out().Write(line); err != nil {
			return fmt.Errorf("standard output: %w", fileError(err))
		}
	}
	return c.listed(n, bad)
}

// listed ends a listing that showed n envelopes and could not read bad ones.
func (c *Call) listed(n, bad int) error {
	switch {
	case bad > 0:
		return fmt.Errorf("show queue: %s could not be read, see above", count(bad, "envelope"))
	case n == 0 && len(c.args) > 0:
		return fmt.Errorf("show queue %q: %w", c.text(0), errNoSuchID)
	}
	return nil
}

// count writes a number with its noun, whose plural adds an s unless it is
// given.
func count(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}

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
}

// found returns how many envelopes were looked at.
func (t *tally) found() int {
	return t.done + t.gone + t.suspended + t.running + t.unconfirmed
}

// actPage is how many envelopes are listed before they are acted on: few enough
// for that to take less time than dueMargin on a slow machine.
const actPage = 2048

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
	if len(c.args) == 0 {
		err = c.actAll(ctx, conn, a, &t)
	} else if id.evp != 0 {
		err = c.actEnvelope(ctx, conn, a, id.evp, &t)
	} else {
		err = c.actMessage(ctx, conn, a, id.msg, &t)
	}
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

// actAll goes through the whole queue, some thousand envelopes at a time.
func (c *Call) actAll(ctx context.Context, conn *protocol.Conn, a protocol.Action, t *tally) error {
	var from protocol.MsgID
	for {
		var page []listed
		next := protocol.MsgID(0)
		for e, err := range conn.EnvelopesFrom(ctx, from) {
			if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
				return err
			}
			if len(page) >= actPage && e.ID.Msg() != page[len(page)-1].id.Msg() {
				next = e.ID.Msg()
				break
			}
			page = append(page, listed{e.ID, e.Flags, e.NextTry})
		}
		if err := c.actOn(ctx, conn, a, page, t); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		from = next
	}
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

func (c *Call) actMessage(ctx context.Context, conn *protocol.Conn, a protocol.Action, msg protocol.MsgID, t *tally) error {
	var all []listed
	for e, err := range conn.MessageEnvelopes(ctx, msg.First()) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		all = append(all, listed{e.ID, e.Flags, e.NextTry})
	}
	return c.actOn(ctx, conn, a, all, t)
}

func (c *Call) actEnvelope(ctx context.Context, conn *protocol.Conn, a protocol.Action, id protocol.EvpID, t *tally) error {
	e, known, err := lookUp(ctx, conn, id)
	switch {
	case err != nil:
		return err
	case known:
		return c.actOn(ctx, conn, a, []listed{e}, t)
	case a == protocol.ScheduleEnvelope:
		return nil // it might be suspended for all that is known
	}
	// An envelope whose file has gone is not listed, but smtpd still has it.
	return c.send(ctx, conn, a, []protocol.EvpID{id}, t)
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

// actOn does something to listed envelopes, leaving out those where it would
// change nothing, or do harm. Schedule is the dangerous one: smtpd delivers a
// suspended envelope that is scheduled, and exits when it is resumed; and an
// envelope that is due is in the list of those to deliver already, which a
// second schedule corrupts, so that mail is lost until the next start, or smtpd
// crashes. What is due counts as scheduled, for it is.
func (c *Call) actOn(ctx context.Context, conn *protocol.Conn, a protocol.Action, all []listed, t *tally) error {
	ids := make([]protocol.EvpID, 0, len(all))
	inflight, now := 0, time.Now().Unix()
	for _, e := range all {
		suspended := e.flags&protocol.FlagSuspend != 0
		switch {
		case suspended && (a == protocol.ScheduleEnvelope || a == protocol.PauseEnvelope):
			t.suspended++
			continue
		case !suspended && a == protocol.ResumeEnvelope:
			t.running++
			continue
		case e.flags&protocol.FlagInflight != 0 && a == protocol.ScheduleEnvelope:
			t.inflight++
			continue
		case a == protocol.ScheduleEnvelope && e.due(now):
			t.done++
			continue
		case e.flags&protocol.FlagInflight != 0 && a == protocol.RemoveEnvelope:
			inflight++
		}
		ids = append(ids, e.id)
	}
	t.inflight += inflight
	return c.send(ctx, conn, a, ids, t)
}

// send asks smtpd and counts its answers.
func (c *Call) send(ctx context.Context, conn *protocol.Conn, a protocol.Action, ids []protocol.EvpID, t *tally) error {
	unconfirmed, err := conn.Act(ctx, a, ids, func(_ protocol.EvpID, ok bool) {
		if ok {
			t.done++
		} else {
			t.gone++
		}
	})
	t.unconfirmed += unconfirmed
	return err
}
