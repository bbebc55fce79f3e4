package shell

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/render"
)

// Main runs the program with its arguments, args[0] being its name, and returns
// the exit status.
func Main(args []string) int {
	// A write to a pipe that nobody reads any more is an error like any other, and
	// not the end of the program, which may have changed something. To ignore the
	// signal would hand that on to the programs that this one starts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	streams := standardStreams()
	render.SetASCII(!render.IsUTF8(os.Getenv))
	var inv cmdline.Invocation
	s := NewSession(command.DefaultOptions(), streams)
	defer s.Close()
	s.self, s.lasting = confine.OwnPath(), true
	words, err := s.calledAs(args)
	if err != nil {
		return printError(s.err, s.style, err)
	}
	opts, rest, err := cmdline.ParseOptions(words, command.DefaultOptions(), &inv, s.verbatimFlags)
	err = s.hideSecret(words, err)
	if err == nil {
		s.opts = opts
		s.keepGoing = inv.KeepGoing
		s.setColor(opts.Color)
	}
	switch {
	case err != nil:
	case len(rest) > 0 && inv.File != "":
		err = command.Usagef("-f and a command: want one of them")
	case inv.Listen != "" && inv.Demo == cmdline.NoDemo:
		err = command.Usagef("--listen goes with --demo")
	case inv.Listen != "" && len(rest) > 0:
		err = command.Usagef("--listen runs only the simulation and takes no command: %q", rest[0])
	case inv.Demo != cmdline.NoDemo && !inv.Check:
		var d *demo
		ready := s.untilReady()
		d, err = s.startDemo(inv.Demo, inv.Listen)
		ready()
		if err != nil {
			break
		}
		defer d.close()
		if inv.Listen != "" {
			return s.serveDemo(d, inv.Listen)
		}
		s.opts.Socket, s.opts.Spool = d.sim.Path(), d.spool()
		s.demo = true
		fmt.Fprintln(s.err, demoBanner)
	}
	if err != nil {
		return printError(s.err, s.style, err)
	}
	return s.dispatch(opts, inv, rest)
}

// dispatch goes one of the three ways.
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
	ctx, stop := s.withSignals(context.Background())
	defer stop()
	// The flags have been taken out of the words already.
	c, err := s.parse(append([]string{"--"}, words...))
	if err == nil && c != nil {
		if err = s.lockDown(c); err == nil {
			err = s.run(ctx, c)
		}
	}
	if err == command.ErrExit {
		err = nil
	}
	return printError(s.err, s.style, err)
}

// lockDown confines the process to what a one-shot command needs. Where more
// commands may follow, and where smtpd is a simulation in the process, it stays
// as it is.
func (s *Session) lockDown(c *command.Call) error {
	if s.demo || c.Cmd.Needs == command.NeedsAnything {
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
	err := s.runFile(ctx, name, check)
	if ferr := s.out.Flush(); ferr != nil && err == nil {
		err = ferr
	}
	return printError(s.err, s.style, err)
}
