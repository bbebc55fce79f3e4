package copies

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// freeAt returns how many bytes are free for root on the disk of a folder.
func freeAt(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	if st.Blocks == 0 {
		return math.MaxInt64, nil // the file system does not say
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// syncAll writes all changes of the file system of a folder to the disk.
func syncAll(dir *os.File) error { return os.NewSyscallError("syncfs", unix.Syncfs(int(dir.Fd()))) }
