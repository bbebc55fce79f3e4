package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A Verdict says why an envelope is still in the queue.
type Verdict struct {
	ID      string      `json:"id"`
	Verdict string      `json:"verdict"`
	Reason  string      `json:"reason"`
	Command string      `json:"command,omitempty"` // that would help
	Notes   []string    `json:"notes,omitempty"`
	From    string      `json:"from,omitempty"`
	To      string      `json:"to,omitempty"`
	Created render.Time `json:"created,omitempty"`
	Next    render.Time `json:"next_try,omitempty"`
	Expires render.Time `json:"expires,omitempty"` // by smtpd.conf
	Tries   int         `json:"tries"`
	Error   string      `json:"error,omitempty"`
}

// The verdicts.
const (
	verdictGone      = "gone"
	verdictUnknown   = "undiscovered"
	verdictRefused   = "refused"
	verdictMissing   = "message-missing"
	verdictDNS       = "dns"
	verdictSuspended = "suspended"
	verdictHeld      = "held"
	verdictInflight  = "inflight"
	verdictLimits    = "relay-limits"
	verdictRoute     = "route-disabled"
	verdictBlocked   = "blocked"
	verdictMTA       = "mta-paused"
	verdictMDA       = "mda-paused"
	verdictBackoff   = "backoff"
	verdictScheduled = "scheduled"
	verdictDue       = "due"
)

// runExplain says why envelopes have not been delivered yet.
func runExplain(ctx context.Context, c *command.Call) error {
	if id, ok := queue.SingleID(c.Args); ok {
		return explainOne(ctx, c, id)
	}
	return explainMany(ctx, c)
}

// explainOne says why one envelope has not been delivered yet.
func explainOne(ctx context.Context, c *command.Call, arg queue.IDArg) error {
	id, err := queue.ResolveEnvelope(ctx, c, arg)
	if errors.Is(err, queue.ErrNoSuchID) {
		id, err = resolveUnlisted(ctx, c, arg)
	}
	if errors.Is(err, queue.ErrNoSuchID) {
		return c.PrintPart(newVerdictPart(c, nil, err))
	}
	if err != nil {
		return err
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	e, err := lookTwice(ctx, conn, id)
	if err != nil {
		return err
	}
	if e == nil {
		v := explainGone(ctx, c, conn, id)
		if v.Verdict == verdictGone {
			return c.PrintPart(newVerdictPart(c, v, fmt.Errorf("%s: %w", command.PathOf(c), queue.ErrNoSuchID)))
		}
		if err := c.PrintPart(newVerdictPart(c, v, nil)); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", command.PathOf(c), disk.ErrNotListed)
	}
	f, err := gatherFacts(ctx, conn, e)
	if err != nil {
		return err
	}
	if disk.MessageMissing(ctx, c, e.ID) {
		// The envelope may have been delivered just now.
		if again, err := queue.LookUp(ctx, conn, id); err == nil && again != nil && disk.MessageMissing(ctx, c, e.ID) {
			f.missing = disk.OpenSpool(ctx, c).MessagePath(e.ID.Msg())
		}
	}
	f.conf = disk.SmtpdConf(ctx, c)
	v := f.judge()
	v.ID, v.From, v.To = e.ID.String(), render.FormatAddress(e.Sender), render.FormatAddress(e.Dest)
	v.Created, v.Tries, v.Error = render.Time(e.Created), e.Retry, e.ErrorLine
	if e.Flags&protocol.FlagPending != 0 {
		v.Next = render.Time(e.NextTry)
	}
	if expires, sure := f.expires(); sure {
		v.Expires = render.Time(expires)
	}
	if e.Retry > 0 {
		if try := lastTry(ctx, c, e.ID); try != nil {
			v.Notes = append(v.Notes, "the log tells of its last try: "+try.Text())
		}
	}
	c.Listing.Take(e.ID)
	return c.PrintPart(newVerdictPart(c, v, nil))
}

// lastTry returns what the log of smtpd's machine says of the last attempt of an envelope.
func lastTry(ctx context.Context, c *command.Call, id protocol.EnvelopeID) *maillog.Event {
	far := c.FarFiles(ctx)
	if far == nil {
		return maillog.LastTry(ctx, maillog.Dir, id)
	}
	var in *int
	if zone, ok := c.Far(c.Opts.Host).Zone(); ok {
		in = &zone
	}
	return maillog.LastTryOn(ctx, far, in, maillog.Dir, id)
}

// describeVerdict prints a verdict for a person.
func describeVerdict(d *description, v *Verdict) error {
	what := v.ID
	if v.Created != 0 {
		from := v.From
		if from == "" {
			from = "<>"
		}
		what += fmt.Sprintf(", %s to %s, %s old, %s", from, v.To, render.Age(time.Now().Unix()-int64(v.Created)), render.Tries(v.Tries))
	}
	d.prose("envelope", what)
	d.verdict(v.Verdict + ": " + v.Reason)
	for _, n := range v.Notes {
		d.prose("note", n)
	}
	if v.Command != "" {
		d.command("do", v.Command)
	}
	return d.print()
}
