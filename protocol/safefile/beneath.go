package safefile

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// errLinkAbove means that a folder in a path is a symbolic link, which is not followed,
// or not a folder.
var errLinkAbove = errors.New("what is above it is a symbolic link or no folder, expected a folder")

// anew stands for the descriptor of a folder that is opened for each file.
const anew = -1

// A Root is an open folder. To open a file beneath it takes one system call, where OpenBeneath
// takes three. Several goroutines may use a Root.
type Root struct {
	path string
	fd   int
}

// OpenRoot opens a folder. The caller must close it.
func OpenRoot(path string) (*Root, error) {
	fd, err := openRoot(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Root{path, fd}, nil
}

// Close closes the folder. What was opened beneath it stays open.
func (r *Root) Close() {
	if r.fd != anew {
		unix.Close(r.fd)
	}
}

// Open is OpenBeneath in this folder, even if its path names another one by now.
func (r *Root) Open(path string, dir bool) (int, error) {
	flags, want := unix.O_RDONLY|unix.O_NOFOLLOW, regular
	if dir {
		flags, want = flags|unix.O_DIRECTORY, folder
	}
	rel := strings.TrimPrefix(path[len(r.path):], "/")
	if rel == "" { // it is root
		rel, flags = ".", flags&^unix.O_NOFOLLOW
	}
	fd, err := openBeneath(r.path, r.fd, rel, flags)
	if err != nil {
		err = explain(unix.AT_FDCWD, path, path, rel != ".", err, want)
		if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) || errors.Is(err, unix.ENOTDIR) {
			err = &fs.PathError{Op: "open", Path: path, Err: errLinkAbove}
		}
		return -1, err
	}
	if dir {
		return fd, nil // O_DIRECTORY opens nothing else
	}
	return fd, check(fd, path, want)
}

// OpenBeneath opens a regular file or, if dir is true, a folder for reading, and
// returns its descriptor, which the caller must close. path must begin with root and a
// slash. Symbolic links are followed in root, but not beneath it.
func OpenBeneath(root, path string, dir bool) (int, error) {
	r := Root{root, anew}
	return r.Open(path, dir)
}

// OpenFileBeneath is OpenBeneath for a regular file.
func OpenFileBeneath(root, path string) (*os.File, error) {
	fd, err := OpenBeneath(root, path, false)
	if err != nil {
		return nil, err
	}
	unix.SetNonblock(fd, false) // it was for open(2) alone
	return os.NewFile(uintptr(fd), path), nil
}

// walk does the work of openBeneath folder by folder, on systems without openat2(2).
func walk(root, rel string, flags int) (int, error) {
	at, err := open(unix.AT_FDCWD, root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	for err == nil {
		name, rest, more := strings.Cut(rel, "/")
		f := flags
		if more {
			f = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
		}
		var next int
		next, err = open(at, name, f, 0)
		unix.Close(at)
		if at, rel = next, rest; !more {
			break
		}
	}
	if err != nil {
		return -1, err
	}
	return at, nil
}
