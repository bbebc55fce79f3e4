package browse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/gdamore/tcell/v2/terminfo"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"smtpctl/shell/command"
	"smtpctl/shell/jobs"
	"smtpctl/shell/render"
)

// The bounds of a terminal.
const (
	pollEvery  = 100 * time.Millisecond // how often a read checks whether the terminal was left
	leaveGrace = time.Second            // how long tcell may take to leave the terminal
	parkGrace  = 5 * time.Second        // how long tcell may take to come back for more keys
	maxCols    = 1000
	maxRows    = 500
)

// A tty is the terminal for tcell. It never blocks in a read, so that keys which are typed
// after the screen was left reach the next reader of the terminal, such as the shell.
type tty struct {
	in, out *os.File
	mu      sync.Mutex
	before  *term.State // the settings to restore, nil if there are none
	resized func()
	winch   chan os.Signal
	left    atomic.Bool                       // reads return io.EOF
	hold    atomic.Bool                       // reads wait
	parked  chan struct{}                     // has one element once a read waits because of hold
	typed   atomic.Pointer[func(keys []byte)] // called with each input as it was read; may be nil
	raw     [64]byte                          // the buffer of a read, shorter than that of tcell, so that nothing is cut
	clean   filter
}

func newTTY(in, out *os.File) *tty { return &tty{in: in, out: out, parked: make(chan struct{}, 1)} }

// Start implements tcell.Tty. It puts the terminal into raw mode.
func (t *tty) Start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return err
	}
	t.before = before
	t.hold.Store(false)
	t.left.Store(false)
	t.winch = make(chan os.Signal, 1)
	signal.Notify(t.winch, syscall.SIGWINCH)
	go t.follow(t.winch)
	return nil
}

// follow calls resized at each change of the size, until winch is closed.
func (t *tty) follow(winch <-chan os.Signal) {
	for range winch {
		t.mu.Lock()
		f := t.resized
		t.mu.Unlock()
		if f != nil {
			f()
		}
	}
}

// Drain implements tcell.Tty. It makes Read return io.EOF.
func (t *tty) Drain() error {
	t.left.Store(true)
	return nil
}

// Stop implements tcell.Tty. It restores the settings of the terminal. It may be called at any
// time and more than once.
func (t *tty) Stop() error {
	t.left.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return nil
	}
	signal.Stop(t.winch)
	close(t.winch)
	err := term.Restore(int(t.in.Fd()), t.before)
	t.before = nil
	return err
}

// NotifyResize implements tcell.Tty.
func (t *tty) NotifyResize(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resized = f
}

// WindowSize implements tcell.Tty. It returns 80 by 24 if the size is not known, and at most
// maxCols by maxRows.
func (t *tty) WindowSize() (tcell.WindowSize, error) {
	cols, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil || cols <= 0 || rows <= 0 {
		cols, rows = 80, 24
	}
	return tcell.WindowSize{Width: min(cols, maxCols), Height: min(rows, maxRows)}, nil
}

// park makes reads wait until Start is called, and returns true once one does: what was read
// before has then been taken by tcell. If none does within grace, for example because the terminal
// is gone, park returns false, and reads go on.
func (t *tty) park(grace time.Duration) bool {
	select {
	case <-t.parked: // of an earlier call
	default:
	}
	t.hold.Store(true)
	select {
	case <-t.parked:
		return true
	case <-time.After(grace):
		t.hold.Store(false)
		return false
	}
}

// Read implements tcell.Tty. It returns at most pollEvery after the terminal was left.
func (t *tty) Read(p []byte) (int, error) {
	fd := int(t.in.Fd())
	for !t.left.Load() {
		if t.hold.Load() {
			select {
			case t.parked <- struct{}{}:
			default:
			}
			time.Sleep(pollEvery / 20)
			continue
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(pollEvery.Milliseconds()))
		if n > 0 && err == nil && !t.left.Load() {
			n, err := t.in.Read(t.raw[:])
			if n > 0 || err != nil {
				if typed := t.typed.Load(); typed != nil {
					(*typed)(t.raw[:max(n, 0)])
				}
				return copy(p, t.clean.filter(t.raw[:n], time.Now())), err
			}
		}
	}
	return 0, io.EOF
}

// Write implements tcell.Tty.
func (t *tty) Write(p []byte) (int, error) { return t.out.Write(p) }

// Close implements tcell.Tty.
func (t *tty) Close() error { return nil }

// A terminal is a screen together with what restores the terminal.
type terminal struct {
	tcell.Screen
	tty  *tty
	info *terminfo.Terminfo
	once sync.Once
}

// openScreen takes over the terminal. From then on the terminal is restored even if the
// program is ended by force.
func openScreen(c *command.Call, in, out *os.File) (*terminal, error) {
	info, err := infoFor(c.Getenv("TERM"))
	if err != nil {
		return nil, command.Usagef("%s: TERM is %q, which is not known: set it to xterm or vt100, or use show queue", command.PathOf(c), render.Bound(c.Getenv("TERM"), command.ArgBytes))
	}
	// tcell refuses a character set that it does not know, unless it may use ASCII for it.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	t := &terminal{tty: newTTY(in, out), info: info}
	screen, err := tcell.NewTerminfoScreenFromTtyTerminfo(t.tty, info)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	t.Screen = screen
	if c.AtForcedEnd != nil {
		c.AtForcedEnd(func() func() {
			err = screen.Init()
			return t.close
		})
	} else {
		err = screen.Init()
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	screen.EnablePaste()
	return t, nil
}

// infoFor returns the capabilities of the terminal that name, the value of TERM, stands for.
// If name is not known, it tries name without its last parts, as xterm for xterm-other. It
// looks only at the table inside tcell: no program is started.
func infoFor(name string) (*terminfo.Terminfo, error) {
	info, err := terminfo.LookupTerminfo(name)
	for err != nil {
		i := strings.LastIndexByte(name, '-')
		if i < 0 {
			return nil, errors.New("not known")
		}
		name = name[:i]
		info, err = terminfo.LookupTerminfo(name)
	}
	return info, nil
}

// close restores the terminal. It may be called at any time and more than once. If tcell
// hangs, close does without it after leaveGrace.
func (t *terminal) close() {
	t.once.Do(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			t.Screen.Fini()
		}()
		select {
		case <-done:
		case <-time.After(leaveGrace):
			go io.WriteString(t.tty, t.info.ShowCursor+t.info.AttrOff+t.info.ExitKeypad+t.info.ExitCA)
		}
		t.tty.Stop()
	})
}

// suspend stops the program like Ctrl-Z in a shell, and takes the terminal over again when the
// program is continued. If it returns an error, the terminal has been restored. The events of the
// screen must be taken meanwhile.
func (t *terminal) suspend() error {
	return t.away(jobs.Stop)
}

// away leaves the terminal, calls f, and takes the terminal over again. Suspend of tcell waits for
// its goroutine that reads, which waits for ever if it has read keys that no other goroutine takes
// any more. Therefore away parks that goroutine in a read first, and does nothing if it cannot.
func (t *terminal) away(f func()) error {
	if !t.tty.park(parkGrace) {
		return nil
	}
	if err := t.Screen.Suspend(); err != nil {
		return nil
	}
	f()
	err := t.Screen.Resume()
	if err != nil {
		t.close()
	}
	return err
}
