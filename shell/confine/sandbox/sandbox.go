// Package sandbox takes from this process what it does not need: the rights of
// root, and the files and networks that it has no business with.
package sandbox

import (
	"errors"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// Rules say what a process still needs. Paths that are not there are passed over.
type Rules struct {
	Read  []string // files and folders to read
	Write []string // folders to read and write in
	Move  []string // folders between which files move as well
	Unix  []string // sockets to connect to
	DNS   []uint16 // ports of name servers, by UDP and TCP
	Names bool     // it looks up names as the system does
}

// Off makes GiveUpRoot and Confine do nothing. Only tests that measure coverage set
// it: a process that is confined cannot write its counters.
var Off bool

// nobody is the user and group that is nobody's on most systems.
const nobody = 65534

// ErrStillRoot means that the rights of root cannot be given up: some containers
// know no other user.
var ErrStillRoot = errors.New("cannot become an ordinary user")

// GiveUpRoot makes root an ordinary user, for good and in all threads. For others
// it does nothing. The error wraps ErrStillRoot.
func GiveUpRoot() error {
	if Off || syscall.Geteuid() != 0 {
		return nil
	}
	uid, gid := nobody, nobody
	if u, err := user.Lookup("nobody"); err == nil {
		if n, err := strconv.Atoi(u.Uid); err == nil && n != 0 {
			uid = n
		}
		if n, err := strconv.Atoi(u.Gid); err == nil && n != 0 {
			gid = n
		}
	}
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(gid), syscall.Setuid(uid)} {
		if err != nil {
			return errors.Join(ErrStillRoot, err)
		}
	}
	if syscall.Setuid(0) == nil {
		return ErrStillRoot
	}
	return nil
}

// Name names what Confine uses on this system, "" if there is nothing.
func Name() string {
	switch runtime.GOOS {
	case "linux":
		return "Landlock"
	case "openbsd":
		return "pledge(2) and unveil(2)"
	}
	return ""
}
