// Package spool reads smtpd's queue on disk: a folder for each message, which
// holds the message and a file for each envelope.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// DefaultDir is where smtpd keeps its queue unless it was built otherwise.
const DefaultDir = "/var/spool/smtpd"

// MaxEnvelope is how large an envelope file may be, also when it has been
// decompressed. smtpd's own are at most some ten kilobytes.
const MaxEnvelope = 1 << 20

// ErrTooLarge means that a file is larger than it is read.
var ErrTooLarge = errors.New("too large")

// tooLarge returns the error for a file of more than limit bytes.
func tooLarge(limit int) error {
	return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, limit)
}

// Errors for what a walk passes over. The rest is whole without it.
var (
	// ErrForeign means that a file or folder is none of smtpd's.
	ErrForeign = errors.New("not a file of a queue")
	// ErrVanished means that a file was removed while the queue was read: its mail was delivered or removed.
	ErrVanished = errors.New("it was removed while it was read")
)

// foreign returns an error for what is none of smtpd's.
func foreign(path string) error { return fmt.Errorf("%s: %w", path, ErrForeign) }

// vanished returns the error for a file that could not be read: another one if it
// is not there any more.
func vanished(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, ErrVanished)
	}
	return err
}

// A Spool is a queue on disk. Its files may be compressed, encrypted, or
// compressed and then encrypted, as queue compression and queue encryption of
// smtpd.conf have it.
type Spool struct {
	queue string // the folder queue in smtpd's spool folder, or that of the copies
	flat  bool   // it holds the folders of messages itself, not in folders XX
	keys  *keyring
}

// Open returns the spool in a folder. Nothing is read yet.
func Open(dir string) *Spool {
	return &Spool{queue: filepath.Join(dir, "queue"), keys: &keyring{}}
}

// OpenWithKey is Open for a queue that may be encrypted: key is called once, when
// the first encrypted file is met, and returns the 32 bytes of smtpd's key.
func OpenWithKey(dir string, key func() ([]byte, error)) *Spool {
	s := Open(dir)
	s.keys.ask = key
	return s
}

// OpenCopies returns copies of parts of a queue: a folder that holds a folder
// MMMMMMMM for each message. Its files are those of the queue, unchanged. Other
// files in it, whose names are no message ids, are passed over. key is called as
// for OpenWithKey.
func OpenCopies(dir string, key func() ([]byte, error)) *Spool {
	return &Spool{queue: dir, flat: true, keys: &keyring{ask: key}}
}

// Queue returns the folder that holds the messages.
func (s *Spool) Queue() string { return s.queue }

// MessageDir returns the folder of a message: queue/XX/MMMMMMMM, where XX is
// the first byte of the id, or MMMMMMMM among copies.
func (s *Spool) MessageDir(id protocol.MessageID) string {
	return string(s.appendMessageDir(nil, id))
}

func (s *Spool) appendMessageDir(b []byte, id protocol.MessageID) []byte {
	b = append(b, s.queue...)
	b = append(b, '/')
	if s.flat {
		return id.Append(b)
	}
	at := len(b)
	b = append(b, "00/"...)
	b = id.Append(b)
	copy(b[at:], b[at+3:at+5])
	return b
}

// MessagePath returns the file that holds a message.
func (s *Spool) MessagePath(id protocol.MessageID) string {
	return filepath.Join(s.MessageDir(id), "message")
}

// EnvelopePath returns the file that holds an envelope.
func (s *Spool) EnvelopePath(id protocol.EnvelopeID) string {
	return filepath.Join(s.MessageDir(id.Msg()), id.String())
}

// CopyMessage writes a message to w. The error wraps fs.ErrNotExist if it is
// not in the queue.
func (s *Spool) CopyMessage(w io.Writer, id protocol.MessageID) error {
	return s.copyFile(w, s.MessagePath(id))
}

// CopyEnvelope writes the text of an envelope to w: all of it or, if it cannot be
// read, nothing.
func (s *Spool) CopyEnvelope(w io.Writer, id protocol.EnvelopeID) error {
	path := s.EnvelopePath(id)
	text, err := s.readFile(path, make([]byte, 0, fileBuffer), MaxEnvelope)
	if err != nil {
		return err
	}
	if text, err = s.decode(text, MaxEnvelope); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = w.Write(text)
	return err
}

// ReadEnvelope reads and parses one envelope file.
func (s *Spool) ReadEnvelope(id protocol.EnvelopeID) (protocol.Envelope, error) {
	return s.readEnvelope(id, make([]byte, 0, fileBuffer))
}

// readEnvelope is ReadEnvelope with a buffer to read into.
func (s *Spool) readEnvelope(id protocol.EnvelopeID, buf []byte) (protocol.Envelope, error) {
	path := s.EnvelopePath(id)
	text, err := s.readFile(path, buf, MaxEnvelope)
	if err != nil {
		return protocol.Envelope{ID: id}, err
	}
	var e protocol.Envelope
	if text, err = s.decode(text, MaxEnvelope); err == nil {
		e, err = protocol.ParseEnvelope(text)
	}
	e.ID = id
	if err != nil {
		return e, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// IDs yields the ids of all envelope files, ascending. A folder that cannot be
// read comes as an error and the walk goes on.
func (s *Spool) IDs() iter.Seq2[protocol.EnvelopeID, error] {
	return func(yield func(protocol.EnvelopeID, error) bool) {
		tops, err := s.tops()
		if err != nil {
			yield(0, err)
			return
		}
		for _, top := range tops {
			msgs, err := s.readNames(top)
			if err != nil && !yield(0, err) {
				return
			}
			for _, name := range msgs {
				msg, err := protocol.ParseMessageID(name)
				if err != nil {
					continue
				}
				ids, err := s.MessageIDs(msg)
				if err != nil && !errors.Is(err, fs.ErrNotExist) && !yield(0, err) {
					return
				}
				for _, id := range ids {
					if !yield(id, nil) {
						return
					}
				}
			}
		}
	}
}

// MessageIDs returns the ids of a message's envelope files, ascending.
func (s *Spool) MessageIDs(msg protocol.MessageID) ([]protocol.EnvelopeID, error) {
	names, err := s.readNames(s.MessageDir(msg))
	if err != nil {
		return nil, err
	}
	var ids []protocol.EnvelopeID
	for _, name := range names {
		if id, err := protocol.ParseEnvelopeID(name); err == nil && id.Msg() == msg {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readNames returns the sorted names in a folder.
func (s *Spool) readNames(dir string) ([]string, error) {
	names, _, err := s.readDir(dir, nil, -1)
	slices.Sort(names)
	return names, err
}

// OpenMessage opens the file of a message, as it is on disk.
func (s *Spool) OpenMessage(id protocol.MessageID) (*os.File, error) {
	return s.open(s.MessagePath(id))
}

// OpenEnvelope opens the file of an envelope, as it is on disk.
func (s *Spool) OpenEnvelope(id protocol.EnvelopeID) (*os.File, error) {
	return s.open(s.EnvelopePath(id))
}

// open opens a file of the queue, if it is a regular one and no link leads there.
func (s *Spool) open(path string) (*os.File, error) {
	return safefile.OpenFileBeneath(s.queue, path)
}

// PlainSize returns the size of a message in bytes if its file holds it as it is, neither
// compressed nor encrypted; plain is false otherwise.
func (s *Spool) PlainSize(id protocol.MessageID) (n int64, plain bool, err error) {
	f, err := s.open(s.MessagePath(id))
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	head := make([]byte, 2)
	k, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, false, err
	}
	if head = head[:k]; isEncrypted(head) || isGzip(head) {
		return 0, false, nil
	}
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	return info.Size(), true, nil
}
