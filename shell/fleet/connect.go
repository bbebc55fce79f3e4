package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A ConnectedJSON is what connect and disconnect print as JSON.
type ConnectedJSON struct {
	Host    string `json:"host"`
	System  string `json:"system"`
	Machine string `json:"machine"`
	Smtpd   string `json:"smtpd,omitempty"` // the version of smtpd, such as 7.6.0p1
	User    int    `json:"uid"`             // the numeric id of the user whom ssh has logged in
	Way     string `json:"way"`             // how the socket of smtpd is reached
}

// connectedHere is what connect and disconnect print when commands are for this machine again.
const connectedHere = "commands are for the smtpd of this machine\n"

// checkConnect refuses connect in a restricted session, which must not choose servers.
func checkConnect(c *command.Call) error {
	if c.Opts.Restricted {
		return ErrNames(command.PathOf(c))
	}
	return nil
}

// runConnect connects to the machines that the argument names, and makes the commands that
// follow be for them. If one machine cannot be reached, nothing changes: a command must not run
// on fewer machines than were named.
func runConnect(ctx context.Context, c *command.Call) error {
	f, current := of(c)
	o := *current
	o.Host = c.Text(0)
	if err := f.TakeHost(&o, HostOption); err != nil {
		return err
	}
	if o.Host == "" {
		current.Host = ""
		return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: connectedHere})
	}
	hosts := Hosts(o)
	if o.Parallel = c.Opts.Parallel; len(hosts) > 1 {
		if err := f.takeParallel(&o); err != nil {
			return &command.UsageError{Err: err}
		}
	}
	if err := reachedAll(ctx, c, hosts, f.DialAsking(ctx, c, o, hosts), asBefore(*current)); err != nil {
		return err
	}
	current.Host = o.Host
	for _, host := range hosts {
		if err := f.connected(c, host, f.ForHost(o, host).Socket); err != nil {
			return err
		}
	}
	return nil
}

// asBefore says for which machines commands still are when connect has failed.
func asBefore(o command.Options) string {
	if o.Host == "" {
		return "commands are for this machine, as before"
	}
	return "commands are for " + command.BoundNames(Hosts(o)) + ", as before"
}

// reachedAll returns an error, with before in it, if there is no connection to one of some
// machines, for each of which it has printed why.
func reachedAll(ctx context.Context, c *command.Call, hosts []string, errs []error, before string) error {
	var up, down []string
	for i, host := range hosts {
		if errs[i] == nil {
			up = append(up, host)
		} else {
			down = append(down, host)
		}
	}
	switch cause := context.Cause(ctx); {
	case len(down) == 0:
		return nil
	case cause != nil:
		return cause
	case len(hosts) == 1:
		return fmt.Errorf("connect: %w; %s", errs[0], before)
	}
	for i, err := range errs {
		if err != nil {
			c.WarnError(hosts[i], err)
		}
	}
	others := ""
	if len(up) > 0 {
		others = "; for those that can be reached: connect " + strings.Join(up, ",")
	}
	return &notConnectedError{command.BoundNames(down), before, render.Bound(others, render.MaxMessage/2)}
}

// A notConnectedError means that some of several machines could not be connected to.
type notConnectedError struct {
	down, before, others string
}

func (e *notConnectedError) Error() string {
	return "connect: no connection to " + e.down + "; " + e.before + e.others
}

// Unreachable gives the error the exit status of an smtpd that cannot be reached.
func (e *notConnectedError) Unreachable() bool { return true }

// connected prints what a machine is to which connect has connected.
func (f *Fleet) connected(c *command.Call, host, socket string) error {
	if host == localHost {
		return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: "connected to the smtpd of this machine\n"})
	}
	if f.simulated[host] != "" {
		return c.Print(command.Record{JSON: ConnectedJSON{Host: host, Way: "simulation"}, Text: "connected to " + host + " (simulated)\n"})
	}
	facts, way := f.ssh.Host(host).Reached(socket)
	version := ""
	if facts.Smtpd != "" {
		version = ", OpenSMTPD " + render.Safe(facts.Smtpd)
	}
	return c.Print(command.Record{
		JSON: ConnectedJSON{host, facts.OS, facts.Machine, facts.Smtpd, facts.UID, way},
		Text: fmt.Sprintf("connected to %s (%s %s%s, by %s)\n", host, render.Safe(facts.OS), render.Safe(facts.Machine), version, way),
	})
}

// runDisconnect makes the commands that follow be for the smtpd of this machine.
func runDisconnect(_ context.Context, c *command.Call) error {
	_, current := of(c)
	if current.Host == "" {
		return errors.New("disconnect: commands are for the smtpd of this machine already")
	}
	current.Host = ""
	return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: connectedHere})
}
