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
	"sync"
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
// each connection to the socket path of the other machine.
func (l *link) forward(ctx context.Context, path, local string) error {
	_, err := l.run(ctx, exec.Command(l.program, l.channelArgs("-O", "forward", "-L", local+":"+path, "--", l.host)...), "", 0)
	return err
}

// sh runs a script with sh(1) on the other machine, after the words of as, such as "sudo -n ",
// and returns what the script prints. More than limit bytes give ErrTooMuch. When ctx ends, sh
// returns at once, but the script may continue there until it reads its standard input or
// writes.
func (l *link) sh(ctx context.Context, as, script string, limit int) ([]byte, error) {
	command := marked(strings.TrimSpace(as + " sh -s"))
	out, err := l.run(ctx, exec.Command(l.program, l.channelArgs("--", l.host, command)...), script, limit+maxStart)
	out, begun := afterBegins(out)
	switch {
	case err != nil:
		return out, err
	case !begun:
		return nil, errNotBegun
	case len(out) > limit:
		return nil, ErrTooMuch
	}
	return out, nil
}

// ErrTooMuch means that a program on the other machine printed more than the caller allowed.
var ErrTooMuch = errors.New("it printed more than was asked for")

// run runs a program on this machine with an input and returns what the program prints. When
// ctx ends, run kills the program. More than limit bytes give ErrTooMuch; with a limit of 0
// the output is ignored. If the program fails, the error is the one that ended the link, or
// else a *SaidError.
func (l *link) run(ctx context.Context, cmd *exec.Cmd, input string, limit int) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd.SysProcAttr = apart()
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = &limited{w: &out, n: limit + 1}, &limited{w: &errs, n: maxFacts}
	cmd.WaitDelay = endGrace
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		cmd.Process.Kill()
		<-done
		return nil, context.Cause(ctx)
	}
	if err != nil {
		if why := l.whyEnded(); why != nil {
			return nil, why
		}
		var w words
		w.read(&errs)
		return out.Bytes(), &SaidError{"there", w.last(), err}
	}
	if out.Len() > limit && limit > 0 {
		return nil, ErrTooMuch
	}
	return out.Bytes(), nil
}

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
	out   startSkipper // its standard output
	cmd   *exec.Cmd
	words *words
	once  sync.Once
	done  chan struct{}
}

// open starts a program on the other machine. command is its words, as a shell there reads them.
func (l *link) open(command string) (*program, error) {
	return l.channel("--", l.host, marked(command))
}

// channel starts an ssh that uses the connection of the link, with more arguments, of which the
// standard input and output become the connection. What comes begins with the line of marked.
func (l *link) channel(more ...string) (*program, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	ours, theirs := os.NewFile(uintptr(fds[0]), "ssh"), os.NewFile(uintptr(fds[1]), "ssh")
	defer theirs.Close()
	nc, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, err
	}
	p := &program{UnixConn: nc.(*net.UnixConn), out: startSkipper{r: nc}, words: &words{}, done: make(chan struct{})}
	p.cmd = exec.Command(l.program, l.channelArgs(more...)...)
	p.cmd.SysProcAttr = apart()
	p.cmd.Stdin, p.cmd.Stdout = theirs, theirs
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	go func() {
		p.words.read(stderr)
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Read reads what the program prints to its standard output.
func (p *program) Read(b []byte) (int, error) { return p.out.Read(b) }

// Close closes the connection and returns at once. The program there gets the end of its
// standard input, which should end it; if it has not ended after endGrace, the local ssh is
// killed.
func (p *program) Close() error {
	err := p.UnixConn.Close()
	p.once.Do(func() {
		time.AfterFunc(endGrace, func() {
			select {
			case <-p.done:
			default:
				p.cmd.Process.Kill()
			}
		})
	})
	return err
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
