// Package remote reaches the smtpd of another machine with the ssh of the user. Nothing is
// installed on that machine, and no password passes through this program.
//
// Each machine has one ssh, which starts when it is first needed and ends with this program.
// It runs a shell there, which reports what the machine is and then waits for the end of its
// standard input. That input is a pipe that only this process holds, so whatever ends this
// process ends the shell and ssh. Everything else goes through the same connection, by the
// control socket of that ssh: the forwarded socket of smtpd or, where sudo(8) or doas(1) is
// needed to become root, a program that copies to and from that socket.
package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say how ssh may reach a machine.
type Options struct {
	// Terminal lets ssh ask at the terminal while it connects, for a passphrase or about the
	// key of a new machine. Without Terminal, ssh never asks.
	Terminal bool
	// Say, if set, is called with each line that ssh prints while it may ask at the terminal.
	// The line is safe for a terminal.
	Say func(line string)
	// Way is the only way to the socket of smtpd that is tried, in the words of ParseWay, or ""
	// for the first that works. WaySet says where that was set, for errors.
	Way, WaySet string
}

// A Fleet holds the machines that a session has reached. Its zero value is ready to use, and
// its methods are safe for concurrent use. Close must be called at the end of the session.
type Fleet struct {
	mu     sync.Mutex
	folder *folder
	hosts  map[string]*Host
	closed chan struct{} // nil before Close, and closed at its end
	sealed bool          // no ssh can be started

	program string // the ssh that is started, "" for Program
	parent  string // where the folder for sockets is made, "" for the best of parents
}

// Host returns the machine of a name that hostname.Parse accepts. It starts nothing. After Close
// the Dial of the returned Host fails.
func (f *Fleet) Host(name string) *Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hosts == nil {
		f.hosts = map[string]*Host{}
	}
	h := f.hosts[name]
	if h == nil {
		h = &Host{fleet: f, name: name, turn: make(chan struct{}, 1), ways: map[string]*way{}}
		h.turn <- struct{}{}
		f.hosts[name] = h
	}
	return h
}

// Names returns the sorted names of the machines whose ssh runs.
func (f *Fleet) Names() []string {
	f.mu.Lock()
	hosts := slices.Collect(maps.Values(f.hosts))
	f.mu.Unlock()
	var out []string
	for _, h := range hosts {
		if h.Connected() {
			out = append(out, h.name)
		}
	}
	slices.Sort(out)
	return out
}

// Used returns the sorted names of the machines that were connected, or that could not be.
func (f *Fleet) Used() []string {
	f.mu.Lock()
	hosts := slices.Collect(maps.Values(f.hosts))
	f.mu.Unlock()
	var out []string
	for _, h := range hosts {
		h.mu.Lock()
		if h.link != nil || h.failed != nil {
			out = append(out, h.name)
		}
		h.mu.Unlock()
	}
	slices.Sort(out)
	return out
}

// place returns the private folder of the fleet, which the first call makes, and another one if
// somebody has removed that meanwhile: at the end of the user's last login, what is in
// XDG_RUNTIME_DIR goes. It fails after Close.
func (f *Fleet) place() (*folder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed != nil {
		return nil, errors.New("the session has ended")
	}
	if f.folder != nil && there(f.folder.path) {
		return f.folder, nil
	}
	d, err := newFolder(f.parent)
	if err != nil {
		return nil, fmt.Errorf("a folder for sockets: %w", err)
	}
	if f.folder != nil {
		f.folder.lock.Close()
	}
	f.folder = d
	return d, nil
}

// Seal forbids the fleet to start another ssh. It is for a process that is about to be
// confined and then cannot start any. Seal returns the folder that holds the private folder of
// the fleet: the confined process must be able to write there, to remove the private folder at
// its end. Seal returns "" if the fleet has no private folder yet.
func (f *Fleet) Seal() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealed = true
	if f.folder == nil {
		return ""
	}
	return filepath.Dir(f.folder.path)
}

// Close ends all ssh at the same time, within a few seconds, and removes the private folder.
// Requests that are under way fail, and no ssh can be started any more. Close may be called
// again, and at the same time: each call returns when all is done, since the program may end
// after any of them.
func (f *Fleet) Close() {
	f.mu.Lock()
	if done := f.closed; done != nil {
		f.mu.Unlock()
		<-done
		return
	}
	done := make(chan struct{})
	defer close(done)
	f.closed = done
	hosts, folder := f.hosts, f.folder
	f.hosts, f.folder = nil, nil
	f.mu.Unlock()
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(h.close)
	}
	wg.Wait()
	if folder != nil {
		folder.remove()
	}
}

// A Host is another machine. Its methods are safe for concurrent use.
type Host struct {
	fleet *Fleet
	name  string

	turn chan struct{} // holds one token, the right to start ssh

	mu    sync.Mutex
	begun *beginning      // an ssh that Begin has started, until something needs it
	link  *link           // the latest ssh, which may have ended; nil before the first
	ways  map[string]*way // the ways that have worked with that ssh, by the socket of smtpd

	trip   time.Duration // the last round trip to smtpd that was measured, 0 before there is one
	failed error         // why the last connection could not be made, nil if it could

	shells  []*fileShell // that read files, and wait for the next request
	filesAs *string      // the words that make them those of root; nil before there is one
	refused error        // why they are not, if they are not

	smtp smtpPlace // where the last SMTP session began

	logging sync.Mutex // guards the fields below
	logger  *logger    // nil before the first line, and after a line that failed
	logged  *link      // the ssh in which logger was started
}

// Name returns the name of the machine that ssh gets.
func (h *Host) Name() string { return h.name }

// An Error is an error of reaching a machine. Its message begins with the name of the machine.
type Error struct {
	Host string
	Err  error
}

func (e *Error) Error() string { return e.Host + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrUnreachable means that ssh could not connect, or that its connection has ended.
var ErrUnreachable error = unreachable{}

type unreachable struct{}

func (unreachable) Error() string { return "cannot be reached" }

// Unreachable gives the error the exit status of an smtpd that cannot be reached.
func (unreachable) Unreachable() bool { return true }

// A SaidError is the failure of ssh or of a program on the other machine, with what it printed
// on standard error.
type SaidError struct {
	Program string   // its name, such as ssh
	Words   []string // its last lines, safe for a terminal; may be empty
	Cause   error    // the underlying error, for errors.Is
}

func (e *SaidError) Error() string {
	if len(e.Words) == 0 {
		return fmt.Sprintf("%s: %v", e.Program, e.Cause)
	}
	return e.Program + ": " + e.said()
}

// said returns the words joined into one line.
func (e *SaidError) said() string {
	var parts []string
	for _, w := range e.Words {
		parts = append(parts, strings.TrimPrefix(strings.TrimRight(w, ". "), e.Program+": "))
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns the cause.
func (e *SaidError) Unwrap() error { return e.Cause }

// fail returns err as an *Error of this host. It returns nil for nil.
func (h *Host) fail(err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &Error{h.name, err}
}

// connected returns the running ssh of the host, or starts one and waits until the machine has
// reported its facts. Of several callers, one starts ssh and the others wait for it. If it starts
// ssh, it begins a, unless that is nil.
func (h *Host) connected(ctx context.Context, timeout time.Duration, o Options, a *ahead) (*link, error) {
	if l := h.current(); l != nil {
		return l, nil
	}
	select {
	case <-h.turn:
		defer func() { h.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l := h.current(); l != nil {
		return l, nil
	}
	h.mu.Lock()
	b := h.begun
	h.begun = nil
	h.mu.Unlock()
	if b == nil {
		var err error
		if b, err = h.begin(timeout, o, false); err != nil {
			return nil, err
		}
	}
	l, err := b.await(ctx, a)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.link, h.ways, h.filesAs = l, map[string]*way{}, nil
	h.mu.Unlock()
	h.fleet.mu.Lock()
	closed := h.fleet.closed
	h.fleet.mu.Unlock()
	if closed != nil { // Close was called meanwhile and did not end this ssh
		l.end()
		return nil, errors.New("the session has ended")
	}
	return l, nil
}

// sealed returns why no ssh can be started after Seal, or nil before Seal.
func (h *Host) sealed() error {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.fleet.sealed:
		return nil
	case h.link != nil:
		return h.link.err
	case h.failed != nil:
		return h.failed
	}
	return ErrUnreachable
}

// current returns the running ssh of the host, or nil. An ssh whose control socket is gone
// counts as ended, since nothing new goes through it, unless no other can be started.
func (h *Host) current() *link {
	h.fleet.mu.Lock()
	sealed := h.fleet.sealed
	h.fleet.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.link == nil || h.link.ended() || !sealed && !there(h.link.control) {
		return nil
	}
	return h.link
}

// there reports whether there is something at a path.
func there(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// Connected reports whether the ssh of the host can be used. It does not check the connection.
func (h *Host) Connected() bool { return h.current() != nil }

// Facts returns the facts about the machine. ok is false before the first connection.
func (h *Host) Facts() (f Facts, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.link == nil {
		return Facts{}, false
	}
	return h.link.facts, true
}

// close ends the ssh of the host, if there is one.
func (h *Host) close() {
	h.mu.Lock()
	l, b, shells := h.link, h.begun, h.shells
	h.begun, h.shells = nil, nil
	h.mu.Unlock()
	for _, s := range shells {
		s.Close()
	}
	if b != nil {
		b.l.end()
	}
	if l != nil {
		l.end()
	}
}
