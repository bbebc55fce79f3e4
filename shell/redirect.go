package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/render"
)

// evalCommand evaluates one command of a line and sends its output where the line says.
func (s *Session) evalCommand(ctx context.Context, lc cmdline.LineCommand) error {
	c, err := s.parseCommand(lc)
	if err != nil || c == nil {
		return err
	}
	s.noteListing(c)
	switch {
	case lc.Pipe != "":
		return s.runPiped(ctx, c, lc.Pipe)
	case lc.File != "":
		return s.runToFile(ctx, c, lc.File, lc.Append)
	case s.mode.Interactive() && s.out.Tty && !cmdline.Endless(c) && !c.Cmd.Changes() && !c.Opts.Restricted:
		return s.runPaged(ctx, c)
	}
	return s.run(ctx, c)
}

// parseCommand parses one command of a line. It refuses to redirect output where that
// is switched off.
func (s *Session) parseCommand(lc cmdline.LineCommand) (*command.Call, error) {
	c, err := s.call(lc.Full, lc.Args)
	if err != nil || c == nil || !lc.Redirected() {
		return c, err
	}
	switch {
	case c.Opts.Restricted:
		return nil, command.Usagef("%s: | and > are switched off by --restricted", command.PathOf(c))
	case c.Opts.ReadOnly:
		return nil, command.Usagef("%s: | and > are switched off by --read-only: a program or a file could change something", command.PathOf(c))
	}
	return c, nil
}

// RunTo carries out a call and writes its output to w, which is not a terminal.
func (s *Session) RunTo(ctx context.Context, c *command.Call, w io.Writer) error {
	saved := c.Out
	c.Out = command.NewOutput(w, false, render.NewStyle(false))
	defer func() { c.Out = saved }()
	return s.run(ctx, c)
}

// RunShown is RunTo with the output that a terminal would get. heads is how many lines
// of column heads the output began with.
func (s *Session) RunShown(ctx context.Context, c *command.Call, w io.Writer) (heads int, err error) {
	saved := c.Out
	c.Out = command.NewOutput(w, true, saved.Style)
	defer func() { heads, c.Out = c.Out.Heads, saved }()
	return 0, s.run(ctx, c)
}

// runToFile carries out a call with its output going to a file.
func (s *Session) runToFile(ctx context.Context, c *command.Call, name string, more bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if more {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := openStream(ctx, name, flags)
	if err != nil {
		return err
	}
	err = s.RunTo(ctx, c, f)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = command.FileError(cerr)
	}
	return err
}

// startShell starts a command of sh that reads what is written to the stream.
func (s *Session) startShell(ctx context.Context, program string, env ...string) (*exec.Cmd, *stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	cmd := exec.Command("sh", "-c", program)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, s.io.Out, s.io.Err // the files themselves
	// A process that the command leaves running must not delay us while its output is
	// copied.
	cmd.WaitDelay = quitGrace
	s.above.Lose() // it may write to the terminal
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, nil, fmt.Errorf("| %s: %w", program, err)
	}
	return cmd, newStream(ctx, w), nil
}

// runPiped carries out a call and pipes its output to a command of sh. If both fail,
// the error of the call counts.
func (s *Session) runPiped(ctx context.Context, c *command.Call, program string) error {
	s.out.Flush()
	cmd, in, err := s.startShell(ctx, program)
	if err != nil {
		return err
	}
	if s.mode.Interactive() {
		c.ForPeople()
		defer s.holdWarnings(c)()
	}
	err = s.RunTo(ctx, c, in)
	in.Close()
	werr := confine.WaitChild(ctx, cmd)
	if command.HadEnough(err) {
		err = nil // it had enough, as head does
	}
	if err == nil && ctx.Err() != nil {
		return context.Cause(ctx) // and so the command was ended
	}
	if err == nil && werr != nil {
		err = fmt.Errorf("| %s: %w", program, werr)
	}
	return err
}
