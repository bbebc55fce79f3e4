package requeue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/handover"
	"smtpctl/shell/render"
)

// runDispatcher gives another action to selected envelopes that smtpd refuses because
// smtpd.conf has no action of the name in their files. It changes the files and makes
// smtpd load them.
func runDispatcher(ctx context.Context, c *command.Call, name string, all []handover.Selected) error {
	conf := disk.SmtpdConf(ctx, c)
	if _, known := conf.Actions[name]; !known {
		if !conf.Read {
			return fmt.Errorf("%s: cannot tell whether there is an action %q, because %s could not be read; nothing done", command.PathOf(c), name, conf.Path)
		}
		return command.Usagef("%s: %s has no action %q, only %s", command.PathOf(c), conf.Path, name, strings.Join(slices.Sorted(maps.Keys(conf.Actions)), ", "))
	}
	var todo []handover.Selected
	var kept []handover.Kept
	sp := disk.OpenSpool(ctx, c)
	for some := range slices.Chunk(all, spool.AheadMost) {
		if ctx.Err() != nil {
			return command.Interrupted(ctx, c, context.Cause(ctx), "nothing done")
		}
		ids := make([]protocol.EnvelopeID, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		sp.AheadEnvelopes(ids)
		for _, e := range some {
			why, err := unfit(sp, conf, name, &e)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing done", command.PathOf(c), err)
			}
			if why != "" {
				kept = append(kept, handover.Kept{ID: e.ID, Why: why})
			} else {
				todo = append(todo, e)
			}
		}
	}
	if err := handover.PlanOf("requeue", unasked, todo, render.Safe("they get the action "+name)).Approve(ctx, c); err != nil {
		return err
	}
	if c.Opts.DryRun {
		if err := handover.List(c, todo); err != nil {
			return err
		}
		handover.SayKept(c, kept)
		c.Warnf("%s would get the action %s; nothing was done", render.Plural(len(todo), "envelope"), render.Safe(name))
		return nil
	}
	r := &rename{c: c, name: name}
	err := disk.Locked(ctx, c, func() error { return r.all(ctx, todo) })
	if err != nil && r.done < len(todo) {
		err = fmt.Errorf("%w: %s", err, r.state(len(todo)))
	}
	if err == nil && len(kept) > 0 {
		err = fmt.Errorf("%s as before", render.Plural(len(kept), "envelope is", "envelopes are"))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	c.Counts = []command.Count{{Name: "done", N: r.done}, {Name: "kept", N: len(kept)}}
	c.AuditEnd(err)
	if perr := r.print(todo[:r.done], kept); err == nil {
		err = perr
	}
	return err
}

// unfit returns why an envelope cannot get another action in its file, or "". The error is that of a
// machine that cannot be reached any more.
func unfit(sp *spool.Spool, conf *disk.ConfFacts, name string, e *handover.Selected) (why string, err error) {
	if !e.Unknown {
		return "smtpd has loaded it, and keeps what it has loaded: without --dispatcher, requeue has the rules decide", nil
	}
	checked, err := sp.Check(e.ID)
	if command.LostMachine(err) {
		return "", err
	}
	if reason, cause := disk.ReasonOf(sp, e.ID, conf); reason != disk.NoDispatcher {
		return "smtpd refuses it for something else: " + cause, nil
	}
	switch {
	case err != nil:
		return err.Error(), nil
	case checked.Compressed || checked.Encrypted:
		return "its file is compressed or encrypted, and is not written anew: without --dispatcher, requeue has the rules decide", nil
	case conf.Relays[name] && e.Type != protocol.DeliverMTA:
		return "it is local mail, and the action relays", nil
	case !conf.Relays[name] && e.Type == protocol.DeliverMTA:
		return "it is to be relayed, and the action delivers on this machine", nil
	}
	return "", nil
}

// print prints what was done.
func (r *rename) print(done []handover.Selected, kept []handover.Kept) error {
	for _, e := range done {
		j := handover.ResultJSON{ID: e.ID.String(), New: e.ID.String(), Message: e.ID.Msg().String(), Dispatcher: r.name}
		if err := r.c.Print(command.Record{JSON: j, Text: render.Safe(fmt.Sprintf("%v %s -> %s", e.ID, e.Dispatcher, r.name)) + "\n"}); err != nil {
			return err
		}
	}
	for _, k := range kept {
		if err := r.c.Print(command.Record{JSON: handover.ResultJSON{ID: k.ID.String(), Kept: k.Why}}); err != nil {
			return err
		}
	}
	if err := r.c.Out.Flush(); err != nil {
		return err
	}
	handover.SayKept(r.c, kept)
	if r.late > 0 {
		r.c.Warnf("smtpctl: smtpd has loaded other envelopes of the message of %s, and loads the rest only when it is restarted", render.Plural(r.late, "of them", "of them"))
	}
	r.c.Warnf("%s the action %s now", render.Plural(r.done, "envelope has", "envelopes have"), render.Safe(r.name))
	if r.done > 0 {
		r.c.Undo = command.Undo{Refusal: "smtpd has taken it up with its new action"}
	}
	return nil
}
