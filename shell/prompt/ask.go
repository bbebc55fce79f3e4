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

// ReadLine reads one line of at most maxAnswer bytes from a terminal, and returns it without
// its newline. It must not be called while Prompt.Line reads from the same terminal. It reads
// byte by byte, so that later lines stay unread. When ctx ends, it returns the cause.
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

// DropTyped discards the input that was typed at a terminal but not read yet, so that it
// cannot answer a question which the user has not seen. It reports whether at least one line
// was discarded.
func DropTyped(f *os.File) (dropped bool) {
	dropped = Pending(int(f.Fd()))
	return dropTyped(int(f.Fd())) == nil && dropped
}

// ReadSecret is ReadLine without echo: the terminal does not show what is typed. It restores
// the settings of the terminal before it returns.
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

// waitInput waits until there is input to read, or returns the cause when ctx ends.
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
