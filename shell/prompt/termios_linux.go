package prompt

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS

	// noChar switches off a special character of the terminal (_POSIX_VDISABLE).
	noChar = 0
)

// dropTyped discards the input of a terminal that has not been read.
func dropTyped(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
