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
	"smtpctl/shell/render"
)

// Bounds of a terminal.
const (
	pollEvery  = 100 * time.Millisecond // how long input is waited for before the end is looked for
	leaveGrace = time.Second            // how long the terminal may take to be left in an orderly way
	maxCols    = 1000
	maxRows    = 500
)

// A tty is the terminal of the program. Nothing of what is typed after it was left is
// lost, since it never waits in a read.
type tty struct {
	in, out *os.File
	mu      sync.Mutex
	before  *term.State // nil while the terminal is as it was found
	resized func()
	winch   chan os.Signal
	left    atomic.Bool // no more is read
	raw     [64]byte    // what has been read; tcell takes more
	clean   filter
}

// Start implements tcell.Tty.
func (t *tty) Start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return err
	}
	t.before = before
	t.left.Store(false)
	t.winch = make(chan os.Signal, 1)
	signal.Notify(t.winch, syscall.SIGWINCH)
	go t.follow(t.winch)
	return nil
}

// follow tells of each change of the size.
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

// Drain implements tcell.Tty.
func (t *tty) Drain() error {
	t.left.Store(true)
	return nil
}

// Stop implements tcell.Tty. It may be called at any time.
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

// WindowSize implements tcell.Tty.
func (t *tty) WindowSize() (tcell.WindowSize, error) {
	cols, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil || cols <= 0 || rows <= 0 {
		cols, rows = 80, 24
	}
	return tcell.WindowSize{Width: min(cols, maxCols), Height: min(rows, maxRows)}, nil
}

// Read implements tcell.Tty.
func (t *tty) Read(p []byte) (int, error) {
	fd := int(t.in.Fd())
	for !t.left.Load() {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(pollEvery.Milliseconds()))
		if n > 0 && err == nil && !t.left.Load() {
			n, err := t.in.Read(t.raw[:])
			if n > 0 || err != nil {
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

// A terminal is a screen and what puts it back as it was.
type terminal struct {
	tcell.Screen
	tty  *tty
	info *terminfo.Terminfo
	once sync.Once
}

// openScreen takes the terminal over.
func openScreen(c *command.Call, in, out *os.File) (*terminal, error) {
	info, err := infoFor(c.Getenv("TERM"))
	if err != nil {
		return nil, command.Usagef("%s: TERM is %q, which is not known: set it to xterm or vt100, or use show queue", command.PathOf(c), render.Bound(c.Getenv("TERM"), command.ArgBytes))
	}
	// A character set that is not known is taken for ASCII.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	t := &terminal{tty: &tty{in: in, out: out}, info: info}
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

// infoFor returns what a terminal can do, given the value of TERM: no program is
// started to find that out.
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

// close puts the terminal back as it was found. It may be called at any time, and
// more than once: what hangs in the library is not waited for.
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

// suspend stops the program, as Ctrl-Z does elsewhere, and goes on when it is told to.
func (t *terminal) suspend() {
	if t.Screen.Suspend() != nil {
		return
	}
	_ = syscall.Kill(0, syscall.SIGTSTP) // where nobody could go on with it nothing happens
	if err := t.Screen.Resume(); err != nil {
		t.close()
	}
}
