package inspect

import (
	"context"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/report"
)

// listings are the reports that smtpd sends as text, by command.
var listings = []protocol.Report{
	protocol.Hosts, protocol.Relays, protocol.Routes, protocol.HostStats, protocol.PausedRoutes,
}

// maxIdleWarnings is for how many pauses show mta paused warns that they have no
// effect. In JSON each pause says so itself.
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
		if r == protocol.PausedRoutes {
			if relays, err = report.ReadReport[report.Relay](ctx, conn, protocol.Relays); err != nil {
				return err
			}
		}
		var idle []*report.Block
		parse := report.LineParser(r)
		p := c.Progress("lines read:", 0)
		defer p.End()
		for line, err := range conn.Lines(ctx, r) {
			if err != nil {
				return err
			}
			p.Step()
			v := parse(line)
			if b, ok := v.(*report.Block); ok {
				if b.Warning = b.Idle(relays); b.Warning != "" && len(idle) < maxIdleWarnings {
					idle = append(idle, b)
				}
			}
			if v == nil {
				v = map[string]string{"line": line}
			}
			if err := c.Print(command.Record{JSON: v, Text: line + "\n"}); err != nil {
				return err
			}
		}
		for _, b := range idle {
			report.WarnIdle(c, b, b.Warning)
		}
	}
	return nil
}
