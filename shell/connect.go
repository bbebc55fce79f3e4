package shell

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
		return errNamesServer(command.PathOf(c))
	}
	return nil
}

// errNamesServer returns why a command that names servers is refused in a restricted session.
func errNamesServer(name string) error {
	return command.Usagef("%s: refused, --restricted lets no server be named", name)
}

// runConnect connects to the machines that the argument names, and makes the commands that
// follow be for them. If one machine cannot be reached, nothing changes: a command must not run
// on fewer machines than were named.
func runConnect(ctx context.Context, c *command.Call) error {
	s := c.Host.(*Session)
	o := s.opts
	o.Host = c.Text(0)
	if err := s.takeHost(&o, hostOption); err != nil {
		return err
	}
	if o.Host == "" {
		s.opts.Host = ""
		return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: connectedHere})
	}
	hosts := strings.Split(o.Host, ",")
	if o.Parallel = c.Opts.Parallel; len(hosts) > 1 {
		if err := s.takeParallel(&o); err != nil {
			return &command.UsageError{Err: err}
		}
	}
	if err := s.reachedAll(ctx, c, hosts, s.dialAsking(ctx, c, o, hosts)); err != nil {
		return err
	}
	s.opts.Host = o.Host
	for _, host := range hosts {
		if err := s.connected(c, host, s.forHost(o, host).Socket); err != nil {
			return err
		}
	}
	return nil
}

// reachedAll returns an error if there is no connection to one of some machines, for each of
// which it has printed why.
func (s *Session) reachedAll(ctx context.Context, c *command.Call, hosts []string, errs []error) error {
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
		return fmt.Errorf("connect: %w; commands are for the same machine as before", errs[0])
	}
	for i, err := range errs {
		if err != nil {
			c.Warnf("%s", render.Bound(s.style.Error("smtpctl:")+" "+render.Safe(named(hosts[i], err).Error())+command.Advice(err), render.MaxMessage))
		}
	}
	others := ""
	if len(up) > 0 {
		others = "; for those that can be reached: connect " + strings.Join(up, ",")
	}
	return &notConnectedError{command.BoundNames(down), render.Bound(others, render.MaxMessage/2)}
}

// A notConnectedError means that some of several machines could not be connected to.
type notConnectedError struct {
	down, others string
}

func (e *notConnectedError) Error() string {
	return "connect: no connection to " + e.down + "; commands are for the same machine as before" + e.others
}

// Unreachable gives the error the exit status of an smtpd that cannot be reached.
func (e *notConnectedError) Unreachable() bool { return true }

// connected prints what a machine is to which connect has connected.
func (s *Session) connected(c *command.Call, host, socket string) error {
	if host == localHost {
		return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: "connected to the smtpd of this machine\n"})
	}
	if s.far.simulated[host] != nil {
		return c.Print(command.Record{JSON: ConnectedJSON{Host: host, Way: "simulation"}, Text: "connected to " + host + " (simulated)\n"})
	}
	facts, way := s.fleet.Host(host).Reached(socket)
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
	s := c.Host.(*Session)
	if s.opts.Host == "" {
		return errors.New("disconnect: commands are for the smtpd of this machine already")
	}
	s.opts.Host = ""
	return c.Print(command.Record{JSON: ConnectedJSON{Host: localHost, Way: "socket"}, Text: connectedHere})
}
