//go:build unix

// Package termios stands in for the package of that name in github.com/pkg/term,
// which go-prompt imports but which does not build for OpenBSD without cgo. It
// has the three names that go-prompt needs.
package termios

import "golang.org/x/sys/unix"

// Tcgetattr returns the settings of the terminal fd.
func Tcgetattr(fd uintptr) (*unix.Termios, error) {
	return unix.IoctlGetTermios(int(fd), getRequest)
}

// Tcsetattr changes the settings of the terminal fd at once; action must be
// TCSANOW.
func Tcsetattr(fd, action uintptr, t *unix.Termios) error {
	return unix.IoctlSetTermios(int(fd), setRequest, t)
}

// TCSANOW changes settings at once.
const TCSANOW = 0
