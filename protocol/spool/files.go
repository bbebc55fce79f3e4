package spool

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// What follows reads files and folders with plain system calls: a queue has a
// folder for each message, and what package os does beside is half of the work.

// fileBuffer is enough for an ordinary envelope file.
const fileBuffer = 4096

// dirBuffer is how much of a folder is read at once: some 200 names.
const dirBuffer = 8192

// readFile reads a file to its end, of limit bytes at most, into buf or a larger
// one. No link beneath the queue is followed, and nothing but a regular file is
// read: it may be root that reads, and another user to whom the queue belongs.
func (s *Spool) readFile(path string, buf []byte, limit int) ([]byte, error) {
	fd, err := safefile.OpenBeneath(s.queue, path, false)
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

// readDir appends the names in a folder to names, in the order in which the
// system has them, from at most so many buffers' worth. whole says whether that
// was all.
func (s *Spool) readDir(path string, names []string, buffers int) (_ []string, whole bool, err error) {
	fd, err := safefile.OpenBeneath(s.queue, path, true)
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

// IsLastEnvelope reports whether the queue holds this envelope and no other of the same
// message with a higher id. It is false where that cannot be told, and for
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
