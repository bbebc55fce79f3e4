package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// A process that is confined can start no ssh that connects, and give no signal to one that was
// started before. So Begin starts ssh without a wait, on a leash; what the machine reports is
// read once the process is confined.

// A beginning is an ssh that was started, of whose machine nothing has been read yet.
type beginning struct {
	l      *link
	stdout io.ReadCloser
	tty    *foreground   // where ssh may ask; nil if it may not
	limit  time.Duration // how long to wait for the facts
}

// leashed is a script for sh(1) that becomes ssh, whose path is its name. Once the pipe that is
// descriptor 3 ends, as it does at the latest with this process, what is left of its process group
// gets SIGTERM.
const leashed = `(read x <&3; kill -TERM 0) </dev/null >/dev/null 2>&1 & exec "$0" "$@" 3<&-`

// beginLink starts program, an ssh. With leash, it can be ended without a signal.
func beginLink(program, host, control string, timeout time.Duration, o Options, leash bool) (_ *beginning, err error) {
	l := &link{program: program, host: host, control: control, early: make(chan Facts, 1), done: make(chan struct{})}
	b := &beginning{l: l, limit: timeout + timeout/2}
	if o.Terminal {
		if b.tty = openForeground(); b.tty != nil {
			l.words.say, b.limit = o.Say, terminalTime
		}
	}
	l.cmd = exec.Command(l.program, linkArgs(host, control, timeout, b.tty != nil)...)
	l.cmd.SysProcAttr = endingWith()
	if b.tty != nil {
		l.cmd = b.tty.heedless(l.cmd)
		l.cmd.SysProcAttr = b.tty.attr()
	}
	if leash && l.cmd.Err == nil {
		end, ours, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer end.Close()
		words := append([]string{"-c", leashed, l.cmd.Path}, l.cmd.Args[1:]...)
		attr := l.cmd.SysProcAttr
		l.cmd = exec.Command("/bin/sh", words...)
		l.cmd.SysProcAttr, l.cmd.ExtraFiles, l.leash = attr, []*os.File{end}, ours
	}
	if b.stdout, err = l.start(); err != nil {
		if l.leash != nil {
			l.leash.Close()
		}
		if b.tty != nil {
			b.tty.close()
		}
		return nil, err
	}
	return b, nil
}

// await waits until the machine has reported its facts: for one and a half times the timeout, or
// for terminalTime if ssh may ask at the terminal. It begins a meanwhile, if that is not nil.
func (b *beginning) await(ctx context.Context, a *ahead) (*link, error) {
	l := b.l
	if b.tty != nil {
		defer b.tty.close()
	}
	if a != nil {
		a.begin(ctx, l)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.limit, &noAnswerError{l.host, b.limit})
	defer cancel()
	type told struct {
		facts Facts
		err   error
	}
	heard := make(chan told, 1)
	go func() {
		var t told
		if _, t.err = io.WriteString(l.stdin, factsScript); t.err == nil {
			t.facts, t.err = readFacts(b.stdout, func(f Facts) { l.early <- f })
		}
		heard <- t
		io.Copy(io.Discard, b.stdout) // no more output is expected, but if there is any, it must not block
	}()
	select {
	case t := <-heard:
		l.words.hush()
		if t.err == nil {
			l.facts = t.facts
			return l, nil
		}
		if why := l.endedSoon(); why != nil && !errors.Is(t.err, errNotBegun) {
			return nil, why
		}
		l.end()
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, t.err)
	case <-ctx.Done():
		l.end()
		err := context.Cause(ctx)
		if said := l.words.last(); errors.Is(err, ErrUnreachable) && len(said) > 0 {
			err = fmt.Errorf("%w; %w", err, &SaidError{Program, said, ErrUnreachable})
		}
		return nil, err
	}
}

// Begin starts the ssh of the host, which must not ask at the terminal, unless it runs. It neither
// waits for the machine nor reads what that reports: that is for the next that needs ssh, which
// need not be able to start any. An error is of type *Error.
func (h *Host) Begin(timeout time.Duration, o Options) error {
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	h.mu.Lock()
	begun := h.begun != nil
	h.mu.Unlock()
	if begun || h.current() != nil {
		return nil
	}
	o.Terminal = false
	b, err := h.begin(timeout, o, true)
	if err != nil {
		return h.fail(err)
	}
	h.mu.Lock()
	h.begun = b
	h.mu.Unlock()
	return nil
}

// begin starts ssh, for a caller that has the turn of the host.
func (h *Host) begin(timeout time.Duration, o Options, leash bool) (*beginning, error) {
	folder, err := h.fleet.place()
	if err != nil {
		return nil, err
	}
	if err := h.sealed(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	old := h.link
	h.mu.Unlock()
	if old != nil {
		old.end() // it still runs if only its control socket is gone
	}
	return beginLink(cmp.Or(h.fleet.program, Program), h.name, folder.socket(), timeout, o, leash)
}

// Begun waits until the ssh that Begin has started has connected or ended, or ctx ends.
func (h *Host) Begun(ctx context.Context) {
	h.mu.Lock()
	b := h.begun
	h.mu.Unlock()
	if b == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	b.l.listens(ctx)
}
