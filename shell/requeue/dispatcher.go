package requeue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
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
	for _, e := range all {
		if why := unfit(ctx, c, conf, name, &e); why != "" {
			kept = append(kept, handover.Kept{ID: e.ID, Why: why})
		} else {
			todo = append(todo, e)
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
		err = fmt.Errorf("%w: %d of %d as before", err, len(todo)-r.done, len(todo))
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

// unfit returns why an envelope cannot get another action in its file, or "".
func unfit(ctx context.Context, c *command.Call, conf *disk.ConfFacts, name string, e *handover.Selected) string {
	if !e.Unknown {
		return "smtpd has loaded it, and keeps what it has loaded: without --dispatcher, requeue has the rules decide"
	}
	sp := disk.OpenSpool(ctx, c)
	if reason, cause := disk.ReasonOf(sp, e.ID, conf); reason != disk.NoDispatcher {
		return "smtpd refuses it for something else: " + cause
	}
	checked, err := sp.Check(e.ID)
	switch {
	case err != nil:
		return err.Error()
	case checked.Compressed || checked.Encrypted:
		return "its file is compressed or encrypted, and is not written anew: without --dispatcher, requeue has the rules decide"
	case conf.Relays[name] && e.Type != protocol.DeliverMTA:
		return "it is local mail, and the action relays"
	case !conf.Relays[name] && e.Type == protocol.DeliverMTA:
		return "it is to be relayed, and the action delivers on this machine"
	}
	return ""
}

// A rename gives an action to envelopes.
type rename struct {
	c    *command.Call
	name string
	done int
	late int // of messages that smtpd knows already
}

// all gives the action to envelopes, which are in the order of their ids, and makes
// smtpd load them.
func (r *rename) all(ctx context.Context, todo []handover.Selected) error {
	if len(todo) == 0 {
		return nil
	}
	conn, err := r.c.Conn(ctx)
	if err != nil {
		return err
	}
	placer, err := copies.OpenPlacer(r.c.Opts.Spool)
	if err != nil {
		return command.FileError(err)
	}
	defer placer.Close()
	if err := disk.AwaitLoaded(ctx, r.c, conn, nil); err != nil {
		return err
	}
	p := r.c.Progress("given the action", len(todo))
	defer p.End()
	for first := 0; first < len(todo); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		msg, end := todo[first].ID.Msg(), first
		for end < len(todo) && todo[end].ID.Msg() == msg {
			end++
		}
		if err := r.message(ctx, conn, placer, todo[first:end]); err != nil {
			return err
		}
		p.Add(end - first)
		first = end
	}
	return nil
}

// message does so for the envelopes of one message.
func (r *rename) message(ctx context.Context, conn *protocol.Conn, placer *copies.Placer, todo []handover.Selected) error {
	sp, msg := disk.OpenSpool(ctx, r.c), todo[0].ID.Msg()
	known := false
	for _, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{msg}) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		known = true
	}
	var ids []protocol.EnvelopeID
	for _, e := range todo {
		ids = append(ids, e.ID)
	}
	r.c.AuditEnvelopes(ids)
	for _, id := range ids {
		var text bytes.Buffer
		if err := sp.CopyEnvelope(&text, id); err != nil {
			return command.FileError(err)
		}
		if err := placer.Replace(id, withDispatcher(text.String(), r.name)); err != nil {
			return command.FileError(err)
		}
	}
	r.done += len(ids)
	if known {
		r.late += len(ids)
		return nil
	}
	if _, err := conn.DiscoverMessage(ctx, msg); err != nil {
		return fmt.Errorf("message %v now has the action %s, but smtpd has not loaded it: %w; run discover %v", msg, r.name, err, msg)
	}
	copies.Reached("discovered")
	return nil
}

// withDispatcher returns the text of an envelope with another action.
func withDispatcher(text, name string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "dispatcher:") {
			line = "dispatcher: " + name + "\n"
		}
		b.WriteString(line)
	}
	return b.Bytes()
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
