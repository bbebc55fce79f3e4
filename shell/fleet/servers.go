package fleet

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// The states of a machine.
const (
	stateConnected = "connected"
	stateNot       = "not connected"
	stateFailed    = "failed"
)

// A ServerJSON is a machine as JSON shows it.
type ServerJSON struct {
	Server  string   `json:"server"`
	Current bool     `json:"current"` // the commands of the session go there
	State   string   `json:"state"`   // connected, not connected or failed
	Reason  string   `json:"reason,omitempty"`
	System  string   `json:"system,omitempty"`
	Machine string   `json:"machine,omitempty"`
	Smtpd   string   `json:"smtpd,omitempty"`
	Way     string   `json:"way,omitempty"`
	UID     *int     `json:"uid,omitempty"`     // of the user whom ssh logs in
	Files   string   `json:"files,omitempty"`   // who reads files there, or why they cannot be read
	Trip    *float64 `json:"trip_ms,omitempty"` // the last round trip that was measured, in milliseconds
}

// runServers lists machines. It connects to those that the line names.
func runServers(ctx context.Context, c *command.Call) error {
	f, current := of(c)
	o, named := c.Opts, !c.Mode.Lines() || c.Opts.Host != current.Host
	if len(c.Args) > 0 {
		o.Host, named = c.Text(0), true
		if err := f.TakeHost(&o, command.PathOf(c)); err != nil {
			return err
		}
	}
	hosts := Hosts(o)
	errs := map[string]error{}
	if named {
		errs = f.tryServers(ctx, c, o, hosts)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	} else {
		hosts = append(hosts, f.usedServers(hosts)...)
	}
	rows := make([]ServerJSON, len(hosts))
	failed := 0
	for i, host := range hosts {
		if rows[i], errs[host] = f.server(ctx, Hosts(*current), o, host, errs[host]); rows[i].State == stateFailed {
			failed++
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err := printServers(c, rows); err != nil {
		return err
	}
	if named && failed == len(hosts) {
		return &command.ReportedError{Err: errs[hosts[0]]}
	}
	return nil
}

// tryServers connects to machines at the same time, and finds out who reads files there. It
// returns what has failed.
func (f *Fleet) tryServers(ctx context.Context, c *command.Call, o command.Options, hosts []string) map[string]error {
	all := f.dialAll(ctx, c, o, hosts)
	errs := map[string]error{}
	f.onEach(command.RightsOf(o.Parallel, hosts), o, hosts, func(i int, o command.Options) {
		if all[i] == nil && o.Host != "" && f.simulated == nil {
			f.ssh.Host(o.Host).ProbeFiles(ctx, o.Socket, f.setting(o.Host).way, o.Timeout)
		}
	})
	for i, host := range hosts {
		errs[host] = all[i]
	}
	return errs
}

// usedServers returns the machines that the session has used, but for those in hosts.
func (f *Fleet) usedServers(hosts []string) []string {
	f.mu.Lock()
	var used []string
	for host, l := range f.links {
		if l.conn != nil && host == "" && !slices.Contains(hosts, localHost) || host != "" && f.simulated[host] != "" {
			used = append(used, host)
		}
	}
	f.mu.Unlock()
	used = slices.DeleteFunc(append(used, f.ssh.Used()...), func(host string) bool { return slices.Contains(hosts, host) })
	slices.Sort(used)
	return slices.Compact(used)
}

// server returns what is known of a machine, and why it cannot be used, which is err if it could not be
// reached just now. The commands of the session go to the machines now.
func (f *Fleet) server(ctx context.Context, now []string, o command.Options, host string, err error) (ServerJSON, error) {
	opts := f.ForHost(o, host)
	current := slices.ContainsFunc(now, func(h string) bool { return h == host || (h == "" || h == localHost) && opts.Host == "" })
	j := ServerJSON{Server: host, Current: current, State: stateNot}
	simulated := f.simulated[opts.Host] != "" || f.DemoHere && opts.Host == ""
	if opts.Host == "" || simulated || f.simulated != nil {
		if opts.Host == "" {
			j.Server = localHost
		}
		if conn := f.Link(opts.Host); conn != nil && conn.Alive() {
			j.State = stateConnected
		}
		switch {
		case simulated:
			j.Way = "simulation"
		case opts.Host == "":
			if herr := f.here(ctx, &j); err == nil {
				err = herr
			}
		}
	} else {
		st := f.ssh.Host(opts.Host).Status(opts.Socket)
		if st.Connected {
			j.State = stateConnected
		}
		if err == nil {
			err = st.Err
		}
		if st.Known {
			j.System, j.Machine, j.Smtpd, j.Way, j.UID, j.Files = st.Facts.OS, st.Facts.Machine, st.Facts.Smtpd, st.Way, &st.Facts.UID, st.Files
		}
		if st.Trip > 0 {
			j.setTrip(st.Trip)
		}
	}
	if err != nil {
		j.State, j.Reason = stateFailed, strings.TrimPrefix(err.Error(), host+": ")+command.Advice(err)
	}
	return j, err
}

// printServers prints machines in the output format.
func printServers(c *command.Call, rows []ServerJSON) error {
	parts := func(yield func(command.Record, error) bool) {
		for _, j := range rows {
			if !yield(command.Record{JSON: j, Text: render.Safe(j.text()) + "\n"}, nil) {
				return
			}
		}
	}
	table := func() error {
		tw := tabwriter.NewWriter(c.Out, 0, 8, 1, ' ', 0)
		fmt.Fprintln(tw, "  SERVER\tSTATE\tSYSTEM\tSMTPD\tWAY\tUID\tTRIP\tFILES")
		for _, j := range rows {
			mark, state := " ", j.State
			if j.Current {
				mark = "*"
			}
			cells := []string{mark + " " + j.Server, state, strings.TrimSpace(j.System + " " + j.Machine), j.Smtpd, j.Way, j.uid(), j.trip(), j.Files}
			for i, cell := range cells {
				if cells[i] = render.Safe(cell); cell == "" {
					cells[i] = "-"
				}
			}
			fmt.Fprintln(tw, strings.Join(cells, "\t"))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
		for _, j := range rows {
			if j.Reason != "" {
				fmt.Fprintln(c.Out, render.Safe(j.Server+": "+j.Reason))
			}
		}
		return nil
	}
	return c.Print(command.Record{Parts: parts, Table: table})
}

// uid returns the user whom ssh logs in, or "" if that is not known.
func (j *ServerJSON) uid() string {
	if j.UID == nil {
		return ""
	}
	return strconv.Itoa(*j.UID)
}

// trip returns the round trip, or "" if none was measured.
func (j *ServerJSON) trip() string {
	if j.Trip == nil {
		return ""
	}
	return fmt.Sprintf("%.1fms", *j.Trip)
}

// text returns a machine on one line.
func (j *ServerJSON) text() string {
	parts := []string{j.State}
	if j.Current {
		parts = append(parts, "current")
	}
	for _, p := range []struct{ name, value string }{
		{"", strings.TrimSpace(j.System + " " + j.Machine)}, {"OpenSMTPD ", j.Smtpd}, {"by ", j.Way}, {"uid ", j.uid()}, {"trip ", j.trip()}, {"files: ", j.Files}, {"", j.Reason},
	} {
		if p.value != "" {
			parts = append(parts, p.name+p.value)
		}
	}
	return j.Server + ": " + strings.Join(parts, ", ")
}
