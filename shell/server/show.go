package server

import (
	"context"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/report"
)

// A StatusJSON is the JSON form of show status. Each member is "running" or "paused".
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
	states, text, hint := StatusJSON{}, "", ""
	for _, s := range protocol.Subsystems {
		state := "running"
		if st.Paused(s) {
			state, hint = "paused", report.Forgetful
		}
		switch s {
		case protocol.MDA:
			states.MDA = state
		case protocol.MTA:
			states.MTA = state
		case protocol.SMTP:
			states.SMTP = state
		}
		text += fmt.Sprintf("%s %s\n", s, state)
	}
	if err := c.Print(command.Record{JSON: states, Text: text, Hint: hint}); err != nil {
		return err
	}
	if err := c.Out.Flush(); err != nil {
		return err
	}
	disk.WarnUnlisted(ctx, c, conn, disk.UnlistedStatus, disk.DeepStatus)
	return nil
}

func runShowStats(ctx context.Context, c *command.Call) error {
	return c.Print(command.Record{
		Metrics: func() error { return showMetrics(ctx, c) },
		Parts: func(yield func(command.Record, error) bool) {
			conn, err := c.Conn(ctx)
			if err != nil {
				yield(command.Record{}, err)
				return
			}
			for st, err := range conn.Stats(ctx) {
				if !yield(statRecord(st), err) || err != nil {
					return
				}
			}
		},
	})
}

// statRecord returns the result for a statistic.
func statRecord(st protocol.Stat) command.Record {
	r := command.Record{JSON: newStatJSON(st), Text: fmt.Sprintf("%s=%s\n", st.Key, st.Text())}
	if st.IsUptime() {
		up := time.Now().Unix() - st.Value
		r.Text = fmt.Sprintf("uptime=%d\nuptime.human=%s\n", up, protocol.Duration(up))
	}
	return r
}
