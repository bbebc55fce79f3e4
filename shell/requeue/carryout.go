package requeue

import (
	"context"
	"errors"
	"fmt"

	"smtpctl/shell/command"
	"smtpctl/shell/handover"
	"smtpctl/shell/render"
)

// A ResultJSON is what became of one envelope.
type ResultJSON struct {
	ID      string `json:"id"`
	New     string `json:"new,omitempty"`     // the id of the envelope in its place, if smtpd still lists it
	Message string `json:"message,omitempty"` // the id of its message
	Kept    string `json:"kept,omitempty"`    // why it is in the queue as before
}

// An outcome counts what became of the envelopes.
type outcome struct {
	done, kept, gone int
}

// carryOut replaces the envelopes, unit by unit.
func carryOut(ctx context.Context, c *command.Call, all []chosen) error {
	todo, bounces := units(ctx, c, all)
	var o outcome
	var err error
	if len(todo) > 0 {
		err = replaceAll(ctx, c, todo, &o)
	}
	if perr := o.print(c, &handover.Result{Kept: bounces}); err == nil {
		err = perr
	}
	c.Counts = []command.Count{{Name: "done", N: o.done}, {Name: "kept", N: o.kept}, {Name: "gone", N: o.gone}}
	rest := len(all) - o.done - o.kept - o.gone
	switch {
	case err != nil && rest > 0:
		err = fmt.Errorf("%s: %w: only %d requeued, %d not begun", command.PathOf(c), err, o.done, rest)
	case err != nil:
		err = fmt.Errorf("%s: %w", command.PathOf(c), err)
	case o.kept > 0:
		err = fmt.Errorf("%s: %s as before, see above", command.PathOf(c), render.Plural(o.kept, "envelope is", "envelopes are"))
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
	c.Warnf("%s requeued", render.Plural(o.done, "envelope"))
	if o.done > 0 {
		c.Undo = command.Undo{Refusal: "smtpd has new mail in the place of the old"}
	}
	return err
}

// replaceAll carries out the units, and prints what becomes of each.
func replaceAll(ctx context.Context, c *command.Call, todo []*handover.Unit, o *outcome) error {
	run, err := handover.Begin(ctx, c)
	if err != nil {
		return err
	}
	defer run.Close()
	for _, u := range todo {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		res, err := run.Replace(ctx, u)
		perr := o.print(c, &res)
		if ferr := c.Out.Flush(); perr == nil {
			perr = ferr
		}
		if err != nil || perr != nil {
			return errors.Join(err, perr)
		}
	}
	return nil
}

// print prints and counts what became of some envelopes.
func (o *outcome) print(c *command.Call, res *handover.Result) error {
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
