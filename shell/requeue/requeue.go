// Package requeue submits mail to smtpd again, so that the present rules of smtpd.conf
// apply.
package requeue

import (
	"context"
	"io"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/handover"
	"smtpctl/shell/render"
)

// Limits of a call.
const (
	maxRecipients = 100 // of one mail
	unasked       = 5   // envelopes that the prompt does not ask about
)

// runRequeue submits the selected mail to smtpd again.
func runRequeue(ctx context.Context, c *command.Call) error {
	all, err := handover.Choose(ctx, c)
	if err != nil {
		return command.NothingDone(ctx, c, err, "nothing requeued")
	}
	if name := c.Flag("dispatcher"); name != "" {
		return runDispatcher(ctx, c, name, all)
	}
	expanded := 0
	for i := range all {
		if all[i].Type == protocol.DeliverMDA {
			expanded++
		}
	}
	var warnings []string
	if expanded > 0 {
		warnings = []string{render.Plural(expanded, "of them is", "of them are") + " local: aliases are expanded again, and who has got the message already gets it again"}
	}
	if err := handover.PlanOf("requeue", unasked, all, warnings...).Approve(ctx, c); err != nil {
		return err
	}
	if c.Opts.DryRun {
		if err := handover.List(c, all); err != nil {
			return err
		}
		for _, text := range warnings {
			c.Warnf("%s", text)
		}
		c.Warnf("%s would be requeued; nothing was", render.Plural(len(all), "envelope"))
		return nil
	}
	job := handover.Job{Done: "requeued", Undo: "smtpd has new mail in the place of the old"}
	job.Units, job.Kept = units(ctx, c, all)
	return job.CarryOut(ctx, c, len(all))
}

// units groups envelopes, which are in the order of their ids, into mails: envelopes of
// one message with the same sender and DSN options.
func units(ctx context.Context, c *command.Call, all []handover.Selected) (out []*handover.Unit, kept []handover.Kept) {
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
		k := key{msg, e.Unknown, handover.Address(e.Sender), e.DSNRet, e.DSNEnvID, e.DSNNotify, e.DSNOrcpt}
		u := open[k]
		if u == nil || len(u.Mail.To) >= maxRecipients {
			u = &handover.Unit{Unknown: e.Unknown, Mail: handover.Mail{From: k.from, Ret: e.DSNRet, EnvID: e.DSNEnvID,
				Write: func(w io.Writer) error { return handover.CopyMessage(w, sp, msg) }}}
			open[k] = u
			out = append(out, u)
		}
		addr := handover.Address(e.Dest)
		// Envelopes of one address, as made by an alias, are replaced by one recipient,
		// which smtpd expands.
		to := slices.IndexFunc(u.Mail.To, func(r handover.Recipient) bool { return strings.EqualFold(r.Addr, addr) })
		if to < 0 {
			to = len(u.Mail.To)
			u.Mail.To = append(u.Mail.To, handover.Recipient{Addr: addr, Notify: e.DSNNotify, Orcpt: handover.Orcpt(e.DSNOrcpt)})
		}
		u.Old = append(u.Old, handover.Old{ID: e.ID, To: to})
	}
	return out, kept
}
