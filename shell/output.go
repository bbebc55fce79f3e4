package shell

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

// An output is where results go: buffered, but not for long, and escaped if it
// is a terminal.
type output struct {
	buf  *bufio.Writer
	safe io.Writer // writes to buf, escaping what could act on a terminal
	tty  bool
	// toFile says that it goes to a file or to /dev/null.
	toFile bool
	last   time.Time
	err    error
	style  render.Style
}

func newOutput(w io.Writer, tty bool, style render.Style) *output {
	o := &output{buf: bufio.NewWriterSize(w, 64<<10), tty: tty, toFile: isFile(w) && !tty, style: style}
	o.safe = o.buf
	if tty {
		o.safe = render.NewSafeWriter(o.buf)
	}
	return o
}

// Write implements io.Writer. After an error it writes no more and returns the
// same error.
func (o *output) Write(p []byte) (int, error) { return o.write(o.safe, p) }

// writeStyled writes text that is safe on a terminal but for the colours that
// this program has put into it.
func (o *output) writeStyled(p []byte) (int, error) { return o.write(o.buf, p) }

func (o *output) write(w io.Writer, p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if _, err := w.Write(p); err != nil {
		o.err = err
		return 0, err
	}
	if o.last.IsZero() {
		o.last = time.Now()
	} else if time.Since(o.last) > flushEvery {
		return len(p), o.Flush()
	}
	return len(p), nil
}

// End is Flush at the end of a result: nothing of it is left for the next.
func (o *output) End() error {
	if safe, ok := o.safe.(*render.SafeWriter); ok {
		if err := safe.End(); err != nil && o.err == nil {
			o.err = err
		}
	}
	return o.Flush()
}

// Flush writes what is buffered.
func (o *output) Flush() error {
	o.last = time.Time{}
	if err := o.buf.Flush(); err != nil && o.err == nil {
		o.err = err
	}
	return o.err
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

// isTerminal reports whether f is a terminal.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// screenSize returns the size of the terminal that results go to, 0 and 0 if they
// go elsewhere.
func (s *Session) screenSize() (cols, rows int) {
	f, ok := s.io.Out.(*os.File)
	if !ok {
		return 0, 0
	}
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return cols, rows
}

// colored decides whether a stream gets colours: --color first, then NO_COLOR
// and TERM, then whether it is a terminal.
func colored(mode string, tty bool, env func(string) string) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	return tty && env("NO_COLOR") == "" && !dumb(env)
}

// dumb reports whether a terminal can do nothing but print, as far as is known: one
// whose kind is not said may not be able to do more.
func dumb(env func(string) string) bool { return env("TERM") == "" || env("TERM") == "dumb" }
