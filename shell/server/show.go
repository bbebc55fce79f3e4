package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/report"
)

// A StatusJSON is what show status shows as JSON: running or paused.
type StatusJSON struct {
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
	states := StatusJSON{}
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
