package fulltest

import "golang.org/x/sys/unix"

// leastFree is the least space, in bytes, that must be free in a file system for tests.
const leastFree = 1 << 30

// usable reports whether a folder is on a tmpfs that has at least leastFree bytes free and
// from which programs can be started.
func usable(folder string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(folder, &fs) == nil && fs.Type == unix.TMPFS_MAGIC && fs.Flags&unix.ST_NOEXEC == 0 && fs.Bavail*uint64(fs.Bsize) >= leastFree
}
