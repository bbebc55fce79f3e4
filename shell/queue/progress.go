package queue

import (
	"context"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// lookProgress starts to show how many envelopes have been listed, of all in the queue.
// conn is nil where smtpd is not asked.
func lookProgress(ctx context.Context, c *command.Call, conn *protocol.Conn, t *target) *command.Progress {
	p := c.Progress("looked at", 0)
	switch {
	case p == nil || conn == nil:
	case t.all:
		if d, err := conn.Digest(ctx); err == nil {
			p.Of(int(d.Queued()))
		}
	case len(t.whole) == 0:
		p.Of(len(t.evps))
	}
	return p
}

// watch starts to show how many envelopes have been acted on, of the given number,
// which is 0 if it is not known before all are listed.
func (t *tally) watch(ctx context.Context, c *command.Call, conn *protocol.Conn, verb string, tg *target, total int) {
	t.doing = c.Progress(verb, total)
	t.looking = lookProgress(ctx, c, conn, tg)
	t.planned = total
}

// unwatch stops showing that.
func (t *tally) unwatch() {
	t.looking.End()
	t.doing.End()
}

// answered counts smtpd's answer for one more envelope. Removals begin when all
// envelopes are listed; other actions run during the listing.
func (t *tally) answered(a protocol.Action) {
	if t.doing == nil {
		return
	}
	t.doing.Step()
	if a != protocol.RemoveEnvelope {
		t.looking.Also(t.doing)
		return
	}
	t.looking.End()
	if t.planned == 0 {
		t.doing.Of(t.chosen)
	}
}
