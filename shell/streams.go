package shell

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errClosed means that a standard stream was closed when the program started.
var errClosed = errors.New("it is closed")

// A closedStream stands for a standard stream that was closed at the start.
type closedStream struct{ name string }

func (c closedStream) Read([]byte) (int, error)  { return 0, &closedError{c.name} }
func (c closedStream) Write([]byte) (int, error) { return 0, errClosed }

// A closedError is that of reading a closed standard stream.
type closedError struct{ name string }

func (e *closedError) Error() string { return e.name + ": " + errClosed.Error() }
func (e *closedError) Unwrap() error { return errClosed }

// standardStreams returns the standard streams of the process. In place of one that
// was closed at the start there is one that fails: the Go runtime has opened
// /dev/null there, so that no file or socket gets its number, and what is written
// would be lost without a word.
func standardStreams() IO {
	s := IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}
	if wasClosed(0) {
		s.In = closedStream{"standard input"}
	}
	if wasClosed(1) {
		s.Out = closedStream{"standard output"}
	}
	return s
}

// wasClosed reports whether a standard stream was closed at the start. The runtime's
// /dev/null differs from one that was handed to this process by being open for both
// reading and writing and, as some programs hand on such a one, by being nobody
// else's: neither another stream nor a stream of the parent is the same open file.
func wasClosed(fd int) bool {
	var st, null unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return true
	}
	if flags&unix.O_ACCMODE != unix.O_RDWR || unix.Fstat(fd, &st) != nil || unix.Stat(os.DevNull, &null) != nil || st.Rdev != null.Rdev || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return false
	}
	return ownFile(fd)
}
