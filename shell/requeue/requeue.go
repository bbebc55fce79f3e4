// Package requeue has mail go through the rules of smtpd.conf anew.
package requeue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/handover"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// Bounds of a call.
const (
	maxSelected   = 100_000 // envelopes, which are held in memory
	maxRecipients = 100     // of one mail
	unasked       = 5       // envelopes that the prompt does not ask about
	keptShown     = 20      // kept envelopes that are named
)

// check refuses shortened ids: what they stand for would have to be guessed.
func check(c *command.Call) error {
	for _, a := range c.Args {
		if id, ok := a.Value.(queue.IDArg); ok && !id.Whole() {
			return command.Usagef("%s: %q: want 8 or 16 hex digits: a command that changes something takes no shortened id", command.PathOf(c), id.Text)
		}
	}
	return queue.CheckSelection(c)
}

// A chosen envelope is selected.
type chosen struct {
	protocol.Envelope
	unknown bool // smtpd does not list it
}

// runRequeue gives the selected mail to smtpd anew.
func runRequeue(ctx context.Context, c *command.Call) error {
	all, err := choose(ctx, c)
	if err != nil {
		return err
	}
	plan := queue.Plan{Verb: "requeue", N: len(all), Unasked: unasked, Senders: queue.Tops{}, Domains: queue.Tops{}}
	expanded := 0
	for i := range all {
		e := &all[i]
		plan.Senders.Add(render.FormatAddress(e.Sender))
		plan.Domains.Add(strings.ToLower(e.Dest.Domain))
		if e.Type == protocol.DeliverMDA {
			expanded++
		}
	}
	if expanded > 0 {
		plan.Warnings = []string{render.Plural(expanded, "of them is", "of them are") + " local: aliases are expanded again, and who has got the message already gets it again"}
	}
	if err := plan.Approve(ctx, c); err != nil {
		return err
	}
	if c.Opts.DryRun {
		return dryRun(c, all, plan.Warnings)
	}
	return carryOut(ctx, c, all)
}

// choose returns the envelopes that are selected, in the order of their ids: those that
// smtpd lists, and those that it refuses to load.
func choose(ctx context.Context, c *command.Call) ([]chosen, error) {
	if !disk.OwnSpool(c) {
		return nil, fmt.Errorf("%s: the socket is that of another smtpd: name the folder of its spool with --spool", command.PathOf(c))
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var all []chosen
	refused, unread, err := refusedOnes(ctx, c, conn)
	if err != nil {
		return nil, err
	}
	for _, e := range refused {
		all = append(all, chosen{e, true})
	}
	err = queue.EachSelected(ctx, c, c.Args, func(e *protocol.Envelope) (bool, error) {
		if len(all) >= maxSelected {
			return false, fmt.Errorf("%s: more than %d envelopes are selected, select fewer; nothing done", command.PathOf(c), maxSelected)
		}
		all = append(all, chosen{*e, false})
		return true, nil
	})
	if err != nil && !(errors.Is(err, queue.ErrNoSuchID) && len(all)+unread > 0) {
		return nil, err
	}
	if unread > 0 {
		c.Warnf("smtpctl: left alone: %s whose envelope cannot be read: show spool says why", render.Plural(unread, "file that smtpd does not list and", "files that smtpd does not list and"))
	}
	slices.SortFunc(all, func(a, b chosen) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// refusedOnes returns the selected envelopes that smtpd refuses to load, and counts those
// that are named and cannot be read.
func refusedOnes(ctx context.Context, c *command.Call, conn *protocol.Conn) (all []protocol.Envelope, unread int, err error) {
	pick, err := queue.NewPicker(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	d, err := disk.Compare(ctx, c, conn)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	sp, conf := disk.OpenSpool(ctx, c), disk.SmtpdConf(c)
	for _, id := range d.Unlisted {
		if err := ctx.Err(); err != nil {
			return nil, 0, context.Cause(ctx)
		}
		if !pick.Named(id) {
			continue
		}
		// Why smtpd does not list it must be known: mail that comes just now is none.
		if reason, _ := disk.ReasonOf(sp, id, conf); reason == disk.Unknown {
			continue
		}
		e, err := sp.ReadEnvelope(id)
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
			return nil, 0, fmt.Errorf("%s: more than %d envelopes are selected, select fewer; nothing done", command.PathOf(c), maxSelected)
		case ok:
			all = append(all, e)
		}
	}
	return all, unread, nil
}

// dryRun prints what would be requeued.
func dryRun(c *command.Call, all []chosen, warnings []string) error {
	write := queue.Writer(c)
	for i := range all {
		if err := write(&all[i].Envelope, !all[i].unknown); err != nil {
			return err
		}
	}
	if err := c.Out.Flush(); err != nil {
		return err
	}
	for _, text := range warnings {
		c.Warnf("%s", text)
	}
	c.Warnf("%s would be requeued; nothing was", render.Plural(len(all), "envelope"))
	return nil
}

// units makes of envelopes, in the order of their ids, what is given to smtpd at once:
// those of one message whose sender and options of DSN are the same.
func units(ctx context.Context, c *command.Call, all []chosen) (out []*handover.Unit, kept []handover.Kept) {
	sp, without := disk.OpenSpool(ctx, c), c.Flag("without-dsn") != ""
	type key struct {
		msg              protocol.MessageID
		unknown          bool
		from, ret, envid string
		notify           int
		orcpt            protocol.Address
	}
	open := map[key]*handover.Unit{}
	var last protocol.MessageID
	for i := range all {
		e := &all[i]
		if e.Type == protocol.DeliverBounce {
			kept = append(kept, handover.Kept{ID: e.ID, Why: "it is a bounce, which smtpd has yet to write"})
			continue
		}
		if without {
			e.DSNNotify, e.DSNRet, e.DSNEnvID, e.DSNOrcpt = 0, "", "", protocol.Address{}
		}
		msg := e.ID.Msg()
		if msg != last {
			clear(open)
			last = msg
		}
		k := key{msg, e.unknown, handover.Address(e.Sender), e.DSNRet, e.DSNEnvID, e.DSNNotify, e.DSNOrcpt}
		u := open[k]
		if u == nil || len(u.Mail.To) >= maxRecipients {
			u = &handover.Unit{Unknown: e.unknown, Mail: handover.Mail{From: k.from, Ret: e.DSNRet, EnvID: e.DSNEnvID,
				Write: func(w io.Writer) error { return handover.CopyMessage(w, sp, msg) }}}
			open[k] = u
			out = append(out, u)
		}
		addr := handover.Address(e.Dest)
		// Envelopes of one address, as aliases make them, are expanded by one recipient.
		to := slices.IndexFunc(u.Mail.To, func(r handover.Recipient) bool { return strings.EqualFold(r.Addr, addr) })
		if to < 0 {
			to = len(u.Mail.To)
			u.Mail.To = append(u.Mail.To, handover.Recipient{Addr: addr, Notify: e.DSNNotify, Orcpt: orcpt(e.DSNOrcpt)})
		}
		u.Old = append(u.Old, handover.Old{ID: e.ID, To: to})
	}
	return out, kept
}

// orcpt returns the option of DSN as it was given: some releases of smtpd keep the type
// of the address before it, others do not.
func orcpt(a protocol.Address) string {
	text := handover.Address(a)
	if text == "" || strings.Contains(text, ";") {
		return text
	}
	return "rfc822;" + text
}
