package handover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// maxSelected is how many envelopes may be selected; all of them are in memory.
const maxSelected = 100_000

// A Selected envelope is one that a command is to replace.
type Selected struct {
	protocol.Envelope
	Unknown bool // smtpd does not list it
}

// Choose first completes what earlier interrupted commands left, and then returns the
// selected envelopes in the order of their ids: envelopes that smtpd lists, and
// envelopes that smtpd refuses to load.
func Choose(ctx context.Context, c *command.Call) ([]Selected, error) {
	if !disk.HasSpool(c) {
		return nil, fmt.Errorf("%s: the socket belongs to another smtpd: name the spool folder of that smtpd with --spool", command.PathOf(c))
	}
	if !c.Opts.DryRun {
		if err := completeInterrupted(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
	}
	if err := queue.ReadInput(c); err != nil {
		return nil, err
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var all []Selected
	pick, err := queue.NewPicker(ctx, c)
	if err != nil {
		return nil, err
	}
	refused, unread, err := refusedOnes(ctx, c, conn, pick)
	if err != nil {
		return nil, err
	}
	for _, e := range refused {
		all = append(all, Selected{e, true})
	}
	err = queue.EachSelected(ctx, c, c.Args, func(e *protocol.Envelope) (bool, error) {
		if len(all) >= maxSelected {
			return false, fmt.Errorf("%s: more than %d envelopes are selected; nothing done: select fewer", command.PathOf(c), maxSelected)
		}
		all = append(all, Selected{*e, false})
		return true, nil
	})
	if err != nil && !(errors.Is(err, queue.ErrNoSuchID) && len(all)+unread > 0) {
		return nil, err
	}
	if msgs, anyOf := pick.Messages(); !anyOf && len(msgs) > 0 && len(all)+unread == 0 {
		return nil, fmt.Errorf("%s: %w", command.PathOf(c), queue.ErrNoSuchID)
	}
	if unread > 0 {
		c.Warnf("smtpctl: skipped: %s whose envelope cannot be read: show spool says why", render.Plural(unread, "file that smtpd does not list and", "files that smtpd does not list and"))
	}
	slices.SortFunc(all, func(a, b Selected) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// refusedOnes returns the selected envelopes that smtpd refuses to load, and the number
// of named envelopes that cannot be read.
func refusedOnes(ctx context.Context, c *command.Call, conn *protocol.Conn, pick *queue.Picker) (all []protocol.Envelope, unread int, err error) {
	sp, conf := disk.OpenSpool(ctx, c), disk.SmtpdConf(ctx, c)
	unlisted, err := unlistedOf(ctx, c, conn, sp, pick)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	unlisted = slices.DeleteFunc(unlisted, func(id protocol.EnvelopeID) bool { return !pick.Named(id) })
	for i, id := range unlisted {
		if err := ctx.Err(); err != nil {
			return nil, 0, context.Cause(ctx)
		}
		if i%spool.AheadMost == 0 {
			sp.AheadEnvelopes(unlisted[i:min(i+spool.AheadMost, len(unlisted))])
		}
		// The reason must be known: smtpd does not list mail that is arriving just now
		// either.
		if reason, _ := disk.ReasonOf(sp, id, conf); reason == disk.Unknown {
			continue
		}
		e, err := sp.ReadEnvelope(id)
		if command.LostMachine(err) {
			return nil, 0, fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
		if err != nil {
			if !pick.Terms() {
				unread++
			}
			continue
		}
		ok, err := pick.Picks(&e, nil)
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("%s: %w", command.PathOf(c), err)
		case ok && len(all) >= maxSelected:
			return nil, 0, fmt.Errorf("%s: more than %d envelopes are selected; nothing done: select fewer", command.PathOf(c), maxSelected)
		case ok:
			all = append(all, e)
		}
	}
	return all, unread, nil
}

// unlistedOf returns the ids of envelope files that smtpd does not list, among the
// named messages or in the whole spool.
func unlistedOf(ctx context.Context, c *command.Call, conn *protocol.Conn, sp *spool.Spool, pick *queue.Picker) ([]protocol.EnvelopeID, error) {
	if msgs, all := pick.Messages(); !all {
		return disk.UnlistedIn(ctx, sp, conn, msgs)
	}
	d, err := disk.Compare(ctx, c, conn)
	if err != nil {
		return nil, err
	}
	return d.Unlisted, nil
}

// PlanOf returns the plan of a command for selected envelopes.
func PlanOf(verb string, unasked int, all []Selected, warnings ...string) *queue.Plan {
	plan := &queue.Plan{Verb: verb, N: len(all), Unasked: unasked, Senders: queue.Tops{}, Domains: queue.Tops{}, Warnings: warnings}
	for i := range all {
		plan.Senders.Add(render.FormatAddress(all[i].Sender))
		plan.Domains.Add(strings.ToLower(all[i].Dest.Domain))
	}
	return plan
}

// List prints selected envelopes as a listing does.
func List(c *command.Call, all []Selected) error {
	write := queue.Writer(c)
	for i := range all {
		if err := write(&all[i].Envelope, !all[i].Unknown); err != nil {
			return err
		}
	}
	return c.Out.Flush()
}
