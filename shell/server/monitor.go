package server

import (
	"context"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// monitorHeader is the header that OpenSMTPD's smtpctl prints after every monitorPage
// lines.
const (
	monitorHeader = "--- client ---  -- envelope --   ---- relay/delivery --- ------- misc -------\n" +
		"curr conn disc  curr  enq  deq   ok tmpfail prmfail loop expire remove bounce\n"
	monitorPage = 25
	monitorLine = "%4d %4d %4d  %4d %4d %4d %4d    %4d    %4d %4d   %4d   %4d   %4d\n"
)

// pageOf returns after how many lines the header is repeated: as in OpenSMTPD's
// smtpctl, but on a smaller screen before the header scrolls away.
func pageOf(c *command.Call) int {
	if _, rows := c.Screen(); c.Out.Tty && rows > 4 {
		return min(monitorPage, rows-3)
	}
	return monitorPage
}

// runMonitor prints the counters and then their increase in each interval, until it is
// interrupted or has printed the given number of lines. If smtpd stops answering after
// the first line, monitor tries again on a terminal; elsewhere it ends with an error, as
// OpenSMTPD's smtpctl does, so that no script hangs.
func runMonitor(ctx context.Context, c *command.Call) error {
	if hosts := c.Hosts(); hosts != nil {
		return monitorSeveral(ctx, c, hosts)
	}
	tick := time.NewTicker(c.Opts.Interval)
	defer tick.Stop()
	var last protocol.Digest
	var screen monitorScreen
	for n := 0; ; {
		d, err := readDigest(ctx, c)
		switch {
		case err == nil:
			if n > 0 && d.Startup != last.Startup && !screen.shown(c) {
				c.Warnf("smtpctl: smtpd was restarted: its counters began again at zero, and the next line shows their totals since the restart")
			}
			if err := printDigest(c, n, &d, &last, &screen); err != nil {
				return err
			}
			last = d
			n++
		case n == 0 || !c.Out.Tty || ctx.Err() != nil:
			return err
		default:
			if err := screen.away(c, err); err != nil {
				return err
			}
		}
		if err := c.Out.Flush(); err != nil {
			return err
		}
		if n == c.Opts.Count && n > 0 {
			return screen.end(c)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// readDigest requests smtpd's counters.
func readDigest(ctx context.Context, c *command.Call) (protocol.Digest, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return protocol.Digest{}, err
	}
	return conn.Digest(ctx)
}

// printDigest prints line n of monitor, counted from 0: d, and its increase since last.
func printDigest(c *command.Call, n int, d, last *protocol.Digest, screen *monitorScreen) error {
	g := d.Since(last)
	line := digestLine(d, &g)
	r := command.Record{JSON: newDigestJSON(d, &g), Text: line}
	if n%pageOf(c) == 0 {
		r.Text = monitorHeader + line
		if n > 0 {
			r.Text = "\n" + r.Text
		}
	}
	screen.add(time.Now(), d, &g, n > 0 && d.Startup == last.Startup, n > 0 && d.Startup != last.Startup, c.Opts.Interval)
	if screen.shown(c) {
		r.Table = func() error { return screen.draw(c) }
	}
	return c.Print(r)
}

// digestLine returns the line of smtpctl for counters and their increase.
func digestLine(d, g *protocol.Digest) string {
	return fmt.Sprintf(monitorLine,
		d.Clients(), g.Connects, g.Disconnects, d.Queued(), g.Enqueued, g.Dequeued,
		g.Delivered, g.TemporaryFailures, g.PermanentFailures, g.Loops, g.Expired, g.Removed, g.Bounces)
}
