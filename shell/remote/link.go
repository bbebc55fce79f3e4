package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// The times of an ssh.
const (
	// terminalTime is how long ssh may take to connect if it may ask the user at the terminal.
	terminalTime = 2 * time.Minute
	endGrace     = time.Second            // how long a program may take to end before it is killed
	endedWait    = 300 * time.Millisecond // how long an error waits for ssh to end, to name the reason
	selfEnd      = 30 * time.Millisecond  // how long ssh may take to end by itself, before it is asked to
	aliveMost    = 3                      // unanswered checks after which the connection is lost
)

// Program is the name of the user's ssh, which the PATH finds.
const Program = "ssh"

// A link is a running ssh. All connections to its machine go through it.
type link struct {
	program string // the ssh that is started
	host    string
	control string // the path of its control socket
	facts   Facts
	words   words

	cmd   *exec.Cmd
	stdin io.WriteCloser // closing it ends the shell there, and so ssh
	leash io.Closer      // its end ends ssh and what ssh has started; nil if signals do
	early chan Facts     // gets the first of the facts, of which Facts.ahead needs no others
	done  chan struct{}  // closed when ssh has ended
	err   error          // why ssh has ended; valid once done is closed
}

// linkArgs returns the arguments of the ssh of a link. The user's configuration decides how to
// reach the machine, but must not add forwardings, agents, other connections or commands. ask
// lets ssh ask for a passphrase or about a host key.
func linkArgs(host, control string, timeout time.Duration, ask bool) []string {
	seconds := max(1, int(timeout/time.Second))
	args := []string{"-T", "-a", "-x", "-S", control}
	for _, o := range []string{
		"ControlMaster=yes", "ControlPersist=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "RemoteCommand=none",
		"ConnectTimeout=" + strconv.Itoa(seconds), "ConnectionAttempts=1",
		"ServerAliveInterval=" + strconv.Itoa(max(1, seconds/aliveMost)), "ServerAliveCountMax=" + strconv.Itoa(aliveMost),
	} {
		args = append(args, "-o", o)
	}
	if !ask {
		args = append(args, "-o", "BatchMode=yes")
	}
	// Every login shell can start sh, which then reads the script.
	return append(args, "--", host, "exec sh -s")
}

// A noAnswerError means that a machine has not answered in time. It wraps ErrUnreachable.
type noAnswerError struct {
	host  string
	limit time.Duration
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("%v: no answer within %v", ErrUnreachable, e.limit)
}

// Unwrap returns ErrUnreachable.
func (e *noAnswerError) Unwrap() error { return ErrUnreachable }

// Advice returns what the user can do, as the end of the line of the error.
func (e *noAnswerError) Advice() string {
	return "; see whether ssh " + e.host + " answers, or give it more --timeout"
}

// start starts ssh. On Linux ssh gets SIGTERM when the thread that started it ends (see
// PR_SET_PDEATHSIG), so the goroutine that starts ssh keeps its thread until ssh has ended.
func (l *link) start() (stdout io.ReadCloser, err error) {
	stdin, err := l.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if stdout, err = l.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	l.stdin = stdin
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := l.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		l.words.read(stderr)
		err = l.cmd.Wait()
		if l.leash != nil {
			l.leash.Close()
		}
		l.err = &SaidError{Program, l.words.last(), &closedError{err}}
		close(l.done)
	}()
	if err := <-started; err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("there is no ssh on this machine: install OpenSSH's client")
		}
		return nil, err
	}
	return stdout, nil
}

// A closedError means that ssh has ended. It wraps ErrUnreachable.
type closedError struct{ exit error }

func (e *closedError) Error() string {
	if e.exit == nil {
		return "the connection was closed"
	}
	return fmt.Sprintf("the connection was closed (%v)", e.exit)
}

// Unwrap returns ErrUnreachable.
func (e *closedError) Unwrap() error { return ErrUnreachable }

// ended reports whether ssh has ended.
func (l *link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// endedSoon returns why ssh has ended. If ssh still runs after endedWait, it returns nil.
func (l *link) endedSoon() error {
	select {
	case <-l.done:
		return l.err
	case <-time.After(endedWait):
		return nil
	}
}

// quit asks ssh to end, by its control socket.
func (l *link) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), endGrace)
	defer cancel()
	if m, err := dialMux(ctx, l.control); err == nil {
		m.terminate()
	}
}

// end ends ssh: by its control socket or with SIGTERM, and after endGrace with SIGKILL.
func (l *link) end() {
	if l.ended() {
		return
	}
	l.stdin.Close()
	if l.leash != nil {
		l.leash.Close()
	} else if l.cmd.Process.Signal(syscall.SIGTERM) != nil {
		// A process that is confined may give no signal to what was started before. ssh ends
		// by itself then, after what programs there do at the end of their input, but not while
		// one that does not end holds its connection.
		select {
		case <-l.done:
			return
		case <-time.After(selfEnd):
		}
		l.quit()
	}
	select {
	case <-l.done:
		return
	case <-time.After(endGrace):
	}
	// The process group includes what ssh has started, such as a ProxyCommand.
	syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-l.done:
	case <-time.After(endGrace): // a process that ssh started may hold its standard error open
	}
}
