package prompt

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 4096

// ReadLine reads one line from a terminal that is not in the hands of a Prompt,
// byte by byte, so that nothing after it is lost. It returns when ctx ends.
func ReadLine(ctx context.Context, f *os.File) (string, error) {
	var line []byte
	var b [1]byte
	for {
		if err := waitInput(ctx, int(f.Fd())); err != nil {
			return "", err
		}
		n, err := f.Read(b[:])
		switch {
		case n > 0 && b[0] == '\n':
			return string(line), nil
		case n > 0 && len(line) >= maxAnswer:
			return "", errors.New("the line is too long")
		case n > 0:
			line = append(line, b[0])
		case err == io.EOF && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}

// ReadSecret reads one line without echo.
func ReadSecret(ctx context.Context, f *os.File) (string, error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return "", err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return "", err
	}
	defer unix.IoctlSetTermios(fd, setTermios, before)
	return ReadLine(ctx, f)
}

// waitInput waits until there is something to read, or ctx ends.
func waitInput(ctx context.Context, fd int) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(pollEvery.Milliseconds())); n > 0 && err == nil {
			return nil
		}
	}
}
