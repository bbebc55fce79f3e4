package disk

import (
	"context"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// unlistedFar is how much longer the looks at files of another machine may take.
const unlistedFar = 3 * time.Second

// WarnUnlisted warns of envelope files that smtpd does not list, if two checks a moment
// apart found the same files. While smtpd loads its queue or deletes much mail, the
// number falls between checks, and the warning says so. ctx limits its time. The files of another
// machine, which take a while, are looked at where a person sees the output, and not again and
// again.
func WarnUnlisted(ctx context.Context, c *command.Call, conn *protocol.Conn, limit time.Duration, deep int) {
	switch {
	case !HasSpool(c):
		return
	case c.Elsewhere() && (!c.Seen() || c.Repeated):
		return
	case c.Elsewhere():
		limit += unlistedFar
	}
	c.AfterOutput(ctx, func(ctx context.Context) { warnUnlisted(ctx, c, conn, limit, deep) })
}

// warnUnlisted is WarnUnlisted once all has been printed.
func warnUnlisted(parent context.Context, c *command.Call, conn *protocol.Conn, limit time.Duration, deep int) {
	ctx, cancel := context.WithTimeout(parent, limit+c.Env.Patience)
	defer cancel()
	set, err := UnlistedOf(ctx, c, conn, deep)
	fewer := false
	for err == nil && len(set) > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(UnlistedEvery):
		}
		var now []protocol.EnvelopeID
		now, err = UnlistedOf(ctx, c, conn, deep)
		switch {
		case parent.Err() != nil:
			return
		case ctx.Err() != nil:
			why := "their number is falling: smtpd is loading its queue, or deleting mail"
			if !fewer {
				why = "there was no time to check twice: some of that mail may just have arrived or left"
			}
			c.Warnf("smtpctl: %s in %s not listed by smtpd, and %s",
				render.Plural(len(set), "envelope file is", "envelope files are"), render.Safe(OpenSpool(ctx, c).Queue()), why)
			return
		case err != nil:
			return
		}
		kept := inBoth(set, now)
		if len(kept) == len(set) {
			sayUnlisted(ctx, c, conn, set)
			return
		}
		set, fewer = kept, true
	}
}
