package command

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"smtpctl/shell/render"
)

// A Console is standard error when that is a terminal. It breaks lines that are too
// wide between words. It also shows the progress of a command on a line of its own,
// which gives way to everything else that is written to the terminal. Its methods may
// be called from several goroutines.
type Console struct {
	w    io.Writer
	file *os.File          // that w is; nil in tests
	cols func() int        // of the terminal, 0 if that is not known
	show func(text string) // shows how far a command has got in a place of its own; may be nil
	now  func() time.Time  // for tests

	after, every time.Duration

	mu     sync.Mutex
	within bool        // the cursor is within a line that was begun
	shown  bool        // the progress is on the screen
	wrote  time.Time   // when something else was written last
	held   int         // how many have the terminal for themselves
	since  time.Time   // when the first of them took it
	tee    io.Writer   // gets what is written to the terminal, too
	stack  []*Progress // of what is being done; the last is shown
	timer  *time.Timer
}

// NewConsole returns the console of a terminal.
func NewConsole(f *os.File) *Console {
	c := newConsole(f, func() int {
		cols, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return cols
	})
	c.file = f
	return c
}

func newConsole(w io.Writer, cols func() int) *Console {
	return &Console{w: w, cols: cols, now: time.Now, after: progressAfter, every: progressEvery}
}

// NewTestConsole returns a console on w, a substitute for a terminal with the given
// number of columns. It shows progress without delay.
func NewTestConsole(w io.Writer, cols int) *Console {
	c := newConsole(w, func() int { return cols })
	c.after, c.every = 0, time.Millisecond
	return c
}

// NewStatusLine returns a console for a screen that has a line, of so many columns, for how
// far a command has got: show is called with that, and with "" when there is nothing to
// show any more. It must not use the console. Whatever else is written goes to w as it is.
func NewStatusLine(w io.Writer, cols func() int, show func(text string)) *Console {
	c := newConsole(w, cols)
	c.show = show
	return c
}

// ErrFile returns what a program that is started gets as standard error in the place of w:
// it writes to the terminal itself.
func ErrFile(w io.Writer) io.Writer {
	if c, ok := w.(*Console); ok && c.file != nil {
		return c.file
	}
	return w
}

// Write implements io.Writer.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.show != nil {
		return c.w.Write(p)
	}
	text, head := string(p), ""
	if c.within { // what a line goes on with stays as it is
		i := strings.IndexByte(text, '\n') + 1
		if i == 0 {
			i = len(text)
		}
		head, text = text[:i], text[i:]
	}
	if err := c.pass(c.w, []byte(head+render.Wrap(text, c.cols()))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Over returns a writer to w, which is the same terminal.
func (c *Console) Over(w io.Writer) io.Writer {
	if c == nil {
		return w
	}
	return overConsole{c, w}
}

type overConsole struct {
	c *Console
	w io.Writer
}

// Write implements io.Writer.
func (o overConsole) Write(p []byte) (int, error) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if err := o.c.pass(o.w, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Tee has all that is written to the terminal written to w, too.
func (c *Console) Tee(w io.Writer) {
	if c != nil {
		c.mu.Lock()
		c.tee = w
		c.mu.Unlock()
	}
}

// pass writes to the terminal after it has erased the progress.
func (c *Console) pass(w io.Writer, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	c.erase()
	_, err := w.Write(p)
	if c.tee != nil {
		c.tee.Write(p)
	}
	c.within = p[len(p)-1] != '\n'
	c.wrote = c.now()
	return err
}

// Hold erases the progress until release is called, for a question or a program that
// needs the terminal. The time in between does not count.
func (c *Console) Hold() (release func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	if c.held++; c.held == 1 {
		c.since = c.now()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held--; c.held > 0 {
			return
		}
		now := c.now()
		for _, p := range c.stack {
			p.shift(now.Sub(c.since))
		}
		c.within, c.wrote = false, now
	}
}

// begin shows p from now on.
func (c *Console) begin(p *Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held > 0 {
		p.began = c.since // what is shifted when the terminal is free again
	}
	c.stack = append(c.stack, p)
	if len(c.stack) == 1 {
		c.within = false // where the shell or the prompt has left the cursor
		c.timer = time.AfterFunc(c.after, c.tick)
	}
}

// end stops showing p.
func (c *Console) end(p *Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, q := range c.stack {
		if q == p {
			c.stack = append(c.stack[:i:i], c.stack[i+1:]...)
			break
		}
	}
	if len(c.stack) == 0 && c.timer != nil {
		c.timer.Stop()
		c.timer = nil
		c.erase()
	}
}

// tick updates the progress on the screen.
func (c *Console) tick() {
	defer func() { _ = recover() }() // what is only to be shown ends no command
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil {
		return
	}
	c.timer.Reset(c.every)
	p, now := c.stack[len(c.stack)-1], c.now()
	if c.held > 0 || c.within || now.Sub(p.began) < c.after || now.Sub(c.wrote) < c.after || !c.foreground() {
		return
	}
	// The last column stays free, because some terminals move to the next line after
	// writing there.
	text := p.text(now, max(c.cols()-1, 0))
	if text == "" {
		return
	}
	if c.shown = true; c.show != nil {
		c.show(text)
		return
	}
	io.WriteString(c.w, "\r"+text+"\x1b[K\r")
}

// erase removes the progress from the screen.
func (c *Console) erase() {
	switch {
	case !c.shown:
		return
	case c.show != nil:
		c.show("")
	default:
		io.WriteString(c.w, "\r\x1b[K")
	}
	c.shown = false
}

// foreground reports whether the program may write to its terminal. A job in the
// background would disturb whoever uses the terminal.
func (c *Console) foreground() bool {
	if c.file == nil {
		return true
	}
	group, err := unix.IoctlGetInt(int(c.file.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// console returns the terminal that shows the messages of a call, or nil.
func (c *Call) console() *Console {
	switch w := c.Err.(type) {
	case *Console:
		return w
	case *Held:
		return w.Console
	}
	return nil
}

// HoldConsole calls Hold for the terminal of a call, if it has one.
func (c *Call) HoldConsole() (release func()) { return c.console().Hold() }
