package prompt

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS

	// noChar is what stands for a character that does nothing.
	noChar = 0
)
