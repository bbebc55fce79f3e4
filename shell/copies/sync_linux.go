package copies

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncAll puts all that was written to the file system of a folder onto the disk.
func syncAll(dir *os.File) error { return os.NewSyscallError("syncfs", unix.Syncfs(int(dir.Fd()))) }
