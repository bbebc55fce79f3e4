package safefile

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files are the files of another machine. Each method is for many paths at once, because
// each takes a while: it calls take for each path, in order, with its number, and ends
// with the error that take returns. Errors of single files are as those of this package,
// and wrap fs.ErrNotExist and fs.ErrPermission; an error of the method itself says that
// the machine does not answer. No method follows symbolic links beneath root; with root ""
// they are followed.
type Files interface {
	// Names gives the names in folders, in no order. whole is false if there are more than
	// can be given.
	Names(root string, paths []string, take func(i int, names []string, whole bool, err error) error) error
	// Read gives regular files up to most bytes of each, with what is known of them.
	Read(root string, paths []string, most int, take func(i int, data []byte, info Info, err error) error) error
	// Open opens a regular file from an offset on. The reader has to be closed; its end is
	// an error if it is not that of the file.
	Open(root, path string, from int64) (io.ReadCloser, Info, error)
	// Stat tells what paths are, and of symbolic links where they lead if follow is true.
	Stat(follow bool, paths []string, take func(i int, info Info, err error) error) error
}

// An Info is what is known of a file.
type Info struct {
	Mode     uint32 // as st_mode on Linux and BSD
	UID      uint32
	Size     int64
	Modified int64 // in seconds since 1970
	Changed  int64 // likewise, of the inode
}

// Regular reports whether it is a regular file.
func (i Info) Regular() bool { return i.Mode&unix.S_IFMT == unix.S_IFREG }

// Dir reports whether it is a folder.
func (i Info) Dir() bool { return i.Mode&unix.S_IFMT == unix.S_IFDIR }

// Perm returns the permissions.
func (i Info) Perm() fs.FileMode { return fs.FileMode(i.Mode & 0o777) }

// Unfit returns the error of opening what is no regular file or, if dir is true, no folder.
func (i Info) Unfit(path string, dir bool) error {
	want := regular
	if dir {
		want = folder
	}
	return &fs.PathError{Op: "open", Path: path, Err: &UnfitError{kindOf(i.Mode), want}}
}

// LinkAbove returns the error of a path of which a part above the last is a symbolic link
// or no folder.
func LinkAbove(path string) error {
	return &fs.PathError{Op: "open", Path: path, Err: errLinkAbove}
}

// Stat tells what a path on this machine is, and of a symbolic link where it leads if
// follow is true.
func Stat(follow bool, path string) (Info, error) {
	look := os.Lstat
	if follow {
		look = os.Stat
	}
	fi, err := look(path)
	if err != nil {
		return Info{}, err
	}
	i := Info{Mode: uint32(fi.Mode().Perm()), Size: fi.Size(), Modified: fi.ModTime().Unix()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		i.Mode, i.UID = uint32(st.Mode), st.Uid
	}
	return i, nil
}

// A NewFolder is a folder of regular files that is to be put into the spool folder of smtpd on
// another machine.
type NewFolder struct {
	Names []string // 8 hex digits each; the folder gets the first that is free
	Files []NewFile
}

// A NewFile is a file of a NewFolder.
type NewFile struct {
	Name    string // message or, if Follows is true, 8 hex digits
	Follows bool   // the name of the file is that of its folder, and then Name
	Open    func() (content io.ReadCloser, size int64, err error)
}

// A NewEnvelope is a text that is to replace the file of an envelope in the queue of smtpd on
// another machine. The id is one of 16 hex digits.
type NewEnvelope struct {
	ID   string
	Text []byte
}

// A Putter puts folders into the spool folder of smtpd on another machine: first into the
// folder incoming, and then into that of the queue. It gives them to the user who owns that.
type Putter interface {
	// Write makes folders in incoming, and calls took with the name of each once it is there.
	// After the last one all are on the disk, as far as Unsynced says nothing. After an error
	// none of them is left there, unless the machine does not answer any more: then all of them,
	// or some, may be.
	Write(folders []NewFolder, took func(i int, name string)) error
	// Move renames folders in incoming to queue/XX/NAME, where XX are the first digits of NAME.
	// The first moved of them have been. If sure is false, this may not be on the disk, and the
	// others may have been as well.
	Move(names []string) (moved int, sure bool, err error)
	// Drop deletes folders in incoming. A folder that is not there is no error.
	Drop(names []string) error
	// Replace has texts replace the files of envelopes in the queue, each in one step: each file
	// has its old content or the new one, whatever happens. The first replaced of them have been.
	// If sure is false, this may not be on the disk, and others may have been replaced as well. A
	// file that is not there is an error.
	Replace(all []NewEnvelope) (replaced int, sure bool, err error)
	// Delete deletes the files of envelopes of one message, 16 hex digits each, and the message
	// with its last envelope. Files that are not there are no error.
	Delete(ids []string) error
	// Unsynced says what keeps files from being written to the disk at once; "" if nothing does.
	Unsynced() string
	// Close ends the use of a Putter.
	Close()
}
