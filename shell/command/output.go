package command

import (
	"bufio"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"smtpctl/shell/render"
)

// flushEvery is how long a result may wait in a buffer while more is coming.
const flushEvery = 50 * time.Millisecond

// An Output is where results go: buffered, but not for long, and escaped if it
// is a terminal.
type Output struct {
	buf  *bufio.Writer
	safe io.Writer // writes to buf, escaping what could act on a terminal
	Tty  bool
	// ToFile says that it goes to a file or to /dev/null.
	ToFile bool
	last   time.Time
	// held, if set, writes rows that wait until the widths of their columns are known.
	held func() error
	// Heads is how many lines the heads of a table take that the output began with.
	Heads   int
	started bool // something of the result has been written
	Err     error
	Style   render.Style
}

func NewOutput(w io.Writer, tty bool, style render.Style) *Output {
	o := &Output{buf: bufio.NewWriterSize(w, 64<<10), Tty: tty, ToFile: isFile(w) && !tty, Style: style}
	o.safe = o.buf
	if tty {
		o.safe = render.NewSafeWriter(o.buf)
	}
	return o
}

// Write implements io.Writer. After an error it writes no more and returns the
// same error.
func (o *Output) Write(p []byte) (int, error) { return o.write(o.safe, p) }

// WriteStyled writes text that is safe on a terminal but for the colours that
// this program has put into it.
func (o *Output) WriteStyled(p []byte) (int, error) { return o.write(o.buf, p) }

func (o *Output) write(w io.Writer, p []byte) (int, error) {
	if o.Err != nil {
		return 0, o.Err
	}
	if err := o.drain(); err != nil {
		return 0, err
	}
	if _, err := w.Write(p); err != nil {
		return 0, o.failed(err)
	}
	o.started = o.started || len(p) > 0
	if o.last.IsZero() {
		o.last = time.Now()
	} else if time.Since(o.last) > flushEvery {
		return len(p), o.Flush()
	}
	return len(p), nil
}

// End is Flush at the end of a result: nothing of it is left for the next.
func (o *Output) End() error {
	if err := o.drain(); err != nil {
		return err
	}
	if safe, ok := o.safe.(*render.SafeWriter); ok {
		if err := safe.End(); err != nil {
			o.failed(err)
		}
	}
	return o.Flush()
}

// Empty reports whether nothing has been written since the result began.
func (o *Output) Empty() bool { return !o.started }

// Begin says that a result begins.
func (o *Output) Begin() { o.started, o.Heads = false, 0 }

// drain writes the rows that wait.
func (o *Output) drain() error {
	held := o.held
	if o.held = nil; held == nil {
		return nil
	}
	return held()
}

// Flush writes what is buffered.
func (o *Output) Flush() error {
	if err := o.drain(); err != nil {
		return err
	}
	o.last = time.Time{}
	if err := o.buf.Flush(); err != nil {
		o.failed(err)
	}
	return o.Err
}

// failed keeps the first error of writing, and returns it.
func (o *Output) failed(err error) error {
	if o.Err == nil {
		o.Err = &OutputError{err}
	}
	return o.Err
}

// isFile reports whether f is a file or a device, and no pipe.
func isFile(f any) bool {
	file, ok := f.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colored decides whether a stream gets colours: --color first, then NO_COLOR
// and TERM, then whether it is a terminal.
func Colored(mode string, tty bool, env func(string) string) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	return tty && env("NO_COLOR") == "" && !Dumb(env)
}

// Dumb reports whether a terminal can do nothing but print, as far as is known: one
// whose kind is not said may not be able to do more.
func Dumb(env func(string) string) bool { return env("TERM") == "" || env("TERM") == "dumb" }
