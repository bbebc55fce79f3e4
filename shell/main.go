package shell

import (
	"context"
	"fmt"
	"os"

	"smtpctl/shell/across"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/fleet"
	"smtpctl/shell/render"
)

// Main runs the program with its arguments, args[0] being its name, and returns
// the exit status.
func Main(args []string) int {
	ignorePipe()
	streams := standardStreams()
	render.SetASCII(!render.IsUTF8(os.Getenv))
	var inv cmdline.Invocation
	s := NewSession(command.DefaultOptions(), streams)
	defer s.Close()
	s.self, s.lasting = confine.OwnPath, true
	words, err := s.calledAs(args)
	if err != nil {
		return printError(s.err, s.style, err)
	}
	base := command.DefaultOptions()
	base.Host = s.io.Env(hostVariable)
	parser := &cmdline.Parser{Base: base, Inv: &inv, Verbatim: s.verbatimFlags, Aims: s.aims}
	given := parser.Args(words)
	opts, rest, err := given.Opts, given.Words, given.Err
	err = s.hideSecret(words, err)
	if inv.Demo != cmdline.NoDemo && opts.Host == base.Host {
		opts.Host = "" // of the simulation, which is here
	}
	if err == nil {
		err = s.fleet.TakeHost(&opts, fleet.HostOption)
	}
	if len(rest) == 0 || inv.Demo != cmdline.NoDemo {
		takePipe()
	}
	if err == nil {
		s.opts = opts
		s.keepGoing = inv.KeepGoing
		s.setColor(opts.Color)
	}
	switch {
	case err != nil:
	case len(rest) > 0 && inv.File != "":
		err = command.Usagef("-f and a command: give one of them")
	case inv.Stdio && (len(rest) > 0 || inv.File != "" || inv.Check || inv.Demo != cmdline.NoDemo || opts.Host != ""):
		err = command.Usagef("--stdio takes no command, and no other option than --socket")
	case inv.Stdio && !opts.Help && !opts.Version:
		return s.stdio()
	case inv.Listen != "" && inv.Demo == cmdline.NoDemo:
		err = command.Usagef("--listen needs --demo")
	case inv.Listen != "" && len(rest) > 0:
		err = command.Usagef("--listen runs only the simulation and takes no command: %q", rest[0])
	case inv.Hosts != 0 && inv.Demo == cmdline.NoDemo:
		err = command.Usagef("--hosts needs --demo")
	case inv.Hosts < 0 || inv.Hosts > maxDemoHosts:
		err = command.Usagef("--hosts %d: expected 1 to %d machines", inv.Hosts, maxDemoHosts)
	case inv.Hosts != 0 && inv.Listen != "":
		err = command.Usagef("--listen and --hosts: give one of them")
	case inv.Demo != cmdline.NoDemo && inv.Hosts == 0 && opts.Host != "":
		err = command.Usagef("--host and --demo: give one of them")
	case inv.Demo != cmdline.NoDemo && !inv.Check:
		var d *demo
		ready := s.untilReady()
		d, err = s.startDemo(inv.Demo, inv.Listen, demoSeed)
		if err == nil {
			defer d.close()
			var end func()
			end, err = s.startDemoHosts(inv.Demo, inv.Hosts)
			defer end()
		}
		ready()
		if err != nil {
			break
		}
		if inv.Listen != "" {
			return s.serveDemo(d, inv.Listen)
		}
		s.opts.Socket, s.opts.Spool = d.sim.Path(), d.spool()
		s.demo, s.fleet.DemoHere = true, true
		fmt.Fprintln(s.err, demoBanner)
	}
	if err != nil {
		return printError(s.err, s.style, err)
	}
	return s.dispatch(opts, inv, rest)
}

// hostVariable is the environment variable that names the machines if --host is not given.
const hostVariable = "SMTPCTL_HOST"

// dispatch chooses one of the three ways in.
func (s *Session) dispatch(opts command.Options, inv cmdline.Invocation, rest []string) int {
	switch {
	case opts.Version || opts.Help:
		s.opts.Version, s.opts.Help = opts.Version, opts.Help
		return s.oneShot(rest)
	case len(rest) > 0 && inv.Check:
		_, err := s.parse(rest)
		return printError(s.err, s.style, err)
	case len(rest) > 0:
		return s.oneShot(rest)
	case inv.File != "":
		return s.script(inv.File, inv.Check)
	case command.IsTerminal(s.io.In) && !inv.Check:
		return s.repl()
	}
	return s.script("-", inv.Check)
}

// oneShot evaluates the words of the command line.
func (s *Session) oneShot(words []string) int {
	// The flags have been removed from the words already.
	c, err := s.parse(append([]string{"--"}, words...))
	if err == nil && c != nil {
		// Of the signals nothing is taken back: the program is about to end, and to wait until
		// none is under way takes longer than many a command.
		ctx := s.signalsOf(c)
		if err = s.reach(ctx, c); err == nil {
			err = s.lockDown(c)
		}
		if err == nil {
			err = s.run(ctx, c)
		}
	}
	if err == command.ErrExit {
		err = nil
	}
	return printError(s.err, s.style, err)
}

// signalsOf returns the context of a one-shot command, which signals end.
func (s *Session) signalsOf(c *command.Call) context.Context {
	if leavesNothing(c) && !s.demo {
		return s.withSignalsSoon(context.Background())
	}
	ctx, _ := s.withSignals(context.Background())
	return ctx
}

// leavesNothing reports whether a call only asks this machine's smtpd and its files: it
// starts no program, touches neither files nor the terminal, and is about to end.
func leavesNothing(c *command.Call) bool {
	d := c.Cmd
	return d.Needs == command.NeedsSmtpd && !d.Changes() && !d.Acts && !d.Live && !d.Screen && !d.Logs && d.Inner == nil &&
		d.Input == command.NoInput && c.Opts.Save == "" && !c.Elsewhere()
}

// reach starts the ssh to another machine, which cannot be done by a process that is
// confined. Of several machines it does not wait for any.
func (s *Session) reach(ctx context.Context, c *command.Call) error {
	if !c.Elsewhere() || c.Cmd.Reach == command.Anywhere || s.reachesLater(c) {
		return nil
	}
	if c.Hosts() != nil {
		if err := across.ReadInput(c); err != nil {
			return err
		}
		s.fleet.BeginAll(ctx, c, c.Meant())
		return nil
	}
	err := s.fleet.ReachSmtpd(ctx, c, c.Opts)
	if c.Cmd.TellsDown && ctx.Err() == nil {
		s.fleet.Fail(c.Opts.Host, err)
		return nil
	}
	return err
}

// reachesLater reports whether a call may start an ssh at any time: it asks several machines
// again and again, or a command inside it names machines.
func (s *Session) reachesLater(c *command.Call) bool {
	if across.InRounds(c) && c.Hosts() != nil {
		return true
	}
	if c.Cmd.Inner == nil {
		return false
	}
	var words []string
	for _, a := range c.Args {
		words = append(words, a.Text)
	}
	inner := c.Cmd.Inner(words)
	for ok := true; ok && len(inner) > 0; inner, ok = s.tree.Inside(inner) {
		if s.aims(inner[0]) {
			return true
		}
	}
	return false
}

// lockDown confines the process to what a one-shot command needs. It does nothing where
// more commands may follow, or where smtpd is a simulation in this process, or where ssh
// may have to be started again, as for a screen of another machine.
func (s *Session) lockDown(c *command.Call) error {
	if s.demo || s.reachesLater(c) || c.Cmd.Screen && c.Elsewhere() || c.Cmd.Needs == command.NeedsAnything {
		return nil
	}
	if c.Cmd.Changes() || c.Cmd.Acts {
		s.who = confine.Who(s.io.Env, confine.LoginUID()) // the log will ask, when it can be found out no more
	}
	return confine.LockDown(c)
}

// script runs the script in a file, or on standard input.
func (s *Session) script(name string, check bool) int {
	ctx, stop := s.withSignals(context.Background())
	defer stop()
	s.checking = check
	err := s.runFile(ctx, name, check)
	if ferr := s.out.Flush(); ferr != nil && err == nil {
		err = ferr
	}
	return printError(s.err, s.style, err)
}
