package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/report"
)

// listings are the listings that smtpd makes up as text, by command.
var listings = []protocol.Report{
	protocol.Hosts, protocol.Relays, protocol.Routes, protocol.HostStats, protocol.Blocks,
}

// maxIdleWarnings is of how many pauses show mta paused says that they have no
// effect; as JSON each says so itself.
const maxIdleWarnings = 20

// runReport prints one of smtpd's own listings as it comes.
func runReport(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	name := strings.Join(c.Path, " ")
	for _, r := range listings {
		if r.Name != name {
			continue
		}
		var relays []*report.Relay
		if r == protocol.Blocks {
			if relays, err = report.ReadReport[report.Relay](ctx, conn, protocol.Relays); err != nil {
				return err
			}
		}
		var idle []*report.Block
		parse := report.LineParser(r)
		for line, err := range conn.Lines(ctx, r) {
			if err != nil {
				return err
			}
			v := parse(line)
			if b, ok := v.(*report.Block); ok {
				if b.Warning = b.Idle(relays); b.Warning != "" && len(idle) < maxIdleWarnings {
					idle = append(idle, b)
				}
			}
			if c.Format() != command.FormatJSON {
				fmt.Fprintln(c.Out, line)
				continue
			}
			if v == nil {
				v = map[string]string{"line": line}
			}
			if err := c.PrintJSON(v); err != nil {
				return err
			}
		}
		for _, b := range idle {
			report.WarnIdle(c, b, b.Warning)
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

func runShowStatus(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
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
		if c.Format() != command.FormatJSON {
			fmt.Fprintf(c.Out, "%s %s\n", s, state)
		}
	}
	if c.Format() == command.FormatJSON {
		err = c.PrintJSON(states)
	}
	if ferr := c.Out.Flush(); err != nil || ferr != nil {
		return errors.Join(err, ferr)
	}
	if (st.Paused(protocol.MDA) || st.Paused(protocol.MTA) || st.Paused(protocol.SMTP)) && c.Format() == command.FormatTable {
		c.Warnf("%s", report.Forgetful)
	}
	disk.WarnUnlisted(ctx, c, conn, disk.UnlistedStatus, disk.DeepStatus)
	return nil
}

func runShowStats(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	if c.Format() == command.FormatMetrics {
		return showMetrics(ctx, c, conn)
	}
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return err
		}
		if c.Format() == command.FormatJSON {
			if err := c.PrintJSON(newStatJSON(st)); err != nil {
				return err
			}
			continue
		}
		if st.IsUptime() {
			up := time.Now().Unix() - st.Value
			fmt.Fprintf(c.Out, "uptime=%d\nuptime.human=%s\n", up, protocol.Duration(up))
			continue
		}
		fmt.Fprintf(c.Out, "%s=%s\n", st.Key, st.Text())
	}
	return nil
}
