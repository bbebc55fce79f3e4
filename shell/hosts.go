package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/config"
	"smtpctl/shell/hostname"
	"smtpctl/shell/queue"
	"smtpctl/shell/remote"
	"smtpctl/shell/render"
)

// hostCommands are the commands that choose the machines for other commands.
var hostCommands = []*command.Command{
	{Pattern: "connect <host>", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Needs: command.NeedsAnything, Check: checkConnect, Run: runConnect,
		Summary: "make the commands that follow go to the smtpd of another machine, by ssh",
		Help:    connectHelp},
	{Pattern: "disconnect", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runDisconnect,
		Summary: "make the commands that follow go to the smtpd of this machine again"},
	onCommand,
}

// hostKinds are the kinds of arguments that hostCommands take.
var hostKinds = []*grammar.Kind{
	{Name: "host", Doc: "a host as ssh takes it, such as mx1 or admin@mx2.example.com; local for this machine", Parse: command.ParseNonEmpty("a host")},
	hostsKind,
}

// connectHelp is the help text of connect.
const connectHelp = "The ssh of the user is started in batch mode, but it may ask at the terminal for a passphrase or about the key\n" +
	"of the machine. Nothing is installed there. Where ssh does not log in root, sudo or doas has to let the user\n" +
	"run nc, socat or this program without a password, and sh for what reads files there: mail, the log, smtpd.conf.\n" +
	"requeue, bounce and notify hand mail over at 127.0.0.1:25 there, or at [::1]:25, as ssh or nc reaches it.\n" +
	"What works only on the machine itself, such as requeue --dispatcher, is refused and says why.\n" +
	"connect mx1,mx2 and connect @front are for several machines: each command that follows runs on all of them. They are\n" +
	"tried at the same time; then ssh asks for those alone for which it must. If one cannot be reached, nothing changes."

// hostVariable is the environment variable that names the machines if --host is not given.
const hostVariable = "SMTPCTL_HOST"

// localHost is the name of this machine for --host and connect.
const localHost = command.LocalHost

// A farState holds what a session knows about other machines beside their connections.
type farState struct {
	mu    sync.Mutex // guards Session.links and failed
	swept bool       // Fleet.Close will be called if the program is ended by force
	// failed holds the error of each machine that could not be reached before the process was
	// confined, by host.
	failed   map[string]error
	hosts    map[string]hostSetting // of machines by name, from settings
	settings *config.Config         // what the settings say about machines, once it has been asked for
	// simulated are the machines of a demo by name, nil outside a demo.
	simulated map[string]*demo
}

// takeHost checks the option --host, or what stands for it, which an error names. It may name several hosts, separated by commas. It
// replaces groups by their hosts, and makes the option "" if only this machine is named. For
// other machines it also checks the paths in --socket and --spool, and for several machines it
// takes from the settings how many of them work at the same time.
func (s *Session) takeHost(o *command.Options, name string) error {
	if o.Host == "" {
		return nil
	}
	hosts, err := s.hostNames(o.Host)
	if err != nil {
		return command.Usagef("%s %q: %w", name, o.Host, err)
	}
	if o.Host = strings.Join(hosts, ","); o.Host == localHost {
		o.Host = ""
		return nil
	}
	if err := s.checkSettings(hosts); err != nil {
		return &command.UsageError{Err: err}
	}
	if len(hosts) > 1 {
		if err := s.takeParallel(o); err != nil {
			return &command.UsageError{Err: err}
		}
	}
	if err := remote.Path(o.Socket); err != nil {
		return command.Usagef("--socket %q: %w", o.Socket, err)
	}
	if err := remote.Path(o.Spool); err != nil {
		return command.Usagef("--spool %q: %w", o.Spool, err)
	}
	return nil
}

// hostOption is the option that takeHost checks.
const hostOption = "--host"

// hostNames returns the names in a list separated by commas, each once. @NAME stands for the
// hosts of a group in the settings.
func (s *Session) hostNames(list string) ([]string, error) {
	var out []string
	for _, name := range strings.Split(list, ",") {
		names := []string{name}
		if group, ok := strings.CutPrefix(name, "@"); ok {
			var err error
			if names, err = s.farSettings().Hosts(group); err != nil {
				return nil, err
			}
		}
		for _, n := range names {
			if _, err := hostname.Parse(n); err != nil {
				return nil, fmt.Errorf("%q: %w", n, err)
			}
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		if len(out) > command.MaxHosts {
			return nil, fmt.Errorf("more than %d machines", command.MaxHosts)
		}
	}
	return out, nil
}

// checkReach refuses a call for other machines that changes files of those machines, or that
// would take files of this machine for theirs.
func (s *Session) checkReach(c *command.Call) error {
	if !c.Elsewhere() {
		return nil
	}
	switch {
	case c.Cmd.Reach == command.Anywhere:
	case c.Cmd.Reach == command.NeedsFiles:
		why := cmp.Or(c.Cmd.Local, "works only on the machine of smtpd itself")
		each := ""
		if c.Hosts() != nil {
			each = "each of "
		}
		return command.Usagef("%s: %s: run smtpctl on %s%s", command.PathOf(c), why, each, strings.ReplaceAll(c.Opts.Host, ",", ", "))
	case c.Opts.Log != "" && c.Opts.Log != "-" && remote.Path(c.Opts.Log) != nil:
		return command.Usagef("%s: --log %q: %w", command.PathOf(c), c.Opts.Log, remote.Path(c.Opts.Log))
	case c.Opts.From != "":
		return command.Usagef("%s: --from lists copies on this machine, and not mail of %s: give it without --host, or after on local", command.PathOf(c), strings.ReplaceAll(c.Opts.Host, ",", ", "))
	case s.far.simulated != nil && (c.Cmd.Reach == command.LooksAtFiles || c.Cmd.Offers == command.OffersUnlisted || c.Opts.Save != "" || queue.ReadsMail(c)):
		return command.Usagef("%s: %s is simulated, and its files cannot be read: only those of the plain demo, local, can", command.PathOf(c), c.Opts.Host)
	}
	return checkAcross(c)
}

// farHost returns another machine by its name.
func (s *Session) farHost(name string) command.Far {
	far := farHost{s.fleet.Host(name), s}
	if s.far.simulated != nil {
		return demoHost{far}
	}
	return far
}

// A farHost is another machine in the form that commands use.
type farHost struct {
	*remote.Host
	s *Session
}

// SMTP implements command.Far.
func (h farHost) SMTP(ctx context.Context, addrs []string, wait time.Duration) (net.Conn, string, error) {
	if len(addrs) == 0 {
		addrs = remote.SMTPAddresses
	}
	return h.Host.SMTP(ctx, addrs, h.s.hostSetting(h.Name()).way, wait)
}

// Files implements command.Far.
func (h farHost) Files(ctx context.Context, socket string, timeout time.Duration) command.FarFiles {
	return h.Host.Files(ctx, socket, timeout)
}

// Lock implements command.Far.
func (h farHost) Lock(ctx context.Context, socket, dir string, wait time.Duration) (func(), error) {
	unlock, err := h.Host.Lock(ctx, socket, dir, wait)
	if errors.Is(err, remote.ErrLocked) {
		err = command.ErrLocked
	}
	return unlock, err
}

// dialFar connects to the smtpd of another machine. ssh may ask at the terminal only if
// standard input is a terminal that the command does not read, and if ctx has no quietKey.
func (s *Session) dialFar(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	if s.far.simulated != nil {
		return s.dialDemo(ctx, opts)
	}
	conn, err := s.fleet.Host(opts.Host).Dial(ctx, opts.Socket, protocol.Options{Timeout: opts.Timeout, Window: opts.Window}, s.asks(ctx, opts))
	s.atEnd()
	return conn, err
}

// asks says whether ssh may ask at the terminal.
func (s *Session) asks(ctx context.Context, opts command.Options) remote.Options {
	setting := s.hostSetting(opts.Host)
	return remote.Options{
		Way: setting.way, WaySet: setting.where,
		Terminal: command.IsTerminal(s.io.In) && !s.mode.StdinTaken() && ctx.Value(quietKey{}) == nil,
		Say:      func(line string) { fmt.Fprintln(s.err, render.Safe(opts.Host+": ssh: "+line)) },
	}
}

// atEnd makes the end of the fleet part of an end by force.
func (s *Session) atEnd() {
	s.cleanup.do(func() func() {
		if s.far.swept {
			return nil
		}
		s.far.swept = true
		return s.fleet.Close
	})
}

// reachSmtpd connects to the smtpd that opts name. What only looks at files does without it,
// where the machine answers and its smtpd does not, for whatever reason.
func (s *Session) reachSmtpd(ctx context.Context, c *command.Call, opts command.Options) error {
	_, err := s.dial(ctx, opts)
	if c.Cmd.Reach == command.LooksAtFiles && ctx.Err() == nil && !s.gone(opts.Host) {
		return nil
	}
	return err
}

// reachFirst connects to another machine before a command changes something there, so that the
// command can first be written to the syslog of that machine, and before a command takes the
// screen, on which ssh could ask nothing. For a command that reads files there, it starts ssh.
func (s *Session) reachFirst(ctx context.Context, c *command.Call) error {
	if c.Elsewhere() && c.Cmd.Reach == command.LooksAtFiles {
		err := s.fleet.Host(c.Opts.Host).Connect(ctx, c.Opts.Timeout, s.asks(ctx, c.Opts))
		s.atEnd()
		return err
	}
	if !c.Elsewhere() || c.Cmd.Reach != command.NeedsSocket || !c.Cmd.Changes() && !c.Cmd.Screen || c.Hosts() != nil {
		return nil
	}
	_, err := c.Conn(ctx)
	return s.ofHost(c, err)
}

// A quietKey marks a context in which ssh must not ask at the terminal, such as that of
// completion or of a command for several machines.
type quietKey struct{}

// currentHosts returns the machines for which the commands of the session are; "" is this one.
func (s *Session) currentHosts() []string { return strings.Split(s.opts.Host, ",") }

// gone reports whether there is no connection to a machine. For this machine and for simulated
// ones it returns false.
func (s *Session) gone(host string) bool {
	return host != "" && host != localHost && s.far.simulated[host] == nil && !s.fleet.Host(host).Connected()
}

// dialQuietly is dial for completion and the prompt: it never starts an ssh or asks anything.
func (s *Session) dialQuietly(ctx context.Context, host string) (*protocol.Conn, error) {
	if s.gone(host) {
		return nil, protocol.ErrNotRunning
	}
	return s.dial(context.WithValue(ctx, quietKey{}, true), s.forHost(s.opts, host))
}

// ofHost adds the name of the machine to an error, unless the error does not come from there,
// such as wrong usage or an interrupt.
func (s *Session) ofHost(c *command.Call, err error) error {
	var usage *command.UsageError
	var output *command.OutputError
	var sig *command.SignalError
	if err == nil || !c.Elsewhere() || c.Hosts() != nil || c.Cmd.Reach == command.Anywhere || errors.As(err, &usage) || errors.As(err, &output) || errors.As(err, &sig) || errors.Is(err, context.Canceled) {
		return err
	}
	return s.fleet.Host(c.Opts.Host).Explain(err)
}

// hostNameHere returns the name of this machine for the logs of other machines.
func hostNameHere() string {
	name, err := os.Hostname()
	if err != nil {
		return "another machine"
	}
	return render.Safe(name)
}
