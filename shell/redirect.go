package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"smtpctl/shell/render"
)

// evalCommand evaluates one command of a line, its output going where the line
// says.
func (s *Session) evalCommand(ctx context.Context, lc lineCommand) error {
	c, err := s.parseCommand(lc)
	if err != nil || c == nil {
		return err
	}
	switch {
	case lc.pipe != "":
		return s.runPiped(ctx, c, lc.pipe)
	case lc.file != "":
		return s.runToFile(ctx, c, lc.file, lc.more)
	case s.interactive && s.out.tty && !c.cmd.Live && !c.cmd.Changes && !c.opts.Restricted:
		return s.runPaged(ctx, c)
	}
	return s.run(ctx, c)
}

// parseCommand parses one command of a line, and refuses to send its output
// elsewhere where that is switched off.
func (s *Session) parseCommand(lc lineCommand) (*Call, error) {
	c, err := s.parse(lc.words)
	if err == nil && c != nil && lc.redirected() && c.opts.Restricted {
		return nil, usagef("%s: | and > are switched off by --restricted", pathOf(c))
	}
	return c, err
}

// runTo carries out a call with its output going to w, which is no terminal.
func (s *Session) runTo(ctx context.Context, c *Call, w io.Writer) error {
	saved := s.out
	s.out = newOutput(w, false, render.NewStyle(false))
	defer func() { s.out = saved }()
	return s.run(ctx, c)
}

// runToFile carries out a call with its output going to a file.
func (s *Session) runToFile(ctx context.Context, c *Call, name string, more bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if more {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return fileError(err)
	}
	err = s.runTo(ctx, c, f)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fileError(cerr)
	}
	return err
}

// runPiped carries out a call with its output going to a command of sh. If
// both fail it is the call that counts.
func (s *Session) runPiped(ctx context.Context, c *Call, command string) error {
	s.out.Flush()
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr = s.io.Out, s.io.Err
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("| %s: %w", command, err)
	}
	err = s.runTo(ctx, c, in)
	in.Close()
	werr := s.wait(ctx, cmd)
	if errors.Is(err, syscall.EPIPE) {
		err = nil // it had enough, as head does
	}
	if err == nil && werr != nil {
		err = fmt.Errorf("| %s: %w", command, werr)
	}
	return err
}

// wait waits for a child. If ctx ends it is asked to end too, and not waited
// for without end.
func (s *Session) wait(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-done:
		return err
	case <-time.After(quitGrace):
		cmd.Process.Kill()
		return <-done
	}
}

// A pager passes on what is written: to the terminal if it fits on the screen,
// else to a program that shows it page by page.
type pager struct {
	screen     io.Writer
	rows, cols int
	start      func() (io.WriteCloser, error)

	held  []byte
	lines int
	col   int
	to    io.WriteCloser // the program, once it runs
	plain bool           // there is no such program
}

func (p *pager) Write(b []byte) (int, error) {
	if p.to != nil {
		return p.to.Write(b)
	}
	if p.plain {
		return p.screen.Write(b)
	}
	p.held = append(p.held, b...)
	for _, c := range b {
		if p.col++; c == '\n' || p.col > p.cols {
			p.lines++
			p.col = 0
		}
	}
	if p.lines < p.rows {
		return len(b), nil
	}
	held := p.held
	p.held = nil
	to, err := p.start()
	if err != nil {
		p.plain = true
		_, err := p.screen.Write(held)
		return len(b), err
	}
	p.to = to
	if _, err := p.to.Write(held); err != nil {
		return 0, err
	}
	return len(b), nil
}

// finish writes what fitted.
func (p *pager) finish() error {
	if p.to != nil {
		return p.to.Close()
	}
	_, err := p.screen.Write(p.held)
	return err
}

// runPaged carries out a call with output that does not fit on the screen going
// through $PAGER, or less.
func (s *Session) runPaged(ctx context.Context, c *Call) error {
	command := s.io.Env("PAGER")
	if command == "" {
		command = "less -FRX"
	}
	cols, rows := s.screenSize()
	if rows < 3 || cols < 1 || strings.TrimSpace(command) == "cat" {
		return s.run(ctx, c)
	}
	var cmd *exec.Cmd
	p := &pager{screen: s.io.Out, rows: rows - 1, cols: cols, start: func() (io.WriteCloser, error) {
		cmd = exec.Command("sh", "-c", command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, s.io.Out, s.io.Err
		name, _, _ := strings.Cut(command, " ")
		if _, err := exec.LookPath(name); err != nil {
			cmd = nil
			return nil, err
		}
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			cmd = nil
		}
		return in, err
	}}
	saved := s.out
	s.out = newOutput(p, true, saved.style)
	err := s.run(ctx, c)
	s.out = saved
	ferr := p.finish()
	if cmd != nil {
		cmd.Wait() // the reader decides when it ends, also after Ctrl-C
	}
	if err == nil {
		err = ferr
	}
	if errors.Is(err, syscall.EPIPE) {
		err = nil // the reader had enough
	}
	return err
}
