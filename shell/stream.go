package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
)

// openEvery is how often a FIFO is checked for another process at its other end.
const openEvery = 20 * time.Millisecond

// A stream is a file, FIFO or pipe that a command reads from or writes to, with the
// user or a program of theirs at the other end. A call that waits for the other end
// returns when the context ends, with the cause of that.
type stream struct {
	*os.File
	ctx  context.Context
	stop func() bool
}

// newStream returns the stream of an open file. The caller must call Close.
func newStream(ctx context.Context, f *os.File) *stream {
	if errors.Is(f.SetDeadline(time.Time{}), os.ErrNoDeadline) {
		// Only a blocking call can wait for this file.
		if raw, err := f.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) })
		}
	}
	return &stream{File: f, ctx: ctx, stop: context.AfterFunc(ctx, func() {
		// A regular file has no deadlines, and never blocks.
		_ = f.SetDeadline(time.Unix(1, 0))
	})}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	return n, s.reason(err)
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	return n, s.reason(err)
}

// WriteString implements io.StringWriter, because the file's own method would ignore
// the context.
func (s *stream) WriteString(text string) (int, error) { return s.Write([]byte(text)) }

// ReadFrom implements io.ReaderFrom likewise.
func (s *stream) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{s}, r)
}

// Close closes the file.
func (s *stream) Close() error {
	s.stop()
	return s.File.Close()
}

// reason returns the cause of the end of the context in place of the error that
// followed from it.
func (s *stream) reason(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(s.ctx)
	}
	return err
}

// openStream opens a file that a user named, as open(2) does with these flags,
// but for FIFOs it waits for the other end no longer than until ctx ends.
func openStream(ctx context.Context, name string, flags int) (*stream, error) {
	for {
		// Without O_NONBLOCK open(2) itself would wait.
		if err := unfit(name); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(name, flags|syscall.O_NONBLOCK, 0o600)
		switch {
		case err == nil && flags&(os.O_WRONLY|os.O_RDWR) == 0:
			if err := awaitWriter(ctx, name, f); err != nil {
				f.Close()
				return nil, err
			}
			return newStream(ctx, f), nil
		case err == nil:
			return newStream(ctx, f), nil
		case !errors.Is(err, syscall.ENXIO) || !isFIFO(name):
			return nil, command.FileError(err)
		}
		if err := pause(ctx, name, "read from"); err != nil {
			return nil, err
		}
	}
}

// unfit returns an error for what can be neither read nor written as a file.
func unfit(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil // it may be made
	case info.IsDir():
		return fmt.Errorf("%s: %w", name, &safefile.UnfitError{Is: "a folder", Want: "a file or a pipe"})
	case info.Mode()&os.ModeSocket != 0:
		return fmt.Errorf("%s: %w", name, &safefile.UnfitError{Is: "a socket", Want: "a file or a pipe"})
	}
	return nil
}

// isFIFO reports whether a name is that of a FIFO.
func isFIFO(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// awaitWriter waits until somebody has opened a FIFO to write to it: until then a
// read would find it empty.
func awaitWriter(ctx context.Context, name string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return command.FileError(err)
	}
	if info.Mode()&os.ModeNamedPipe == 0 {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	for {
		ready := false
		err := raw.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds, 0)
			ready = err == nil && n > 0
		})
		if err != nil || ready {
			return err
		}
		if err := pause(ctx, name, "written to"); err != nil {
			return err
		}
	}
}

// pause waits a moment for somebody to open the other end of a FIFO.
func pause(ctx context.Context, name, what string) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: nobody has %s this FIFO: %w", name, what, context.Cause(ctx))
	case <-time.After(openEvery):
		return nil
	}
}
