// Package fleet has the machines of a session: their names, what the settings say about them,
// the connections to them, and the commands that choose and list them.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/config"
	"smtpctl/shell/remote"
	"smtpctl/shell/render"
)

// A Fleet is the machines of a session. Its methods may be called from several goroutines, but
// not twice at the same time for one machine.
type Fleet struct {
	Env func(name string) string // as os.Getenv
	// Asks reports whether ssh may ask at the terminal.
	Asks func() bool
	Say  func(line string) // tells the user what ssh says; the line is safe for a terminal
	// AtForcedEnd is that of command.Env.
	AtForcedEnd func(do func() (undo func()))

	// DemoHere says that the smtpd of this machine is simulated.
	DemoHere bool

	ssh remote.Fleet

	mu    sync.Mutex       // guards links, failed, and the loading of settings
	links map[string]*link // by the name of the machine, "" for this one
	// failed holds the error of each machine that could not be reached before the process was
	// confined, by host.
	failed   map[string]error
	swept    bool                   // the end of ssh is part of an end by force
	hosts    map[string]hostSetting // of machines by name, from settings
	settings *config.Config         // what the settings say about machines, once it has been asked for
	// simulated has the sockets of the machines of a demo by name, nil outside a demo.
	simulated map[string]string
}

// Close closes the connections to all machines.
func (f *Fleet) Close() {
	for _, l := range f.links {
		l.close()
	}
	f.ssh.Close()
}

// Seal is SealFar of command.Env.
func (f *Fleet) Seal() string { return f.ssh.Seal() }

// Simulate makes the machines those of a demo, each with its socket. From then on no ssh is
// started, whatever is asked for.
func (f *Fleet) Simulate(sockets map[string]string) {
	f.ssh.Seal()
	f.simulated = sockets
}

// Simulated reports whether the machines are those of a demo.
func (f *Fleet) Simulated() bool { return f.simulated != nil }

// Trip returns the round trip to a machine, 0 if it is not known.
func (f *Fleet) Trip(host, socket string) time.Duration { return f.ssh.Host(host).Status(socket).Trip }

// Far returns another machine by its name.
func (f *Fleet) Far(name string) command.Far {
	other := far{f.ssh.Host(name), f}
	if f.simulated != nil {
		return demoHost{other}
	}
	return other
}

// A far is another machine in the form that commands use.
type far struct {
	*remote.Host
	fleet *Fleet
}

// SMTP implements command.Far.
func (h far) SMTP(ctx context.Context, addrs []string, wait time.Duration) (net.Conn, string, error) {
	if len(addrs) == 0 {
		addrs = remote.SMTPAddresses
	}
	return h.Host.SMTP(ctx, addrs, h.fleet.setting(h.Name()).way, wait)
}

// Files implements command.Far.
func (h far) Files(ctx context.Context, socket string, timeout time.Duration) command.FarFiles {
	return h.Host.Files(ctx, socket, timeout).By(h.fleet.setting(h.Name()).way)
}

// Lock implements command.Far.
func (h far) Lock(ctx context.Context, socket, dir string, wait time.Duration) (func(), error) {
	unlock, err := h.Host.Lock(ctx, socket, dir, wait)
	if errors.Is(err, remote.ErrLocked) {
		err = command.ErrLocked
	}
	return unlock, err
}

// A demoHost is a simulated machine as commands know it. Nobody else changes its queue, and
// it has no syslog. All else would need its ssh, which is never started.
type demoHost struct{ far }

// Lock implements command.Far.
func (demoHost) Lock(context.Context, string, string, time.Duration) (func(), error) {
	return func() {}, nil
}

// Log implements command.Far.
func (demoHost) Log(context.Context, string, []string) error { return nil }

// dialDemo connects to the smtpd of a simulated machine.
func (f *Fleet) dialDemo(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	socket, ok := f.simulated[opts.Host]
	if !ok {
		return nil, &remote.Error{Host: opts.Host, Err: fmt.Errorf("the simulation has no such machine: it has mx1 to mx%d, and local", len(f.simulated))}
	}
	return protocol.Dial(ctx, socket, protocol.Options{Timeout: opts.Timeout, Window: opts.Window})
}

// dialFar connects to the smtpd of another machine. ssh may ask at the terminal only if
// standard input is a terminal that the command does not read, and if ctx is not one of Quiet.
func (f *Fleet) dialFar(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	if f.simulated != nil {
		return f.dialDemo(ctx, opts)
	}
	conn, err := f.ssh.Host(opts.Host).Dial(ctx, opts.Socket, protocol.Options{Timeout: opts.Timeout, Window: opts.Window}, f.options(ctx, opts))
	f.atEnd()
	return conn, err
}

// options returns the way to a machine, and whether ssh may ask at the terminal.
func (f *Fleet) options(ctx context.Context, opts command.Options) remote.Options {
	setting := f.setting(opts.Host)
	return remote.Options{
		Way: setting.way, WaySet: setting.where,
		Terminal: f.Asks() && ctx.Value(quietKey{}) == nil,
		Say:      func(line string) { f.Say(render.Safe(opts.Host + ": ssh: " + line)) },
	}
}

// atEnd makes the end of ssh part of an end by force.
func (f *Fleet) atEnd() {
	f.AtForcedEnd(func() func() {
		if f.swept {
			return nil
		}
		f.swept = true
		return f.ssh.Close
	})
}

// A quietKey marks the contexts of Quiet.
type quietKey struct{}

// Quiet returns a context in which ssh must not ask at the terminal, such as that of completion
// or of a command for several machines.
func Quiet(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// Gone reports whether there is no connection to a machine. For this machine and for simulated
// ones it returns false.
func (f *Fleet) Gone(host string) bool {
	if _, ok := f.simulated[host]; ok || host == "" || host == localHost {
		return false
	}
	return !f.ssh.Host(host).Connected()
}

// localHost is the name of this machine for --host and connect.
const localHost = command.LocalHost

// Hosts returns the machines that the option --host names; "" is this one.
func Hosts(o command.Options) []string { return strings.Split(o.Host, ",") }
