// Package safefile opens files whose names do not come from the user who runs the
// program: files of smtpd's queue, the history, copies of mail, configuration files.
// The program runs as root, and another user may have put something else in the place
// of such a file. So no function of this package waits for the other end of a FIFO,
// opens a device, or follows a symbolic link where links are not allowed; and each
// error says what is there instead.
package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// safe are the flags with which every file is opened. O_NONBLOCK is among them because
// to open a FIFO blocks until another process opens the other end, and to open some
// devices blocks too.
const safe = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// An UnfitError means that a file exists but is of the wrong kind.
type UnfitError struct {
	Is   string // what it is, such as "a FIFO"
	Want string // what it should be, such as "a regular file"
}

func (e *UnfitError) Error() string { return fmt.Sprintf("it is %s, expected %s", e.Is, e.Want) }

// Kinds of files by their type in st_mode.
const (
	regular = "a regular file"
	folder  = "a folder"
	pipe    = "a regular file or a pipe"
)

// kindOf names a type of file.
func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return regular
	case unix.S_IFDIR:
		return folder
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "of an unknown type"
}

// fits reports whether a file type is the wanted one.
func fits(mode uint32, want string) bool {
	is := kindOf(mode)
	return is == want || want == pipe && (is == regular || mode&unix.S_IFMT == unix.S_IFIFO)
}

// Open opens a regular file for reading. The last part of the path must not be a
// symbolic link; folders above it may be links.
func Open(path string) (*os.File, error) {
	return openFile(unix.AT_FDCWD, path, path, unix.O_RDONLY|unix.O_NOFOLLOW, 0, regular)
}

// OpenLinked opens a regular file for reading and follows symbolic links. It is meant
// for names that the administrator or the system has chosen, such as /etc/resolv.conf.
func OpenLinked(path string) (*os.File, error) {
	return openFile(unix.AT_FDCWD, path, path, unix.O_RDONLY, 0, regular)
}

// OpenDir opens a folder for reading and follows symbolic links.
func OpenDir(path string) (*os.File, error) {
	return openFile(unix.AT_FDCWD, path, path, unix.O_RDONLY|unix.O_DIRECTORY, 0, folder)
}

// Append opens a regular file for reading, and for writing at its end. It creates the
// file if there is none. The last part of the path must not be a symbolic link.
func Append(path string, perm uint32) (*os.File, error) {
	return openFile(unix.AT_FDCWD, path, path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW, perm, regular)
}

// AppendAt is Append for a file in an open folder.
func AppendAt(dir *os.File, name string, perm uint32) (*os.File, error) {
	return openFile(int(dir.Fd()), name, dir.Name()+"/"+name, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW, perm, regular)
}

// OpenAt opens a regular file in an open folder for reading. It follows no symbolic
// link.
func OpenAt(dir *os.File, name string) (*os.File, error) {
	return openFile(int(dir.Fd()), name, dir.Name()+"/"+name, unix.O_RDONLY|unix.O_NOFOLLOW, 0, regular)
}

// CreateAt creates a regular file in an open folder and opens it for writing. If the
// name is taken, the error wraps fs.ErrExist.
func CreateAt(dir *os.File, name string, perm uint32) (*os.File, error) {
	return openFile(int(dir.Fd()), name, dir.Name()+"/"+name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, perm, regular)
}

// OpenDirAt opens a folder in an open folder. It follows no symbolic link.
func OpenDirAt(dir *os.File, name string) (*os.File, error) {
	return openFile(int(dir.Fd()), name, dir.Name()+"/"+name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0, folder)
}

// openFile opens a file by its name in a folder. path is the name that errors show.
func openFile(dir int, name, path string, flags int, perm uint32, want string) (*os.File, error) {
	fd, err := open(dir, name, flags, perm)
	if err != nil {
		return nil, explain(dir, name, path, flags&unix.O_NOFOLLOW != 0, err, want)
	}
	if err := check(fd, path, want); err != nil {
		return nil, err
	}
	if want != pipe {
		unix.SetNonblock(fd, false) // it was for open(2) alone
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open is openat(2).
func open(dir int, name string, flags int, perm uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|safe, perm)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// check closes fd and returns an error if fd is not a file of the wanted kind.
func check(fd int, path, want string) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if err == nil && !fits(uint32(st.Mode), want) {
		err = &UnfitError{kindOf(uint32(st.Mode)), want}
	}
	if err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

// explain puts the reason why open(2) failed into words. Systems report a link, a
// socket or a folder in different ways, few of them clear.
func explain(dir int, name, path string, nofollow bool, err error, want string) error {
	var st unix.Stat_t
	flags := 0
	if nofollow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	if !errors.Is(err, unix.EEXIST) && unix.Fstatat(dir, name, &st, flags) == nil && !fits(uint32(st.Mode), want) {
		err = &UnfitError{kindOf(uint32(st.Mode)), want}
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}
