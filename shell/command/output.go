package command

import (
	"bufio"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"smtpctl/shell/render"
)

// flushEvery is how long a result may stay in the buffer while more results are coming.
const flushEvery = 50 * time.Millisecond

// An Output is where results go. It buffers them for at most flushEvery, and escapes
// them if it is a terminal.
type Output struct {
	buf  *bufio.Writer
	safe io.Writer // writes to buf, escaping what could act on a terminal
	Tty  bool
	// ToFile says that the output is a file or /dev/null.
	ToFile bool
	last   time.Time
	// held, if set, writes the rows that are waiting for the widths of their columns.
	held func() error
	// Heads is how many lines of column heads the output began with.
	Heads   int
	started bool // something of the result has been written
	Err     error
	Style   render.Style
	show    func() error // makes the writer keep nothing back; nil if it never does
}

// A Shower is a writer that keeps text back, and shows it when it is told to.
type Shower interface {
	Show() error
}

func NewOutput(w io.Writer, tty bool, style render.Style) *Output {
	o := &Output{buf: bufio.NewWriterSize(w, 64<<10), Tty: tty, ToFile: isFile(w) && !tty, Style: style}
	o.safe = o.buf
	if s, ok := w.(Shower); ok {
		o.show = s.Show
	}
	if tty {
		o.safe = render.NewSafeWriter(o.buf)
	}
	return o
}

// Write implements io.Writer. After an error it writes nothing more and returns the
// same error.
func (o *Output) Write(p []byte) (int, error) { return o.write(o.safe, p) }

// WriteStyled writes text that is safe on a terminal except for the colours that this
// program has added.
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

// End flushes the output at the end of a result, including an incomplete character, so
// that nothing of it appears before the next result.
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

// Begin marks the beginning of a result.
func (o *Output) Begin() { o.started, o.Heads = false, 0 }

// drain writes the rows that are waiting.
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

// Show is Flush before a wait of unknown length: what has been written is then on the screen.
func (o *Output) Show() error {
	if err := o.Flush(); err != nil || o.show == nil {
		return err
	}
	if err := o.show(); err != nil {
		return o.failed(err)
	}
	return nil
}

// failed keeps the first error of a write, and returns it.
func (o *Output) failed(err error) error {
	if o.Err == nil {
		o.Err = &OutputError{err}
	}
	return o.Err
}

// isFile reports whether f is a file or a device, and not a pipe.
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
	if _, ok := f.(*Console); ok {
		return true
	}
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colored decides whether a stream is coloured: by --color first, then by NO_COLOR and
// TERM, then by whether the stream is a terminal.
func Colored(mode string, tty bool, env func(string) string) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	return tty && env("NO_COLOR") == "" && !Dumb(env)
}

// Dumb reports whether a terminal can only print, as far as is known. A terminal
// without a TERM counts as dumb.
func Dumb(env func(string) string) bool { return env("TERM") == "" || env("TERM") == "dumb" }
