package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// channelArgs returns the arguments of an ssh that uses the connection of the link. If the
// link has ended, that ssh fails: it never makes a connection of its own, and it reads no
// configuration.
func (l *link) channelArgs(more ...string) []string {
	args := []string{"-F", "/dev/null", "-S", l.control, "-T", "-o", "ControlMaster=no", "-o", "ProxyCommand=exit 255", "-o", "BatchMode=yes"}
	return append(args, more...)
}

// forward makes the ssh of the link listen on the socket local of this machine and forward
// each connection to the socket path of the other machine. If that fails, the error is the one
// that ended the link, or else a *SaidError.
func (l *link) forward(ctx context.Context, path, local string) error {
	cmd := exec.CommandContext(ctx, l.program, l.channelArgs("-O", "forward", "-L", local+":"+path, "--", l.host)...)
	var errs bytes.Buffer
	cmd.SysProcAttr = apart()
	cmd.Stderr = &limited{w: &errs, n: maxFacts}
	cmd.WaitDelay = endGrace
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil, cmd.Process == nil:
		return err
	}
	if why := l.whyEnded(); why != nil {
		return why
	}
	var w words
	w.read(&errs)
	return &SaidError{"there", w.last(), err}
}

// sh runs a script with sh(1) on the other machine, after the words of as, such as "sudo -n ",
// and returns what the script prints. More than limit bytes give ErrTooMuch. When ctx ends, sh
// returns at once, but the script may continue there until it reads its standard input or
// writes. If the script fails, the error is the one that ended the link, or else a *SaidError.
func (l *link) sh(ctx context.Context, as, script string, limit int) ([]byte, error) {
	p, err := l.open(strings.TrimSpace(as + " sh -s"))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	defer context.AfterFunc(ctx, func() { p.SetDeadline(time.Unix(1, 0)) })()
	io.WriteString(p, script)
	p.CloseWrite()
	out, err := io.ReadAll(io.LimitReader(p, int64(limit)+1))
	if err == nil && len(out) > limit {
		return nil, ErrTooMuch
	}
	if err == nil || errors.Is(err, syscall.ECONNRESET) {
		err = p.end(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && l.whyEnded() != nil: // which end has waited for
		return nil, l.err
	case errors.Is(err, errNotBegun), err == nil && !p.out.begun:
		return nil, errNotBegun
	case err != nil:
		return out, &SaidError{"there", p.words.last(), err}
	}
	return out, nil
}

// ErrTooMuch means that a program on the other machine printed more than the caller allowed.
var ErrTooMuch = errors.New("it printed more than was asked for")

// whyEnded returns why the link has ended, or nil while it runs.
func (l *link) whyEnded() error {
	if !l.ended() {
		return nil
	}
	return l.err
}

// A limited passes the first n bytes to w and drops the rest. Write never fails.
type limited struct {
	w io.Writer
	n int
}

func (l *limited) Write(p []byte) (int, error) {
	if keep := p[:min(len(p), l.n)]; len(keep) > 0 {
		l.n -= len(keep)
		l.w.Write(keep)
	}
	return len(p), nil
}

// A program is a connection to the standard input and output of a program that runs on the
// other machine.
type program struct {
	*net.UnixConn
	out   startSkipper       // its standard output
	words words              // on its standard error; behind them, why it could not be started
	cut   context.CancelFunc // ends its session
	done  chan struct{}      // closed when it has ended
	err   error              // how it ended, valid once done is closed
}

// open starts a program on the other machine. command is its words, as a shell there reads them.
// The machine is not waited for: what fails meanwhile is the end of the connection.
func (l *link) open(command string) (*program, error) {
	errs, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := l.channel(errs, func(m *mux, fd int) error { return m.session(marked(command), fd, fd, int(theirs.Fd())) }, theirs)
	if err != nil {
		errs.Close()
		theirs.Close()
	}
	return p, err
}

// tcp connects to a TCP port, as the other machine sees it, and does not wait for that either.
func (l *link) tcp(host string, port uint16) (*program, error) {
	p, err := l.channel(nil, func(m *mux, fd int) error { return m.forward(host, port, fd, fd) }, nil)
	if err == nil {
		p.out.begun = true // nothing is started there that could print more
	}
	return p, err
}

// channel makes a connection whose other end begin gives to ssh, as what it asks ssh to open.
// theirs, which may be nil, is closed after that, and what comes from errs then are the words of
// what was opened.
func (l *link) channel(errs io.ReadCloser, begin func(m *mux, fd int) error, theirs io.Closer) (*program, error) {
	syscall.ForkLock.RLock() // else an ssh that is started meanwhile would have both ends
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	ours := os.NewFile(uintptr(fds[0]), "ssh")
	nc, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		unix.Close(fds[1])
		return nil, err
	}
	ctx, cut := context.WithCancel(context.Background())
	p := &program{UnixConn: nc.(*net.UnixConn), out: startSkipper{r: nc}, cut: cut, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cut()
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			if errs != nil {
				p.words.read(errs)
			}
		}()
		m, err := dialMux(ctx, l.control)
		if err == nil {
			err = begin(m, fds[1])
		}
		unix.Close(fds[1])
		if theirs != nil {
			theirs.Close()
		}
		if p.err = err; err == nil {
			p.err = m.wait()
		} else if m != nil {
			m.Close() // what it was given has ended, whatever it is
		}
		if errs != nil { // ssh may hold the other end as long as a program there that does not end
			stop := context.AfterFunc(ctx, func() { errs.Close() })
			<-heard
			stop()
			errs.Close()
		}
		if err != nil {
			p.words.add(err.Error())
		}
		var exit exitError
		var refused refusal
		if p.err != nil && !errors.As(p.err, &exit) && !errors.As(p.err, &refused) {
			l.endedSoon() // it is the likely reason, and known a moment later
		}
	}()
	return p, nil
}

// Read reads what the program prints to its standard output.
func (p *program) Read(b []byte) (int, error) { return p.out.Read(b) }

// Close closes the connection and returns at once. The program there gets the end of its
// standard input, which should end it; if it has not ended after endGrace, its session is ended.
func (p *program) Close() error {
	err := p.UnixConn.Close()
	time.AfterFunc(endGrace, p.cut)
	return err
}

// end waits for the end of the program, and returns how it ended.
func (p *program) end(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// said returns an error around cause with the last words of the program. It waits up to
// endedWait for the program to end.
func (p *program) said(name string, cause error) error {
	select {
	case <-p.done:
	case <-time.After(endedWait):
	}
	if w := p.words.last(); len(w) > 0 {
		return &SaidError{name, w, cause}
	}
	return fmt.Errorf("%s: %w", name, cause)
}
