package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// A paceArg is batch=N or rate=N/TIME, and a stopArg is stop=N%, for schedule.
type (
	paceArg struct {
		n     int
		every time.Duration // 0 for batch=: as soon as the batch is through
	}
	stopArg int
)

// Limits of a pace.
const (
	maxBatch    = 10_000
	stopDefault = 50 // percent of the attempts that fail
	stopLeast   = 10 // attempts before that counts
	paceEvery   = 300 * time.Millisecond
	paceMost    = 10 * time.Minute // that is waited for a batch
	sleepMost   = 24 * time.Hour   // between two batches
)

// parsePaced parses one word of schedule: an id, a term or a pace.
func parsePaced(word string) (any, error) {
	switch key, op, value, _ := selector.Split(word); {
	case key == "batch" && op == "=":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxBatch {
			return nil, fmt.Errorf("expected a number of envelopes, 1 to %d", maxBatch)
		}
		return paceArg{n: n}, nil
	case key == "rate" && op == "=":
		count, every, ok := strings.Cut(value, "/")
		n, err := strconv.Atoi(count)
		d, derr := selector.Duration(every)
		if !ok || err != nil || n < 1 || n > maxBatch || derr != nil || d <= 0 || d > sleepMost {
			return nil, fmt.Errorf("expected a number of envelopes and a time, such as 50/1m, up to %d and a day", maxBatch)
		}
		return paceArg{n, d}, nil
	case key == "stop" && op == "=":
		n, err := strconv.Atoi(strings.TrimSuffix(value, "%"))
		if err != nil || n < 1 || n > 100 {
			return nil, errors.New("expected the share of failures at which to stop, 1% to 100%")
		}
		return stopArg(n), nil
	}
	return ParseSelector(word)
}

// checkPace refuses contradictory paces.
func checkPace(c *command.Call) error {
	paces, stops, rest := 0, 0, 0
	for _, a := range c.Args {
		switch a.Value.(type) {
		case paceArg:
			paces++
		case stopArg:
			stops++
		default:
			rest++
		}
	}
	switch {
	case paces > 1:
		return command.Usagef("%s: give one of batch= and rate=", command.PathOf(c))
	case stops > paces || stops > 1:
		return command.Usagef("%s: stop= needs batch= or rate=, and may be given once", command.PathOf(c))
	case rest == 0:
		return command.Usagef("%s: give ids or terms, too: older=0s selects all", command.PathOf(c))
	}
	return CheckSelection(c)
}

// A PaceJSON is the result of schedule with a pace.
type PaceJSON struct {
	Command   string         `json:"command"`
	DryRun    bool           `json:"dry_run,omitempty"`
	Selected  int            `json:"selected"`
	Scheduled int            `json:"scheduled"`
	Left      int            `json:"left"`    // no longer in the queue: delivered or returned
	PutOff    int            `json:"put_off"` // tried in vain, with a new time
	Back      int            `json:"back"`    // back at their old time, not tried
	Open      int            `json:"open"`    // not through yet when the command ended
	Skipped   int            `json:"skipped"` // suspended, in flight, or gone when their turn came
	Untouched int            `json:"untouched"`
	Errors    map[string]int `json:"errors,omitempty"` // of those put off
	Stopped   string         `json:"stopped,omitempty"`
}

// A pacer schedules a set of envelopes, some at a time.
type pacer struct {
	c      *command.Call
	pace   paceArg
	stop   int // percent
	ids    []protocol.EnvelopeID
	sum    PaceJSON
	errors Tops
	failed int // of those that were tried, as far as it is known
	tried  int
	p      *command.Progress
}

// paceIn returns the pace among the arguments, if there is one.
func paceIn(c *command.Call) (pace paceArg, stop int, ok bool) {
	stop = stopDefault
	for _, a := range c.Args {
		switch v := a.Value.(type) {
		case paceArg:
			pace, ok = v, true
		case stopArg:
			stop = int(v)
		}
	}
	return pace, stop, ok
}

// runPaced schedules the selected envelopes at a pace.
func runPaced(ctx context.Context, c *command.Call, pace paceArg, stop int) error {
	w := &pacer{c: c, pace: pace, stop: stop, errors: Tops{}}
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	tg, err := targetOf(ctx, c, selectionIn(c))
	if err != nil {
		return err
	}
	t := &tally{}
	set, err := takePreview(ctx, c, conn, protocol.ScheduleEnvelope, &tg, time.Now().Unix())
	if err != nil {
		return command.NothingDone(ctx, c, err, "nothing scheduled")
	}
	w.ids = set.ids
	w.sum = PaceJSON{Command: "schedule", DryRun: c.Opts.DryRun, Selected: len(set.ids), Untouched: len(set.ids), Skipped: set.dry.suspended + set.dry.busy}
	if err := approve(ctx, c, protocol.ScheduleEnvelope, set, t); err != nil {
		return err
	}
	if c.Opts.DryRun {
		return w.print(fmt.Sprintf("%s would be scheduled, %s; nothing was", render.Plural(len(w.ids), "envelope"), w.plan()))
	}
	w.p = c.Progress("scheduled", len(w.ids))
	err = w.run(ctx)
	w.p.End()
	c.Counts = []command.Count{{Name: "done", N: w.sum.Scheduled}, {Name: "put off", N: w.sum.PutOff}, {Name: "untouched", N: w.sum.Untouched}}
	if err != nil {
		w.sum.Stopped = err.Error()
		err = fmt.Errorf("%s: %w: %d of %d scheduled, the rest unchanged", command.PathOf(c), err, w.sum.Scheduled, len(w.ids))
	}
	c.AuditEnd(err)
	return errors.Join(err, w.print(w.summary()))
}

// plan describes how the set will be scheduled.
func (w *pacer) plan() string {
	batches := (len(w.ids) + w.pace.n - 1) / w.pace.n
	if w.pace.every > 0 {
		return fmt.Sprintf("%d every %v, which takes %v at least", w.pace.n, w.pace.every, time.Duration(max(0, batches-1))*w.pace.every)
	}
	return fmt.Sprintf("in %s of %d", render.Plural(batches, "batch", "batches"), w.pace.n)
}

// run schedules one batch after the other.
func (w *pacer) run(ctx context.Context) error {
	for rest := w.ids; len(rest) > 0; {
		start := time.Now()
		n := min(w.pace.n, len(rest))
		if err := w.batch(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		if w.tried >= stopLeast && w.failed*100 >= w.tried*w.stop && len(rest) > 0 && w.stop < 100 {
			return fmt.Errorf("stopped: %d of the %d envelopes tried have failed (stop=%d%%)", w.failed, w.tried, w.stop)
		}
		if len(rest) == 0 {
			break
		}
		next := start.Add(w.pace.every)
		w.p.Next("the next "+strconv.Itoa(min(w.pace.n, len(rest))), next)
		if !sleep(ctx, time.Until(next)) {
			return context.Cause(ctx)
		}
		w.p.Next("", time.Time{})
	}
	return nil
}

// sleep waits for d, and reports whether it was not interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// batch schedules some envelopes, and waits until smtpd has tried them.
func (w *pacer) batch(ctx context.Context, ids []protocol.EnvelopeID) error {
	conn, err := w.c.Conn(ctx)
	if err != nil {
		return err
	}
	before, err := conn.Digest(ctx)
	if err != nil {
		return err
	}
	t := &tally{}
	err = disk.Locked(ctx, w.c, func() error {
		asked := func(e *protocol.Envelope, _ error) bool {
			_, ok := slices.BinarySearch(ids, e.ID)
			return ok && t.accepts(protocol.ScheduleEnvelope, e)
		}
		t.unconfirmed, err = conn.ActIn(ctx, protocol.ScheduleEnvelope, MessagesOf(ids), protocol.ActPlan{Choose: asked, Sending: w.c.AuditEnvelopes, Result: t.count(protocol.ScheduleEnvelope)})
		return err
	})
	looked := t.taken()
	w.sum.Scheduled += len(looked)
	w.sum.Skipped += len(ids) - len(looked)
	w.sum.Untouched -= len(ids)
	w.p.Add(len(looked))
	if err != nil {
		w.sum.Open += len(looked)
		return err
	}
	return w.await(ctx, conn, looked, before)
}

// await waits until no envelope of a batch is in flight or waits for an attempt.
func (w *pacer) await(ctx context.Context, conn *protocol.Conn, looked []Look, before protocol.Digest) error {
	var a *AfterJSON
	var stopped error
	for deadline := time.Now().Add(paceMost); ; {
		var err error
		if a, err = LookOnce(ctx, conn, looked); err != nil {
			w.sum.Open += len(looked)
			return err
		}
		if a.Inflight+a.Held+a.Waiting == 0 || time.Now().After(deadline) {
			break
		}
		st, err := conn.Status(ctx)
		if err == nil && a.Inflight == 0 && (st.Paused(protocol.MTA) || st.Paused(protocol.MDA)) {
			stopped = errors.New("deliveries are paused: resume mta, or mda, first")
			break
		}
		if !sleep(ctx, paceEvery) {
			stopped = context.Cause(ctx)
			break
		}
	}
	w.sum.Left += a.Left
	w.sum.PutOff += a.Retried
	w.sum.Back += a.Back
	w.sum.Open += a.Inflight + a.Held + a.Waiting
	w.tried += a.Left + a.Retried
	w.failed += a.Retried
	if stopped != nil {
		return stopped
	}
	// smtpd does not say which envelopes it bounced, only how many of all mail.
	after, err := conn.Digest(ctx)
	if err != nil {
		return err
	}
	gain := after.Since(&before)
	w.failed += min(a.Left, int(gain.PermanentFailures))
	return w.errorsOf(ctx, conn, looked)
}

// errorsOf counts the errors of the envelopes whose attempt failed.
func (w *pacer) errorsOf(ctx context.Context, conn *protocol.Conn, looked []Look) error {
	ids := idsOf(looked)
	for e, err := range conn.EnvelopesOf(ctx, MessagesOf(ids)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if i, ok := slices.BinarySearch(ids, e.ID); ok && e.Retry > looked[i].Tries {
			w.errors.Add(selector.ErrorPattern(e.ErrorLine))
		}
	}
	return nil
}

// summary says what happened to all envelopes.
func (w *pacer) summary() string {
	var parts []string
	for _, n := range []struct {
		count int
		what  string
	}{
		{w.sum.Left, "left the queue, delivered or returned"}, {w.sum.PutOff, "put off"}, {w.sum.Back, "not tried, their relay had no room"},
		{w.sum.Open, "not through yet"}, {w.sum.Skipped, "skipped: suspended, in flight, or gone"}, {w.sum.Untouched, "untouched"},
	} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	text := strings.Join(parts, "; ")
	for _, e := range w.errors.First(5) {
		text += fmt.Sprintf("\n  %d put off: %s", w.errors[e], e)
	}
	return text
}

// print prints the count of scheduled envelopes, and the rest on standard error.
func (w *pacer) print(note string) error {
	w.sum.Errors = w.errors
	err := w.c.Print(command.Record{JSON: w.sum, Text: fmt.Sprintf("%s scheduled\n", render.Plural(w.sum.Scheduled, "envelope"))})
	if note != "" {
		for line := range strings.Lines(note) {
			w.c.Warnf("%s", render.Safe(strings.TrimSuffix(line, "\n")))
		}
	}
	return err
}
