package handover

import (
	"context"
	"fmt"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// keptShown is how many envelopes that were kept are named on standard error.
const keptShown = 20

// A ResultJSON is the outcome for one envelope.
type ResultJSON struct {
	ID      string `json:"id"`
	New     string `json:"new,omitempty"`     // the id of the envelope in its place, if smtpd still lists it
	Message string `json:"message,omitempty"` // the id of its message
	Kept    string `json:"kept,omitempty"`    // why it is in the queue as before
	// Dispatcher is the action that requeue --dispatcher has given to the envelope.
	Dispatcher string `json:"dispatcher,omitempty"`
}

// An outcome counts envelopes by their outcome.
type outcome struct {
	done, kept, gone int
}

// A Job is the set of envelopes that a command replaces by new mail.
type Job struct {
	Done  string // what is said of envelopes that were replaced, such as "requeued"
	Units []*Unit
	Kept  []Kept        // envelopes that are not even tried
	Every time.Duration // from the begin of one unit to that of the next, at least
	Undo  string        // why the command cannot be taken back
}

// CarryOut carries out a job for total selected envelopes, and prints the outcome of
// each envelope.
func (j *Job) CarryOut(ctx context.Context, c *command.Call, total int) error {
	var o outcome
	var err error
	if len(j.Units) > 0 {
		err = j.replaceAll(ctx, c, total, &o)
	}
	if perr := o.print(c, &Result{Kept: j.Kept}); err == nil {
		err = perr
	}
	c.Counts = []command.Count{{Name: "done", N: o.done}, {Name: "kept", N: o.kept}, {Name: "gone", N: o.gone}}
	rest := total - o.done - o.kept - o.gone
	switch {
	case err != nil && rest > 0:
		err = fmt.Errorf("%s: %w: only %d %s, %d not started", command.PathOf(c), err, o.done, j.Done, rest)
	case err != nil:
		err = fmt.Errorf("%s: %w", command.PathOf(c), err)
	case o.kept > 0:
		err = fmt.Errorf("%s: %s unchanged, see above", command.PathOf(c), render.Plural(o.kept, "envelope is", "envelopes are"))
	}
	c.AuditEnd(err)
	if ferr := c.Out.Flush(); err == nil {
		err = ferr
	}
	if o.kept > keptShown {
		c.Warnf("smtpctl: and %d more are kept", o.kept-keptShown)
	}
	if o.gone > 0 {
		c.Warnf("%s the queue before their turn came", render.Plural(o.gone, "envelope left", "envelopes left"))
	}
	c.Warnf("%s %s", render.Plural(o.done, "envelope"), j.Done)
	if o.done > 0 {
		c.Undo = command.Undo{Refusal: j.Undo}
	}
	return err
}

// replaceAll carries out the units, and prints the outcome of each.
func (j *Job) replaceAll(ctx context.Context, c *command.Call, total int, o *outcome) error {
	p := c.Progress(j.Done, total)
	defer p.End()
	run, err := begin(ctx, c, j.Units)
	if err != nil {
		return err
	}
	defer run.Close()
	var next time.Time
	for _, u := range j.Units {
		if err := Until(ctx, next); err != nil {
			return err
		}
		next = time.Now().Add(j.Every)
		res, err := run.Replace(ctx, u)
		p.Add(len(res.Replaced))
		perr := o.print(c, &res)
		if ferr := c.Out.Flush(); perr == nil {
			perr = ferr
		}
		if err != nil || perr != nil {
			return command.Both(err, perr)
		}
	}
	return nil
}

// Until waits until a time. The error says that ctx ended first.
func Until(ctx context.Context, t time.Time) error {
	if wait := time.Until(t); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return context.Cause(ctx)
}

// print prints and counts the outcome of some envelopes.
func (o *outcome) print(c *command.Call, res *Result) error {
	for _, r := range res.Replaced {
		o.done++
		j := ResultJSON{ID: r.Old.String()}
		as := "taken by smtpd, which did not say as what"
		if r.Msg != 0 {
			j.Message = r.Msg.String()
			as = j.Message
		}
		if r.As != 0 {
			j.New = r.As.String()
			as = j.New
		}
		if err := c.Print(command.Record{JSON: j, Text: j.ID + " -> " + as + "\n"}); err != nil {
			return err
		}
	}
	for _, k := range res.Kept {
		if k.Gone {
			o.gone++
			continue
		}
		if o.kept++; o.kept <= keptShown {
			c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v is kept: %s", k.ID, k.Why)))
		}
		if err := c.Print(command.Record{JSON: ResultJSON{ID: k.ID.String(), Kept: k.Why}}); err != nil {
			return err
		}
	}
	return nil
}

// SayKept says on standard error why envelopes are kept.
func SayKept(c *command.Call, kept []Kept) {
	for i, k := range kept {
		if i == keptShown {
			c.Warnf("smtpctl: and %d more", len(kept)-i)
			return
		}
		c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v: %s", k.ID, k.Why)))
	}
}
