//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package prompt

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA

	// noChar switches off a special character of the terminal (_POSIX_VDISABLE).
	noChar = 0xff
)

// dropTyped discards the input of a terminal that has not been read.
func dropTyped(fd int) error {
	const fread = 1 // FREAD of <sys/fcntl.h>: the input queue
	return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, fread)
}
