package safefile

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// openRoot opens a folder for openBeneath alone.
func openRoot(path string) (int, error) {
	return open(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY, 0)
}

// openBeneath opens rel in the folder root, whose descriptor is dir, unless that is anew.
// Links in rel are an error.
func openBeneath(root string, dir int, rel string, flags int) (int, error) {
	if dir == anew {
		var err error
		if dir, err = openRoot(root); err != nil {
			return -1, err
		}
		defer unix.Close(dir)
	}
	how := unix.OpenHow{Flags: uint64(flags | safe), Resolve: unix.RESOLVE_NO_SYMLINKS}
	for {
		fd, err := unix.Openat2(dir, rel, &how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // an old kernel, or a filter of system calls
			return walk(root, rel, flags)
		}
		return fd, err
	}
}

// countingLinks are the file systems on which a folder has a link for each folder in it
// besides its own two, or, if there are too many, just one. Others always say one, or make
// up a number.
var countingLinks = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// WithFolders returns those of some folders in the root that may have folders in them, which
// some file systems tell without the folder being read. It overwrites paths.
func (r *Root) WithFolders(paths []string) []string {
	var fs unix.Statfs_t
	var root, st unix.Stat_t
	if unix.Fstatfs(r.fd, &fs) != nil || !slices.Contains(countingLinks, int64(fs.Type)) || unix.Fstat(r.fd, &root) != nil {
		return paths
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		err := unix.Fstatat(r.fd, strings.TrimPrefix(path[len(r.path):], "/"), &st, unix.AT_SYMLINK_NOFOLLOW)
		return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Dev == root.Dev && st.Nlink == 2
	})
}
