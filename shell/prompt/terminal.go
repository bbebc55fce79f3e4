package prompt

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"smtpctl/shell/trace"
)

// Times of the terminal.
const (
	pollEvery  = 50 * time.Millisecond  // how often a read outside the prompt checks for its end
	idleWait   = 10 * time.Second       // how long the prompt waits for a key at once
	escapeWait = 25 * time.Millisecond  // how long the rest of a key may take to arrive
	renderWait = 500 * time.Millisecond // how long a key may take to be drawn
)

// A reason says why go-prompt's Input returned without a line.
type reason int

const (
	reasonNone reason = iota
	exitResize
	exitSuspend
	exitHelp
	exitEdit
	exitClosed
)

// errNothing tells go-prompt that no key has come.
var errNothing = errors.New("no key")

// A terminal is /dev/tty, in the form of go-prompt's ConsoleParser. It hands on one key at a
// time, and the next one only when go-prompt has drawn the last. Its methods may be called from
// several goroutines at once, except for close.
type terminal struct {
	fd     int
	wakeR  int // wake writes to wakeW, which ends the wait of poll for wakeR
	wakeW  int
	cooked *term.State // the settings with which the terminal was found
	prefix func() string

	mu      sync.Mutex
	drawn   *sync.Cond // signals changes of pending and ready
	raw     bool
	lent    bool // another program uses the terminal, and may have changed its settings
	tok     tokenizer
	queue   []string // the keys that were read, but not handed on yet
	last    string   // the key handed on last, other than keyWake
	pending bool     // a key was handed on and has not been drawn yet
	hold    bool     // the line is complete: no key is handed on before the next Setup
	fresh   bool     // nothing has been drawn since Setup
	reason  reason
	redraw  bool // go-prompt must complete and draw again
	menu    menu

	searching bool // the history is being searched
	ending    bool // the search ends with the next keyWake
}

// openTerminal opens the controlling terminal.
func openTerminal() (*terminal, error) {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		unix.Close(fd)
		return nil, err
	}
	for _, f := range p {
		unix.CloseOnExec(f)
		unix.SetNonblock(f, true)
	}
	state, err := term.GetState(fd)
	if err != nil {
		unix.Close(fd)
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, err
	}
	t := &terminal{fd: fd, wakeR: p[0], wakeW: p[1], cooked: state, prefix: func() string { return "" }}
	t.drawn = sync.NewCond(&t.mu)
	return t, nil
}

// close restores the settings with which the terminal was found, and closes it.
func (t *terminal) close() {
	t.TearDown()
	unix.Close(t.fd)
	unix.Close(t.wakeR)
	unix.Close(t.wakeW)
}

// Setup makes the input of the terminal raw, and begins to hand on keys.
func (t *terminal) Setup() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold, t.pending, t.fresh = false, false, true
	if t.raw {
		return nil
	}
	if _, err := term.MakeRaw(t.fd); err != nil {
		return err
	}
	if s, err := unix.IoctlGetTermios(t.fd, getTermios); err == nil {
		s.Oflag |= unix.OPOST
		unix.IoctlSetTermios(t.fd, setTermios, s)
	}
	t.write("\x1b[?2004h") // bracketed paste
	t.raw = true
	return nil
}

// TearDown restores the settings with which the terminal was found.
func (t *terminal) TearDown() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.raw && !t.lent {
		return nil
	}
	t.raw = false
	t.write("\x1b[?2004l\x1b[0m\x1b[?25h")
	return term.Restore(t.fd, t.cooked)
}

func (t *terminal) write(s string) { unix.Write(t.fd, []byte(s)) }

// size returns the size of the terminal, or 24 rows of fallbackCol columns if it is unknown.
func (t *terminal) size() (rows, cols int) {
	ws, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 {
		return 24, fallbackCol
	}
	return int(ws.Row), int(ws.Col)
}

// interrupt makes Input return for the given reason.
func (t *terminal) interrupt(r reason) {
	t.mu.Lock()
	t.reason = max(t.reason, r)
	t.mu.Unlock()
	t.wake()
}

// resized makes Input return, so that Line begins again with the new size.
func (t *terminal) resized() { t.interrupt(exitResize) }

// exitReasonIs reports whether Input is to return for the given reason.
func (t *terminal) exitReasonIs(r reason) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason == r
}

// setSuggestionCount notes how many suggestions the menu has, and whether the last one is only
// the beginning of a word.
func (t *terminal) setSuggestionCount(n int, open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.menu.n, t.menu.open = n, open
}

// setMenuRows notes how many suggestions the menu shows at most.
func (t *terminal) setMenuRows(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.menu.max = n
}

// menuTop returns which suggestion is the first that the menu shows, from 0.
func (t *terminal) menuTop() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.menu.top
}

// again puts a key at the front of the queue.
func (t *terminal) again(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append([]string{key}, t.queue...)
}

// refresh makes go-prompt complete and draw again.
func (t *terminal) refresh() {
	t.mu.Lock()
	t.redraw = true
	t.mu.Unlock()
	t.wake()
}

func (t *terminal) wake() { unix.Write(t.wakeW, []byte{0}) }

// takeExitReason returns why Input returned, and the last key, and forgets both.
func (t *terminal) takeExitReason() (r reason, last string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, last = t.reason, t.last
	t.reason, t.last = reasonNone, ""
	return r, last
}

// stopping reports whether Input is to return. If so, no more keys are handed on.
func (t *terminal) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reason == reasonNone {
		return false
	}
	t.hold = true
	t.drawn.Broadcast()
	return true
}

// Read returns the next key to go-prompt's reader. If no key arrives for a while, it returns
// errNothing, so that the reader can be stopped.
func (t *terminal) Read() (key []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			trace.Panic("the reader of keys", v)
			key, err = nil, errNothing
		}
	}()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.awaitDrawn()
	if t.hold {
		t.mu.Unlock()
		time.Sleep(time.Millisecond)
		t.mu.Lock()
		return nil, errNothing
	}
	if t.reason == reasonNone && len(t.queue) == 0 {
		t.mu.Unlock()
		t.poll()
		t.mu.Lock()
	}
	switch {
	case t.hold:
		return nil, errNothing
	case t.reason != reasonNone:
		return t.emit(keyWake), nil
	case len(t.queue) > 0:
		k := t.queue[0]
		t.queue = t.queue[1:]
		if k = t.translate(k); k == "" {
			return nil, errNothing
		}
		return t.emit(k), nil
	case t.redraw && !t.menu.selected():
		t.redraw = false
		return t.emit(keyWake), nil
	}
	return nil, errNothing
}

// unread puts back a key that Read returned, but go-prompt did not get.
func (t *terminal) unread(k string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k != keyWake {
		t.queue = append([]string{k}, t.queue...)
	}
	t.pending = false
}

// emit notes that a key is handed on, and returns its bytes. t.mu is held.
func (t *terminal) emit(k string) []byte {
	if k != keyWake { // keyWake may come between Ctrl-D and the return of Input
		t.last = k
	}
	t.pending = true
	if k == keyEnter {
		t.hold = true
	}
	t.drawn.Broadcast()
	return []byte(k)
}

// awaitDrawn waits until go-prompt has drawn the last key, for renderWait at most. t.mu is held.
func (t *terminal) awaitDrawn() {
	if !t.pending || t.hold {
		return
	}
	timer := time.AfterFunc(renderWait, func() {
		t.mu.Lock()
		t.pending = false
		t.mu.Unlock()
		t.drawn.Broadcast()
	})
	defer timer.Stop()
	for t.pending && !t.hold {
		t.drawn.Wait()
	}
}

// flushed is called when go-prompt has written to the screen. done says that go-prompt has
// finished drawing a key: then flushed returns only when the next key is on its way, because
// go-prompt would look for it only every 10 ms. Otherwise Input may be about to return. It
// waits for the reader to return, so flushed wakes the reader.
func (t *terminal) flushed(done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = false
	t.drawn.Broadcast()
	fresh := t.fresh
	t.fresh = false
	if !done || t.hold || fresh {
		t.wake()
		return
	}
	stop := false
	timer := time.AfterFunc(idleWait, func() {
		t.mu.Lock()
		stop = true
		t.mu.Unlock()
		t.drawn.Broadcast()
	})
	defer timer.Stop()
	for !t.pending && !t.hold && !stop {
		t.drawn.Wait()
	}
	if t.pending {
		t.mu.Unlock()
		time.Sleep(20 * time.Microsecond) // for the reader to pass the key on
		t.mu.Lock()
	}
}

// poll waits for input or a call of wake, and puts the keys that it reads into the queue.
func (t *terminal) poll() {
	timeout := idleWait
	t.mu.Lock()
	if t.tok.waiting() {
		timeout = escapeWait
	}
	t.mu.Unlock()
	fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}, {Fd: int32(t.wakeR), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(timeout.Milliseconds()))
	if err != nil || n == 0 {
		t.mu.Lock()
		if err == nil && t.tok.waiting() {
			t.queue = append(t.queue, t.tok.flush()...)
		}
		t.mu.Unlock()
		return
	}
	var buf [4096]byte
	if fds[1].Revents != 0 {
		unix.Read(t.wakeR, buf[:])
	}
	if fds[0].Revents == 0 {
		return
	}
	n, err = unix.Read(t.fd, buf[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case n > 0:
		t.enqueue(t.tok.feed(buf[:n]))
	case err == unix.EINTR || err == unix.EAGAIN:
	default:
		t.reason = exitClosed // the terminal has gone
	}
}

// enqueue appends keys to the queue. A Ctrl-C drops all keys before it. t.mu is held.
func (t *terminal) enqueue(keys []string) {
	t.queue = append(t.queue, keys...)
	for i := len(t.queue) - 1; i >= 0; i-- {
		if t.queue[i] == keyCtrlC {
			t.queue = t.queue[i:]
			return
		}
	}
}

// dropInput drops the keys in the queue and an incomplete key.
func (t *terminal) dropInput() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue, t.tok = nil, tokenizer{}
}
