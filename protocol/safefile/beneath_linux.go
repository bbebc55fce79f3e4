package safefile

import (
	"errors"

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
