package shell

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"smtpctl/protocol"
)

// reports are the listings that smtpd makes up as text, by command.
var reports = []protocol.Report{
	protocol.Hosts, protocol.Relays, protocol.Routes, protocol.HostStats, protocol.Blocks,
}

// runReport prints one of smtpd's own listings as it comes.
func runReport(ctx context.Context, c *Call) error {
	conn, err := c.conn(ctx)
	if err != nil {
		return err
	}
	name := strings.Join(c.path, " ")
	for _, r := range reports {
		if r.Name != name {
			continue
		}
		parse := lineParser(r)
		for line, err := range conn.Lines(ctx, r) {
			if err != nil {
				return err
			}
			if c.format() != formatJSON {
				fmt.Fprintln(c.out(), line)
				continue
			}
			v := parse(line)
			if v == nil {
				v = map[string]string{"line": line}
			}
			if err := c.printJSON(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// A statusJSON is what show status shows as JSON: running or paused.
type statusJSON struct {
	MDA  string `json:"mda"`
	MTA  string `json:"mta"`
	SMTP string `json:"smtp"`
}

func runShowStatus(ctx context.Context, c *Call) error {
	conn, err := c.conn(ctx)
	if err != nil {
		return err
	}
	st, err := conn.Status(ctx)
	if err != nil {
		return err
	}
	states := statusJSON{}
	for _, s := range protocol.Subsystems {
		state := "running"
		if st.Paused(s) {
			state = "paused"
		}
		switch s {
		case protocol.MDA:
			states.MDA = state
		case protocol.MTA:
			states.MTA = state
		case protocol.SMTP:
			states.SMTP = state
		}
		if c.format() != formatJSON {
			fmt.Fprintf(c.out(), "%s %s\n", s, state)
		}
	}
	if c.format() == formatJSON {
		return c.printJSON(states)
	}
	return nil
}

func runShowStats(ctx context.Context, c *Call) error {
	conn, err := c.conn(ctx)
	if err != nil {
		return err
	}
	if c.format() == formatMetrics {
		return c.showMetrics(ctx, conn)
	}
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return err
		}
		if c.format() == formatJSON {
			if err := c.printJSON(newStatJSON(st)); err != nil {
				return err
			}
			continue
		}
		if st.IsUptime() {
			up := time.Now().Unix() - st.Value
			fmt.Fprintf(c.out(), "uptime=%d\nuptime.human=%s\n", up, protocol.Duration(up))
			continue
		}
		fmt.Fprintf(c.out(), "%s=%s\n", st.Key, st.Text())
	}
	return nil
}

// monitorHeader is what smtpctl prints above every monitorPage lines.
const (
	monitorHeader = "--- client ---  -- envelope --   ---- relay/delivery --- ------- misc -------\n" +
		"curr conn disc  curr  enq  deq   ok tmpfail prmfail loop expire remove bounce\n"
	monitorPage = 25
	monitorLine = "%4d %4d %4d  %4d %4d %4d %4d    %4d    %4d %4d   %4d   %4d   %4d\n"
)

// monitorPage returns after how many lines the header comes again: as smtpctl
// has it, but on a smaller screen before it is out of sight.
func (c *Call) monitorPage() int {
	if f, ok := c.s.io.Out.(*os.File); ok && c.out().tty {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 4 {
			return min(monitorPage, rows-3)
		}
	}
	return monitorPage
}

// runMonitor prints what the counters gained, once a second until it is
// interrupted.
func runMonitor(ctx context.Context, c *Call) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last protocol.Digest
	for n := 0; ; n++ {
		conn, err := c.conn(ctx)
		if err != nil {
			return err
		}
		d, err := conn.Digest(ctx)
		if err != nil {
			return err
		}
		if c.format() == formatJSON {
			if err := c.printJSON(newDigestJSON(&d, &last)); err != nil {
				return err
			}
		} else if n%c.monitorPage() == 0 {
			if n > 0 {
				fmt.Fprintln(c.out())
			}
			fmt.Fprint(c.out(), monitorHeader)
		}
		if c.format() != formatJSON {
			fmt.Fprintf(c.out(), monitorLine,
				d.Connects-d.Disconnects, d.Connects-last.Connects, d.Disconnects-last.Disconnects,
				d.Enqueued-d.Dequeued, d.Enqueued-last.Enqueued, d.Dequeued-last.Dequeued,
				d.Delivered-last.Delivered, d.TemporaryFailures-last.TemporaryFailures,
				d.PermanentFailures-last.PermanentFailures, d.Loops-last.Loops,
				d.Expired-last.Expired, d.Removed-last.Removed, d.Bounces-last.Bounces)
		}
		if err := c.out().Flush(); err != nil {
			return fmt.Errorf("standard output: %w", fileError(err))
		}
		last = d
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
