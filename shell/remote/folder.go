package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
)

// The names of folders and files.
const (
	familyName    = "smtpctl-ssh" // the folder with the private folders of a user's processes
	folderPattern = "*"           // the pattern of those private folders
	lockName      = "lock"        // the file in a private folder whose flock(2) its process holds
)

// maxSocketPath is how many bytes the path of a socket may have: the 104 of sun_path on the
// BSDs, less a NUL and the 17 that ssh appends while it makes its control socket.
const maxSocketPath = 104 - 1 - 17

// A folder is a private folder for sockets. Its lock is held as long as the process lives;
// later processes remove a folder whose lock nobody holds.
type folder struct {
	path string
	lock *os.File
	n    atomic.Int64
}

// newFolder makes a private folder, if possible in a place that a restart of the machine
// empties and whose short name leaves room for names of sockets. It also removes the folders
// of processes that were killed. within, if it is not "", is the only place.
func newFolder(within string) (*folder, error) {
	var firstErr error
	places := []string{within}
	if within == "" {
		places = parents()
	}
	for _, parent := range places {
		parent, err := family(parent)
		if err != nil {
			firstErr = err
			continue
		}
		d, err := newFolderIn(parent)
		if err != nil {
			firstErr = err
			continue
		}
		sweep(parent, d.path)
		return d, nil
	}
	return nil, firstErr
}

// folderTries is how often newFolderIn makes a folder: each time another process that begins may
// take it for that of a process that was killed, before its lock is taken.
const folderTries = 20

// newFolderIn makes a private folder in parent, and takes its lock.
func newFolderIn(parent string) (d *folder, err error) {
	for range folderTries {
		var path string
		if path, err = os.MkdirTemp(parent, folderPattern); err != nil { // 0700
			return nil, err
		}
		d = &folder{path: path}
		if d.lock, err = lockIn(path, true); err == nil {
			return d, nil
		}
		os.RemoveAll(path)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return nil, err
}

// family returns the folder in parent that holds the private folders of all processes of this
// user, and makes it if necessary. It refuses a folder that another user owns or may write to.
// A process that is confined to the returned folder can still remove its private folder.
func family(parent string) (string, error) {
	path := filepath.Join(parent, familyName)
	if parent == os.TempDir() || parent == "/tmp" {
		path += fmt.Sprint("-", os.Geteuid())
	}
	if len(path)+len("/0123456789/00000") > maxSocketPath {
		return "", fmt.Errorf("%s: the path is too long for a socket: set TMPDIR", path)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	if !mine(path) {
		return "", fmt.Errorf("%s: belongs to somebody else, or others may write there", path)
	}
	return path, nil
}

// parents returns the folders in which family may be tried, the best first.
func parents() []string {
	var all []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && mine(dir) {
		all = append(all, dir)
	}
	if os.Geteuid() == 0 && mine("/run") {
		all = append(all, "/run")
	}
	return append(all, os.TempDir(), "/tmp")
}

// mine reports whether path is a folder, and no link, that the effective user owns and nobody
// else may write to.
func mine(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && uint32(st.Mode)&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid() && uint32(st.Mode)&0o022 == 0
}

// lockIn takes the lock of a folder without waiting. With create it makes the file for the
// lock, which must not exist; without create it fails if there is none.
func lockIn(path string, create bool) (*os.File, error) {
	dir, err := safefile.OpenDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var f *os.File
	if create {
		f, err = safefile.CreateAt(dir, lockName, 0o600)
	} else {
		f, err = safefile.OpenAt(dir, lockName)
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 0 {
		f.Close()
		return nil, os.ErrNotExist // who held the lock before has removed the folder
	}
	return f, nil
}

// sweep removes the private folders in parent whose process was killed, that is, whose lock
// nobody holds. It spares ours, and folders without a lock file, which another process may be
// making.
func sweep(parent, ours string) {
	all, _ := filepath.Glob(filepath.Join(parent, folderPattern))
	for _, path := range all {
		if path == ours || !mine(path) {
			continue
		}
		if lock, err := lockIn(path, false); err == nil {
			os.RemoveAll(path)
			lock.Close()
		}
	}
}

// socket returns a path for a new socket. It is safe for concurrent use.
func (d *folder) socket() string { return filepath.Join(d.path, fmt.Sprint(d.n.Add(1))) }

// remove removes the folder and everything in it.
func (d *folder) remove() {
	os.RemoveAll(d.path)
	d.lock.Close()
}
