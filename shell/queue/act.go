// Package queue lists the envelopes in smtpd's queue, selects envelopes, and acts on
// them.
package queue

import (
	"context"
	"errors"
	"fmt"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

func runPauseEnvelope(ctx context.Context, c *command.Call) error {
	return act(ctx, c, protocol.PauseEnvelope, "paused")
}

func runResumeEnvelope(ctx context.Context, c *command.Call) error {
	return act(ctx, c, protocol.ResumeEnvelope, "resumed")
}

func runRemove(ctx context.Context, c *command.Call) error {
	return act(ctx, c, protocol.RemoveEnvelope, "removed")
}

func runSchedule(ctx context.Context, c *command.Call) error {
	if pace, stop, ok := paceIn(c); ok {
		return runPaced(ctx, c, pace, stop)
	}
	return act(ctx, c, protocol.ScheduleEnvelope, "scheduled")
}

// act applies an action to the envelopes that the arguments select, or to all. The
// outcome is logged before anything is printed.
func act(ctx context.Context, c *command.Call, a protocol.Action, verb string) error {
	return actTallied(ctx, c, a, verb, &tally{keeper: newKeeper(c, a)})
}

// actTallied is act that also returns the tally.
func actTallied(ctx context.Context, c *command.Call, a protocol.Action, verb string, t *tally) error {
	sel := selectionIn(c)
	err := carryOut(ctx, c, a, verb, &sel, t)
	t.keeper.kept(c, t)
	if t.saver != nil && t.done > 0 {
		c.Copies = t.saver.Dir()
	}
	c.Undo = undoOf(c, a, t)
	if err != nil && t.done == 0 && t.unconfirmed == 0 {
		c.Counts = t.counts()
		return command.NothingDone(ctx, c, err, "nothing "+verb)
	}
	t.mark.counted(t)
	if err != nil {
		err = command.Stopped(ctx, c, err, t.soFar(verb))
	} else {
		err = failureOf(c, a, verb, t, &sel)
	}
	c.Counts = t.counts()
	c.AuditEnd(err)
	if a == protocol.ScheduleEnvelope && ctx.Err() == nil {
		if conn, cerr := c.Conn(ctx); cerr == nil {
			lookAfter(ctx, c, conn, t)
		}
	}
	if perr := printTally(c, a, verb, t, err != nil && sel.single()); perr != nil && err == nil {
		err = perr
	}
	return err
}

// soFar says how many envelopes an interrupted action was carried out for.
func (t *tally) soFar(verb string) string {
	text := fmt.Sprintf("%d %s", t.done, verb)
	if t.unconfirmed > 0 {
		text += fmt.Sprintf(", %d asked for without an answer", t.unconfirmed)
	}
	if t.failures > 0 {
		text += fmt.Sprintf(", %d refused or gone", t.failures)
	}
	if left := t.planned - t.done - t.unconfirmed - t.failures; t.planned > 0 {
		return text + fmt.Sprintf(", %d as before", max(left, 0))
	}
	return text + ", the rest as before"
}

// carryOut does the work of act, up to the first output.
func carryOut(ctx context.Context, c *command.Call, a protocol.Action, verb string, sel *selection, t *tally) error {
	var id IDArg
	var err error
	if sel.single() {
		// The question comes before the lock, because the user may take long to answer.
		if id, err = confirmID(ctx, c, sel.ids[0], t); err != nil {
			return err
		}
		sel.ids[0] = id
	}
	if c.Opts.Save != "" && !c.Opts.DryRun {
		if t.saver, err = openSaver(c); err != nil {
			return fmt.Errorf("--save: %w; nothing done", command.FileError(err))
		}
		saver := t.saver
		defer func() {
			if err := saver.Close(); err != nil {
				c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: --save: the copies are complete, their journal may not be: %v", command.FileError(err))))
			}
		}()
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	plain := !c.Opts.DryRun && c.Opts.Expect < 0 && c.Opts.Save == ""
	byMessage := false
	switch all := len(c.Args) == 0; {
	case all && plain && t.keeper == nil && !asksFirst(c):
		t.watch(ctx, c, conn, verb, &target{all: true}, 0)
		defer t.unwatch()
		err = disk.Locked(ctx, c, func() error {
			byMessage, err = actAll(ctx, c, conn, a, t)
			return err
		})
	case id.evp != 0 && plain:
		err = disk.Locked(ctx, c, func() error { return actEnvelope(ctx, c, conn, a, id.evp, t) })
	default:
		err = actSelected(ctx, c, conn, a, verb, *sel, t)
	}
	if err != nil || c.Opts.DryRun {
		return err
	}
	if conn, err = c.Conn(ctx); err != nil {
		return err
	}
	if err := lookIntoFailures(ctx, c, conn, a, t); err != nil {
		return err
	}
	if a == protocol.PauseEnvelope && t.done > 0 {
		return lookForFlights(ctx, c, conn, t, byMessage)
	}
	return nil
}

// confirmID completes a shortened id. It asks whether that id is meant, unless the
// envelopes are shown with a question anyway.
func confirmID(ctx context.Context, c *command.Call, id IDArg, t *tally) (IDArg, error) {
	if id.Whole() || !asksFirst(c) {
		return confirmShort(ctx, c, id)
	}
	whole, err := completeID(ctx, c, id)
	if err != nil || whole.msg != 0 {
		t.shortened = true
		return whole, err
	}
	return confirmShort(ctx, c, id)
}

// printTally prints how many envelopes were acted on, as OpenSMTPD's smtpctl does, and
// on standard error what that count leaves out. For a single id to which nothing was
// done, the error says it instead.
func printTally(c *command.Call, a protocol.Action, verb string, t *tally, silent bool) error {
	if t.mark.quiet(c, t) {
		return nil
	}
	notes := notesOf(c, a, t)
	plural := ""
	if t.done > 1 || t.mark != nil && t.done == 0 {
		plural = "s"
	}
	result := command.Record{JSON: t.mark.named(t.json(a, c.Opts.DryRun, notes)), Text: fmt.Sprintf("%d envelope%s %s%s\n", t.done, plural, verb, t.mark.of())}
	if c.Opts.DryRun {
		result.Lines = func() error {
			c.Warnf("%s would be %s%s; nothing was", render.Plural(t.tried, "envelope"), verb, t.mark.of())
			return nil
		}
	}
	err := c.Print(result)
	if silent {
		return err
	}
	for _, n := range notes {
		c.Warnf("%s", render.Safe(n))
	}
	return err
}

// notesOf returns sentences about the selected envelopes that the count leaves out.
func notesOf(c *command.Call, a protocol.Action, t *tally) []string {
	var notes []string
	add := func(n int, one, many, rest string) {
		if n > 0 {
			notes = append(notes, render.Plural(n, one, many)+rest)
		}
	}
	switch a {
	case protocol.PauseEnvelope:
		add(t.inflight, "of them is", "of them are", " in flight: the current attempt continues, and only what it fails to deliver stays suspended")
	case protocol.ResumeEnvelope:
		add(t.inflight, "of them is", "of them are", " in flight: being delivered now")
	case protocol.RemoveEnvelope:
		add(t.inflight, "of them is", "of them are", " in flight: delivered if the current attempt succeeds, otherwise removed when it ends; a restart of smtpd before that puts it back")
	}
	add(t.busy, "envelope is", "envelopes are", " in flight already: being delivered now")
	if a == protocol.ScheduleEnvelope {
		add(t.suspended, "suspended envelope skipped", "suspended envelopes skipped", ": use resume envelope to have them delivered")
	} else {
		add(t.suspended, "envelope was", "envelopes were", " suspended already")
	}
	add(t.running, "envelope was", "envelopes were", " not suspended")
	add(t.gone, "envelope left", "envelopes left", " the queue meanwhile")
	add(t.refused, "envelope is", "envelopes are", " still in the queue: smtpd refused and gives no reason; its log may say why")
	if sel := selectionIn(c); sel.last != nil && len(sel.ids) == 0 {
		notes = append(notes, sel.lastNotes(t.missing)...)
	} else {
		add(t.missing, "id is", "ids are", " not in the queue")
	}
	return append(notes, t.notes...)
}

// failureOf returns the error of the command, if it failed: if it could not act on any
// of the given ids, if an envelope could not be saved, or if smtpd refused.
func failureOf(c *command.Call, a protocol.Action, verb string, t *tally, sel *selection) error {
	nothing := t.done == 0 && t.tried == 0
	switch {
	case t.unsaved > 0:
		were := "were"
		if t.unsaved == 1 {
			were = "was"
		}
		return fmt.Errorf("%s: %s could not be saved and %s not %s", command.PathOf(c), render.Plural(t.unsaved, "envelope"), were, verb)
	case sel.last != nil && nothing && len(sel.ids) == 0:
		return sel.lastFailed(c, a, t)
	case t.mark != nil && t.refused == 0:
		return nil // those that a hold has suspended may have left the queue since
	case sel.named() && nothing && len(sel.terms) > 0 && t.found() == 0 && t.missing < len(sel.ids):
		return fmt.Errorf("%s: none of these envelopes matches the terms", command.PathOf(c))
	case sel.named() && nothing:
		return fmt.Errorf("%s: %w", command.PathOf(c), t.nothingDone(a, sel.single()))
	case sel.stdin && t.missing > 0 && nothing && t.found() == 0:
		return fmt.Errorf("%s: none of the %d ids is in the queue", command.PathOf(c), t.missing)
	case t.refused > 0:
		return fmt.Errorf("%s: smtpd refused %s and gives no reason; its log may say why", command.PathOf(c), render.Plural(t.refused, "envelope"))
	}
	return nil
}

// A NothingError says why nothing was done to the envelopes that the user named.
type NothingError struct{ why string }

func (e *NothingError) Error() string { return e.why }

// nothingDone returns why nothing was done to the ids that the user gave; single says
// that it was one id.
func (t *tally) nothingDone(a protocol.Action, single bool) error {
	switch {
	case !single && t.suspended+t.running+t.busy+t.refused > 0:
		return &NothingError{"nothing done, see the reasons given"}
	case t.busy > 0:
		return &NothingError{"it is in flight already: being delivered now"}
	case t.refused > 0:
		return &NothingError{"smtpd refused and gives no reason; its log may say why"}
	case t.found() == 0, t.gone > 0:
		return ErrNoSuchID
	case t.suspended > 0 && a == protocol.ScheduleEnvelope:
		return &NothingError{"it is suspended: use resume envelope to have it delivered"}
	case t.suspended > 0:
		return &NothingError{"it is suspended already"}
	}
	return &NothingError{"it is not suspended"}
}

func actEnvelope(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, id protocol.EnvelopeID, t *tally) error {
	e, err := LookUp(ctx, conn, id)
	switch {
	case err != nil:
		return err
	case e != nil && !t.accepts(a, e):
		return nil
	case e == nil && a == protocol.ScheduleEnvelope:
		return nil // it might be suspended for all that is known
	}
	if e != nil && t.keeper != nil {
		t.keeper.plan(ctx, c, []protocol.EnvelopeID{id})
		if t.saver, err = t.keeper.keep(ctx, c, conn, []protocol.EnvelopeID{id}); err != nil {
			return err
		}
	}
	// An envelope whose file has gone is not listed, but smtpd still has the envelope.
	c.AuditEnvelopes([]protocol.EnvelopeID{id})
	t.unconfirmed, err = conn.Act(ctx, a, []protocol.EnvelopeID{id}, t.count(a))
	if e == nil && t.failures > 0 { // it was not there before either: it has not just left
		t.failures, t.failed, t.missing = 0, nil, 1
	}
	return err
}

// LookUp returns one envelope, or nil if smtpd does not list it.
func LookUp(ctx context.Context, conn *protocol.Conn, id protocol.EnvelopeID) (*protocol.Envelope, error) {
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
