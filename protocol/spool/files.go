package spool

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// The functions below read files and folders with plain system calls. A queue has a
// folder for each message, and package os would double the cost.

// fileBuffer is the size in bytes that suffices for an ordinary envelope file.
const fileBuffer = 4096

// dirBuffer is how many bytes of a folder are read at once: some 200 names.
const dirBuffer = 8192

// held returns the spool with its folder queue open, and a function that closes the folder. To
// open many files beneath an open folder costs a fifth less. No walk holds the folder for longer
// than the walk takes, since another folder may have its name later.
func (s *Spool) held() (held *Spool, release func()) {
	if s.far != nil || s.root != nil {
		return s, func() {}
	}
	root, err := safefile.OpenRoot(s.queue)
	if err != nil {
		return s, func() {} // the first file that is opened says why
	}
	h := *s
	h.root = root
	return &h, root.Close
}

// openBeneath opens a file or a folder of the queue.
func (s *Spool) openBeneath(path string, dir bool) (int, error) {
	if s.root != nil {
		return s.root.Open(path, dir)
	}
	return safefile.OpenBeneath(s.queue, path, dir)
}

// readFile reads a file of at most limit bytes into buf, or into a larger buffer. It
// follows no symbolic link beneath the queue and reads regular files only, because root
// may be reading a queue that belongs to another user.
func (s *Spool) readFile(path string, buf []byte, limit int) ([]byte, error) {
	if s.far != nil {
		return s.readFar(path, limit)
	}
	fd, err := s.openBeneath(path, false)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf = buf[:0]
	for len(buf) <= limit {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n <= 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
	return nil, &fs.PathError{Op: "read", Path: path, Err: tooLarge(limit)}
}

// readDir appends the names in a folder to names, in the order of the file system. It
// reads at most the given number of buffers; whole reports whether that was the whole
// folder.
func (s *Spool) readDir(path string, names []string, buffers int) (_ []string, whole bool, err error) {
	if s.far != nil {
		return s.readDirFar(path, names)
	}
	fd, err := s.openBeneath(path, true)
	if err != nil {
		return names, false, err
	}
	defer unix.Close(fd)
	var buf [dirBuffer]byte
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return names, false, &fs.PathError{Op: "read", Path: path, Err: err}
		case n <= 0:
			return names, true, nil
		case buffers == 0:
			return names, false, nil
		}
		buffers--
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// IsLastEnvelope reports whether the queue has this envelope and no envelope of the
// same message with a higher id. The result is false where that is not certain, and for
// folders of more than some 200 envelopes.
func (s *Spool) IsLastEnvelope(id protocol.EnvelopeID) bool {
	var path [256]byte
	var few [4]string
	names, whole, err := s.readDir(string(s.appendMessageDir(path[:0], id.Msg())), few[:0], 1)
	if err != nil || !whole {
		return false
	}
	found := false
	for _, name := range names {
		switch other, err := protocol.ParseEnvelopeID(name); {
		case err != nil:
		case other == id:
			found = true
		case other > id && other.Msg() == id.Msg():
			return false
		}
	}
	return found
}
