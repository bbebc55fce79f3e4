package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A ServerDigestJSON is a DigestJSON of one of several machines.
type ServerDigestJSON struct {
	Server string `json:"server"`
	DigestJSON
}

// monitorSeveral is runMonitor for several machines: on a terminal it draws a screen with the
// sums of all machines or, after a key, of one; elsewhere it prints a line for each machine. A
// machine that does not answer holds nobody up, and is asked again until it does. Without a
// terminal it ends with an error once no machine answers any more.
func monitorSeveral(ctx context.Context, c *command.Call, hosts []string) error {
	if c.Opts.Columns != "" && !slices.Contains(strings.Split(c.Opts.Columns, ","), "server") {
		c.Opts.Columns = "server," + c.Opts.Columns
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rounds := command.NewRounds(ctx, hosts, c.Opts.Interval, c.Opts.Parallel, func(ctx context.Context, host string) (d protocol.Digest, err error) {
		err = c.OnHost(ctx, c, host, func(ctx context.Context, c *command.Call) error {
			d, err = readDigest(ctx, c)
			return err
		})
		return d, err
	})
	defer rounds.End()
	m := newFleet(hosts, c.Opts.Interval)
	next := rounds.Next
	if m.sum.shown(c) {
		keys, stop := c.Keys()
		defer stop()
		m.keys = keys
	} else {
		next = rounds.All // connecting may take longer than an interval
	}
	tick := time.NewTicker(c.Opts.Interval)
	defer tick.Stop()
	for {
		done := make(chan []command.Turn[protocol.Digest], 1)
		go func() { done <- next(ctx) }()
		turns, err := m.await(ctx, c, done, nil)
		if err != nil {
			cancel(errMonitorEnds)
			if turns == nil {
				<-done
			}
			return m.end(c, err)
		}
		next = rounds.Next
		m.take(time.Now(), turns)
		if m.silent() && (m.rounds == 1 || !c.Out.Tty) {
			return m.allDown(c)
		}
		if err := m.print(c); err != nil {
			return err
		}
		if m.rounds == c.Opts.Count && m.rounds > 0 {
			if err := m.sum.end(c); err != nil {
				return err
			}
			return m.failed(c)
		}
		if _, err := m.await(ctx, c, nil, tick.C); err != nil {
			return m.end(c, err)
		}
	}
}

// errMonitorEnds is the error of a wait in which the user has ended monitor by a key.
var errMonitorEnds = errors.New("ended by a key")

// end returns the error of monitor for that of a wait. A key leaves the last screen there.
func (m *fleet) end(c *command.Call, err error) error {
	if !errors.Is(err, errMonitorEnds) {
		return err
	}
	return m.sum.end(c)
}

// await waits for the answers of a round, or for the next round, and handles keys meanwhile.
func (m *fleet) await(ctx context.Context, c *command.Call, done <-chan []command.Turn[protocol.Digest], tick <-chan time.Time) ([]command.Turn[protocol.Digest], error) {
	for {
		select {
		case turns := <-done:
			if ctx.Err() != nil {
				return turns, ctx.Err()
			}
			return turns, nil
		case <-tick:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case key, ok := <-m.keys:
			switch {
			case !ok:
				m.keys = nil
			case quits(key):
				return nil, errMonitorEnds
			case m.turn(key) && m.asked:
				if err := m.draw(c); err != nil {
					return nil, err
				}
			}
		}
	}
}

// print prints what the last round has brought.
func (m *fleet) print(c *command.Call) error {
	if m.sum.shown(c) {
		return m.draw(c)
	}
	for i := range m.machines {
		if err := m.printMachine(c, &m.machines[i]); err != nil {
			return err
		}
	}
	return c.Out.Flush()
}

// printMachine prints the line of a machine, if it has answered, and warns once if it is down
// or late, or was restarted.
func (m *fleet) printMachine(c *command.Call, a *machine) error {
	switch said := a.said; {
	case a.state == isDown && said != isDown:
		again := ": trying again"
		if m.rounds == c.Opts.Count {
			again = ""
		}
		c.Warnf("smtpctl: monitor: %s%s", render.Safe(a.why.Error()), again)
		a.said = isDown
	case a.state == isLate && said == isUp:
		c.Warnf("smtpctl: monitor: %s: no answer since %s", a.name, a.since.Format(time.TimeOnly))
		a.said = isLate
	case a.state == isUp:
		a.said = isUp
	}
	if !a.fresh {
		return nil
	}
	if a.restarted {
		c.Warnf("smtpctl: %s: smtpd was restarted: its counters began again at zero, and the next line shows their totals since the restart", a.name)
	}
	line := a.name + ":" + strings.Repeat(" ", m.width-len(a.name)) + " " + digestLine(&a.last, &a.gained)
	r := command.Record{JSON: ServerDigestJSON{a.name, newDigestJSON(&a.last, &a.gained)}, Text: line}
	if m.lines%pageOf(c) == 0 {
		indent := strings.Repeat(" ", m.width+2)
		r.Text = indent + strings.ReplaceAll(strings.TrimSuffix(monitorHeader, "\n"), "\n", "\n"+indent) + "\n" + line
		if m.lines > 0 {
			r.Text = "\n" + r.Text
		}
	}
	m.lines++
	return c.Print(r)
}

// failed returns an error that names the machines that have failed, or have not answered.
func (m *fleet) failed(c *command.Call) error {
	var names []string
	for i := range m.machines {
		if a := &m.machines[i]; a.failed || a.state != isUp {
			names = append(names, a.name)
		}
	}
	switch {
	case len(names) == 0:
		return nil
	case m.silent():
		return m.allDown(c)
	}
	return errors.New(command.FailedOn(c, names))
}

// allDown says why each machine is down, and returns the error for that.
func (m *fleet) allDown(c *command.Call) error {
	for i := range m.machines {
		c.Warnf("smtpctl: %s%s", render.Safe(m.machines[i].why.Error()), command.Advice(m.machines[i].why))
	}
	return &command.ReportedError{Err: m.machines[0].why}
}
