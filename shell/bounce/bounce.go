// Package bounce tells senders that their mail is returned, or delayed.
package bounce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/handover"
	"smtpctl/shell/render"
)

// Limits of a call.
const (
	perSecond     = 10  // notices that are given to smtpd
	maxRecipients = 100 // that one notice tells of
)

// A unit is a notice, and the envelopes that it is about.
type unit struct {
	*notice
	unknown bool // smtpd does not list them
}

// notices makes a notice for each message and sender from envelopes, which are in the
// order of their ids. why says why an envelope gets no notice.
func notices(ctx context.Context, c *command.Call, k kind, all []handover.Selected) (units []unit, kept []handover.Kept) {
	type key struct {
		msg     protocol.MessageID
		from    string
		unknown bool
	}
	conf := disk.SmtpdConf(ctx, c)
	groups, order := map[key][]*protocol.Envelope{}, []key(nil)
	for i := range all {
		e := &all[i]
		if why := unwanted(k, &e.Envelope); why != "" {
			kept = append(kept, handover.Kept{ID: e.ID, Why: why})
			continue
		}
		g := key{e.ID.Msg(), handover.Address(e.Sender), e.Unknown}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], &e.Envelope)
	}
	for _, g := range order {
		for rest := groups[g]; len(rest) > 0; {
			n := min(len(rest), maxRecipients)
			u := unit{newNotice(c, k, c.Flag("reason"), rest[:n]), g.unknown}
			if e := rest[0]; e.Created > 0 {
				if ttl, sure := conf.TtlFor(e.Dispatcher, false); sure {
					u.expires = e.Created + ttl
				}
			}
			units, rest = append(units, u), rest[n:]
		}
	}
	return units, kept
}

// unwanted returns why the sender of an envelope gets no notice, or "".
func unwanted(k kind, e *protocol.Envelope) string {
	bit, what := protocol.NotifyFailure, "that fails"
	if k == delayed {
		bit, what = protocol.NotifyDelay, "that is late"
	}
	switch {
	case e.Type == protocol.DeliverBounce:
		return "it is a bounce, which smtpd has yet to write"
	case handover.Address(e.Sender) == "":
		return "it has the null sender, as a bounce has: nobody can be told, remove it"
	case e.DSNNotify != 0 && e.DSNNotify&bit == 0:
		return "its sender wants no notice of mail " + what + " (NOTIFY)"
	}
	return ""
}

// mail returns the notice as a mail for smtpd.
func (u *unit) mail(ctx context.Context, c *command.Call) handover.Mail {
	sp := disk.OpenSpool(ctx, c)
	return handover.Mail{To: []handover.Recipient{{Addr: u.to}}, Write: func(w io.Writer) error { return u.write(w, sp) }}
}

// runBounce returns the selected mail to its senders.
func runBounce(ctx context.Context, c *command.Call) error {
	all, units, kept, err := prepare(ctx, c, failed, 1)
	if err != nil || c.Opts.DryRun {
		return err
	}
	job := handover.Job{Done: "returned", Kept: kept, Every: time.Second / perSecond, Undo: "the senders have been told"}
	for _, u := range units {
		h := &handover.Unit{Unknown: u.unknown, Mail: u.mail(ctx, c)}
		for _, e := range u.envelopes {
			h.Old = append(h.Old, handover.Old{ID: e.ID})
		}
		job.Units = append(job.Units, h)
	}
	return job.CarryOut(ctx, c, len(all))
}

// prepare selects the envelopes, makes the notices, and asks for approval. With
// --dry-run it shows the notices.
func prepare(ctx context.Context, c *command.Call, k kind, unasked int) ([]handover.Selected, []unit, []handover.Kept, error) {
	all, err := handover.Choose(ctx, c)
	if err != nil {
		return nil, nil, nil, command.NothingDone(ctx, c, err, "nothing sent")
	}
	units, kept := notices(ctx, c, k, all)
	rate := fmt.Sprintf("%s to the senders, %d a second at most", render.Plural(len(units), "notice goes", "notices go"), perSecond)
	if err := handover.PlanOf(c.Verb(), unasked, all, rate).Approve(ctx, c); err != nil {
		return nil, nil, nil, err
	}
	if c.Opts.DryRun {
		return nil, nil, nil, show(ctx, c, units, kept, rate)
	}
	return all, units, kept, nil
}

// A NoticeJSON is a notice as sent, or as --dry-run shows it.
type NoticeJSON struct {
	To        string   `json:"to"`
	Envelopes []string `json:"envelopes"`
	Text      string   `json:"text,omitempty"`    // with --dry-run
	Message   string   `json:"message,omitempty"` // its id, once smtpd has taken it
	Kept      string   `json:"kept,omitempty"`    // why it was not sent
}

// json returns a notice as JSON shows it.
func (u *unit) json() NoticeJSON {
	j := NoticeJSON{To: u.to}
	for _, e := range u.envelopes {
		j.Envelopes = append(j.Envelopes, e.ID.String())
	}
	return j
}

// show prints the notices.
func show(ctx context.Context, c *command.Call, units []unit, kept []handover.Kept, rate string) error {
	sp := disk.OpenSpool(ctx, c)
	for i := range units {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var b bytes.Buffer
		if err := units[i].writeHead(&b); err != nil {
			return err
		}
		head, err := headOf(sp, units[i].envelopes[0].ID.Msg())
		if err != nil {
			head = []byte("(" + command.FileError(err).Error() + ")\n")
		}
		b.Write(head)
		j := units[i].json()
		j.Text = b.String()
		if err := c.Print(command.Record{JSON: j, Text: safeLines(j.Text) + "\n"}); err != nil {
			return err
		}
	}
	if err := c.Out.Flush(); err != nil {
		return err
	}
	handover.SayKept(c, kept)
	c.Warnf("%s; nothing was sent or removed", rate)
	return nil
}

// safeLines makes a text of several lines safe for a terminal.
func safeLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(render.Safe(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")))
		b.WriteByte('\n')
	}
	return b.String()
}

// runNotify tells senders that their mail is delayed.
func runNotify(ctx context.Context, c *command.Call) error {
	_, units, kept, err := prepare(ctx, c, delayed, 0)
	if err != nil || c.Opts.DryRun {
		return err
	}
	handover.SayKept(c, kept)
	sent, refused := 0, 0
	var next time.Time
	sender := handover.NewSender(c)
	defer sender.Close()
	p := c.Progress("notices sent:", len(units))
	defer p.End()
	for i := range units {
		if err = handover.Until(ctx, next); err != nil {
			break
		}
		next = time.Now().Add(time.Second / perSecond)
		u := &units[i]
		mail := u.mail(ctx, c)
		var ids []protocol.EnvelopeID
		for _, e := range u.envelopes {
			ids = append(ids, e.ID)
		}
		c.AuditEnvelopes(ids)
		j := u.json()
		var msg protocol.MessageID
		var reply *handover.ReplyError
		var unreadable *handover.UnreadableError
		msg, err = sender.Send(ctx, &mail)
		switch {
		case errors.As(err, &reply), errors.As(err, &unreadable):
			refused++
			j.Kept, err = err.Error(), nil
			c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: no notice to <%s>: %s", u.to, j.Kept)))
		case err == nil:
			sent++
			if msg != 0 {
				j.Message = msg.String()
			}
		}
		if err != nil {
			break
		}
		p.Step()
		text := ""
		if j.Kept == "" {
			text = render.Safe(fmt.Sprintf("%s: told of %s", u.to, render.Plural(len(u.envelopes), "envelope"))) + "\n"
		}
		if err = c.Print(command.Record{JSON: j, Text: text}); err != nil {
			break
		}
	}
	c.Counts = []command.Count{{Name: "done", N: sent}, {Name: "refused", N: refused}}
	if err == nil && refused > 0 {
		err = fmt.Errorf("%s could not be sent", render.Plural(refused, "notice"))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	c.AuditEnd(err)
	c.Warnf("%s sent", render.Plural(sent, "notice"))
	return err
}
