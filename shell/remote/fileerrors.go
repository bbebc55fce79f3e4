package remote

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
)

// errChanged means that a file was not the same from the beginning to the end.
var errChanged = errors.New("the file changed while it was read: try again")

// kinds are the letters for files that are not what was asked for.
func kinds() map[byte]uint32 {
	return map[byte]uint32{'L': unix.S_IFLNK, 'D': unix.S_IFDIR, 'P': unix.S_IFIFO, 'S': unix.S_IFSOCK, 'V': unix.S_IFCHR, 'R': unix.S_IFREG, 'U': 0}
}

// letterError returns the error of a file by the letter that the script prints.
func (f *Files) letterError(letter byte, p string, dir bool) error {
	switch letter {
	case '.':
		return nil
	case 'e':
		return &fs.PathError{Op: "open", Path: p, Err: unix.ENOENT}
	case 'n':
		return &fs.PathError{Op: "open", Path: p, Err: unix.ENOTDIR}
	case 'd':
		return &fs.PathError{Op: "open", Path: p, Err: f.h.denied()}
	case 'l':
		return safefile.LinkAbove(p)
	case 'c':
		return &fs.PathError{Op: "open", Path: p, Err: errChanged}
	case 'f':
		return &fs.PathError{Op: "read", Path: p, Err: unix.EIO}
	}
	if mode, ok := kinds()[letter]; ok {
		return safefile.Info{Mode: mode}.Unfit(p, dir)
	}
	return &fs.PathError{Op: "open", Path: p, Err: errOther}
}

// A deniedError means that the user that ssh logs in may not read something.
type deniedError struct {
	uid     int
	refused error // why nothing makes him root; nil if nothing can
}

func (e *deniedError) Error() string {
	why := "there is neither sudo nor doas"
	if e.refused != nil {
		why = e.refused.Error()
	}
	return fmt.Sprintf("permission denied to uid %d, as whom ssh logs in, and %s: log in as root, or let sudo or doas run sh without a password", e.uid, why)
}

// Unwrap returns the error of the system.
func (e *deniedError) Unwrap() error { return fs.ErrPermission }

// denied returns the error of what may not be read.
func (h *Host) denied() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.link == nil || h.link.facts.UID == 0 || h.filesAs != nil && *h.filesAs != "" {
		return unix.EACCES
	}
	return &deniedError{h.link.facts.UID, h.refused}
}
