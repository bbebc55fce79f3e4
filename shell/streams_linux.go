package shell

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
)

// kcmpFile makes kcmp(2) compare open files.
const kcmpFile = 0

// ownFile reports whether the open file of a standard stream is known to be that of
// no other standard stream, and none of the parent's. Where that cannot be found out
// it is not known.
func ownFile(fd int) bool {
	self, parent := os.Getpid(), os.Getppid()
	for other := range 3 {
		if other != fd {
			if same, err := sameFile(self, fd, self, other); err != nil || same {
				return false
			}
		}
	}
	dir, err := safefile.OpenDir(fmt.Sprintf("/proc/%d/fd", parent))
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// One that has been closed meanwhile was not handed on.
		if same, err := sameFile(self, fd, parent, n); err == unix.EPERM || err == unix.ENOSYS || same {
			return false
		}
	}
	return true
}

// sameFile reports whether two descriptors of processes are the same open file.
func sameFile(pid1, fd1, pid2, fd2 int) (bool, error) {
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kcmpFile, uintptr(fd1), uintptr(fd2), 0)
	if errno != 0 {
		return false, errno
	}
	return r == 0, nil
}
