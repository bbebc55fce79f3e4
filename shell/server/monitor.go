package server

import (
	"context"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// monitorHeader is what smtpctl prints above every monitorPage lines.
const (
	monitorHeader = "--- client ---  -- envelope --   ---- relay/delivery --- ------- misc -------\n" +
		"curr conn disc  curr  enq  deq   ok tmpfail prmfail loop expire remove bounce\n"
	monitorPage = 25
	monitorLine = "%4d %4d %4d  %4d %4d %4d %4d    %4d    %4d %4d   %4d   %4d   %4d\n"
)

// pageOf returns after how many lines the header comes again: as smtpctl
// has it, but on a smaller screen before it is out of sight.
func pageOf(c *command.Call) int {
	if _, rows := c.Screen(); c.Out.Tty && rows > 4 {
		return min(monitorPage, rows-3)
	}
	return monitorPage
}

// runMonitor prints what the counters gained, once in an interval until it is
// interrupted or has printed as many lines as were wanted. On a terminal it goes on
// when smtpd is restarted; elsewhere it ends as smtpctl does, so that no script hangs.
func runMonitor(ctx context.Context, c *command.Call) error {
	tick := time.NewTicker(c.Opts.Interval)
	defer tick.Stop()
	var last protocol.Digest
	var screen monitorScreen
	for n := 0; ; {
		d, err := readDigest(ctx, c)
		switch {
		case err == nil:
			if n > 0 && d.Startup != last.Startup && !screen.shown(c) {
				c.Warnf("smtpctl: smtpd was started again: its counters begin at zero, and the next line shows all that they counted since")
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
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// readDigest asks smtpd for its counters.
func readDigest(ctx context.Context, c *command.Call) (protocol.Digest, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return protocol.Digest{}, err
	}
	return conn.Digest(ctx)
}

// printDigest prints the counters for the nth time.
func printDigest(c *command.Call, n int, d, last *protocol.Digest, screen *monitorScreen) error {
	g := d.Since(last)
	line := fmt.Sprintf(monitorLine,
		d.Clients(), g.Connects, g.Disconnects, d.Queued(), g.Enqueued, g.Dequeued,
		g.Delivered, g.TemporaryFailures, g.PermanentFailures, g.Loops, g.Expired, g.Removed, g.Bounces)
	r := command.Record{JSON: newDigestJSON(d, last), Text: line}
	if n%pageOf(c) == 0 {
		r.Text = monitorHeader + line
		if n > 0 {
			r.Text = "\n" + r.Text
		}
	}
	screen.add(d, &g, n > 0 && d.Startup == last.Startup, n > 0 && d.Startup != last.Startup, c.Opts.Interval)
	if screen.shown(c) {
		r.Table = func() error { return screen.draw(c) }
	}
	return c.Print(r)
}
