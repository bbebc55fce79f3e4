package shell

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// quitGrace is how long a command may take to end after a signal.
const quitGrace = 2 * time.Second

// Main runs the program with its arguments, args[0] being its name, and returns
// the exit status.
func Main(args []string) int {
	streams := IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}
	var inv invocation
	words := args[1:]
	mailq := len(args) > 0 && filepath.Base(args[0]) == "mailq"
	s := NewSession(DefaultOptions(), streams)
	defer s.Close()
	s.self = ownPath()
	opts, rest, err := parseOptions(words, DefaultOptions(), &inv, s.literal)
	if err == nil {
		s.opts = opts
		s.keepGoing = inv.keepGoing
		s.setColor(opts.Color)
		if mailq {
			rest, err = mailqWords(rest)
		}
	}
	switch {
	case err != nil:
	case len(rest) > 0 && inv.file != "":
		err = usagef("-f and a command: want one of them")
	case inv.listen != "" && inv.demo == noDemo:
		err = usagef("--listen goes with --demo")
	case inv.listen != "" && len(rest) > 0:
		err = usagef("--listen runs only the simulation and takes no command: %q", rest[0])
	case inv.demo != noDemo && !inv.check:
		var d *demo
		if d, err = startDemo(inv.demo, inv.listen); err != nil {
			break
		}
		defer d.close()
		if inv.listen != "" {
			return s.serveDemo(d, inv.listen)
		}
		s.opts.Socket, s.opts.Spool = d.sim.Path(), d.spool()
		s.demo = true
		fmt.Fprintln(s.err, demoBanner)
	}
	if err != nil {
		return report(s.err, s.style, err)
	}
	return s.dispatch(opts, inv, rest)
}

// dispatch goes one of the three ways.
func (s *Session) dispatch(opts Options, inv invocation, rest []string) int {
	switch {
	case opts.version || opts.help:
		s.opts.version, s.opts.help = opts.version, opts.help
		return s.oneShot(rest)
	case len(rest) > 0 && inv.check:
		_, err := s.parse(rest)
		return report(s.err, s.style, err)
	case len(rest) > 0:
		return s.oneShot(rest)
	case inv.file != "":
		return s.script(inv.file, inv.check)
	case isTerminal(s.io.In) && !inv.check:
		return s.repl()
	}
	return s.script("-", inv.check)
}

// mailqWords are the words that mailq stands for.
func mailqWords(rest []string) ([]string, error) {
	if len(rest) > 0 {
		return nil, usagef("mailq takes no arguments: %q", rest[0])
	}
	return []string{"show", "queue"}, nil
}

// oneShot evaluates the words of the command line.
func (s *Session) oneShot(words []string) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	// The flags have been taken out of the words already.
	c, err := s.parse(append([]string{"--"}, words...))
	if err == nil && c != nil {
		if err = s.lockDown(c); err == nil {
			err = s.run(ctx, c)
		}
	}
	if err == errExit {
		err = nil
	}
	return report(s.err, s.style, err)
}

// script runs the script in a file, or on standard input.
func (s *Session) script(name string, check bool) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	err := s.runFile(ctx, name, check)
	if ferr := s.out.Flush(); ferr != nil && err == nil {
		err = fmt.Errorf("standard output: %w", fileError(ferr))
	}
	return report(s.err, s.style, err)
}

// withSignals returns a context that the first SIGINT, SIGTERM or SIGHUP ends,
// with a *signalError as the cause. If the program has not ended a moment
// later, or at the second signal, it is ended by force.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		var sig os.Signal
		select {
		case sig = <-ch:
		case <-done:
			return
		}
		cancel(&signalError{sig.(syscall.Signal)})
		select {
		case <-ch:
		case <-time.After(quitGrace):
		case <-done:
			return
		}
		os.Exit(statusSignal + int(sig.(syscall.Signal)))
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}
