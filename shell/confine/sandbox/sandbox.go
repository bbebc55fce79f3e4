// Package sandbox drops the rights of root, and access to files and networks that a
// process does not need.
package sandbox

import (
	"errors"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// Rules say what a process still needs. Paths that do not exist are skipped.
type Rules struct {
	Read  []string // files and folders to read
	Write []string // folders to read and write in
	Move  []string // folders between which files move as well
	Unix  []string // sockets to connect to
	// Programs are the names of programs that may be started. They may read files of
	// the system, but no files of users, and have no TCP.
	Programs []string
	DNS      []uint16 // ports of name servers, by UDP and TCP
	Names    bool     // it looks up names as the system does
}

// Off makes GiveUpRoot and Confine do nothing. Only tests that measure coverage set it,
// because a confined process cannot write its counters.
var Off bool

// nobody is the uid and gid of nobody on most systems.
const nobody = 65534

// ErrStillRoot means that the rights of root cannot be dropped, as in containers
// without another user.
var ErrStillRoot = errors.New("cannot become an ordinary user")

// GiveUpRoot permanently makes root an ordinary user, in all threads. It does nothing
// for other users. The error wraps ErrStillRoot.
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

// systemFolders and systemFiles are what programs of the system need in order to start.
var (
	systemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/etc/ssl", "/etc/ssh"}
	systemFiles   = []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/dev/urandom", "/dev/random"}
)

// programFolders returns the folders in which programs are.
func programFolders(names []string) []string {
	var dirs []string
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	return dirs
}

// Name returns the name of the mechanism that Confine uses on this system, or "" if
// there is none.
func Name() string {
	switch runtime.GOOS {
	case "linux":
		return "Landlock"
	case "openbsd":
		return "pledge(2) and unveil(2)"
	}
	return ""
}
