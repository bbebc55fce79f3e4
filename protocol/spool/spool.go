// Package spool reads smtpd's queue on disk: a folder for each message, with a file for
// the message and one for each envelope.
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

// MaxEnvelope is the size in bytes of the largest envelope file that is read, also
// after decompression. smtpd's own have at most some ten kilobytes.
const MaxEnvelope = 1 << 20

// ErrTooLarge means that a file is larger than the limit for its kind.
var ErrTooLarge = errors.New("too large")

// tooLarge returns the error for a file of more than limit bytes.
func tooLarge(limit int) error {
	return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, limit)
}

// Errors of entries that a walk skips. The rest of the walk is complete.
var (
	// ErrForeign means that a file or folder does not belong to smtpd's queue.
	ErrForeign = errors.New("not a file of a queue")
	// ErrVanished means that a file was removed while the queue was read: its mail was delivered or removed.
	ErrVanished = errors.New("it was removed while it was read")
)

// foreign returns the error for a file that does not belong to smtpd's queue.
func foreign(path string) error { return fmt.Errorf("%s: %w", path, ErrForeign) }

// vanished returns the error for a file that could not be read. It wraps ErrVanished if
// the file no longer exists.
func vanished(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, ErrVanished)
	}
	return err
}

// A Spool is a queue on disk. Its files may be compressed, encrypted, or compressed and
// then encrypted, according to queue compression and queue encryption in smtpd.conf.
// Its methods may be called from several goroutines.
type Spool struct {
	queue string // the folder queue in smtpd's spool folder, or that of the copies
	flat  bool   // it holds the folders of messages itself, not in folders XX
	keys  *keyring
	far   *far // nil if it is on this machine
	// root is the folder queue, open; nil where it is opened anew for each file: see held.
	root *safefile.Root
}

// Open returns the spool in a folder. It reads nothing yet.
func Open(dir string) *Spool {
	return &Spool{queue: filepath.Join(dir, "queue"), keys: &keyring{}}
}

// OpenWithKey is Open for a queue that may be encrypted. key is called once, for the
// first encrypted file, and returns the 32 bytes of smtpd's key.
func OpenWithKey(dir string, key func() ([]byte, error)) *Spool {
	s := Open(dir)
	s.keys.ask = key
	return s
}

// OpenCopies returns copies of parts of a queue: a folder with a folder MMMMMMMM for
// each message, whose files are unchanged files of the queue. Names that are not
// message ids are skipped. key is called as for OpenWithKey.
func OpenCopies(dir string, key func() ([]byte, error)) *Spool {
	return &Spool{queue: dir, flat: true, keys: &keyring{ask: key}}
}

// Incoming returns the envelopes of mail that smtpd is receiving, in the folder incoming beside
// the queue. It shares the key with s.
func (s *Spool) Incoming() *Spool {
	in := &Spool{queue: filepath.Join(filepath.Dir(s.queue), "incoming"), flat: true, keys: s.keys}
	if s.far != nil {
		in.far = &far{files: s.far.files}
	}
	return in
}

// Queue returns the path of the folder with the messages.
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

// CopyMessage writes the content of a message to w. The error wraps fs.ErrNotExist if
// the message is not in the queue.
func (s *Spool) CopyMessage(w io.Writer, id protocol.MessageID) error {
	return s.copyFile(w, s.MessagePath(id))
}

// CopyEnvelope writes the text of an envelope to w, or nothing if it cannot be read in
// full.
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

// readEnvelope is ReadEnvelope with a buffer for the file.
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

// IDs yields the ids of all envelope files, ascending. For a folder that cannot be read
// it yields an error and continues.
func (s *Spool) IDs() iter.Seq2[protocol.EnvelopeID, error] {
	return func(yield func(protocol.EnvelopeID, error) bool) {
		for entry, err := range s.Folders() {
			if err != nil && (entry.Message == 0 || !errors.Is(err, fs.ErrNotExist)) && !yield(0, err) {
				return
			}
			for _, id := range entry.IDs {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

// A Folder is the folder of a message.
type Folder struct {
	Message protocol.MessageID
	IDs     []protocol.EnvelopeID // of the envelope files, ascending
	Whole   bool                  // it has the file of the message
}

// Folders yields the folders of all messages, ascending. A folder that cannot be read
// yields an error, with the id of its message if it is that of one.
func (s *Spool) Folders() iter.Seq2[Folder, error] {
	return func(yield func(Folder, error) bool) {
		s, release := s.held()
		defer release()
		tops, err := s.tops()
		if err != nil {
			yield(Folder{}, err)
			return
		}
		var msgs []protocol.MessageID
		more := true
		flush := func() bool {
			paths := make([]string, len(msgs))
			for i, msg := range msgs {
				paths[i] = s.MessageDir(msg)
			}
			s.eachDir(paths, func(i int, names []string, err error) bool {
				more = yield(folderOf(msgs[i], names), err)
				return more
			})
			msgs = msgs[:0]
			return more
		}
		s.eachDir(tops, func(_ int, names []string, err error) bool {
			if err != nil && (!flush() || !yield(Folder{}, err)) {
				more = false
				return false
			}
			slices.Sort(names)
			for _, name := range names {
				if msg, err := protocol.ParseMessageID(name); err == nil {
					msgs = append(msgs, msg)
				}
			}
			return s.far != nil || flush() // another machine is asked for all at once
		})
		if more && len(msgs) > 0 {
			flush()
		}
	}
}

// folderOf returns the folder of a message by the names in it.
func folderOf(msg protocol.MessageID, names []string) Folder {
	f := Folder{Message: msg}
	for _, name := range names {
		if name == "message" {
			f.Whole = true
		} else if id, err := protocol.ParseEnvelopeID(name); err == nil && id.Msg() == msg {
			f.IDs = append(f.IDs, id)
		}
	}
	slices.Sort(f.IDs)
	return f
}

// MessageIDs returns the ids of a message's envelope files, ascending.
func (s *Spool) MessageIDs(msg protocol.MessageID) ([]protocol.EnvelopeID, error) {
	names, err := s.readNames(s.MessageDir(msg))
	if err != nil {
		return nil, err
	}
	return folderOf(msg, names).IDs, nil
}

// EachMessageIDs calls f with the ids of the envelope files of each of several messages, as
// MessageIDs, until f returns false.
func (s *Spool) EachMessageIDs(msgs []protocol.MessageID, f func(msg protocol.MessageID, ids []protocol.EnvelopeID, err error) bool) {
	paths := make([]string, len(msgs))
	for i, msg := range msgs {
		paths[i] = s.MessageDir(msg)
	}
	s.eachDir(paths, func(i int, names []string, err error) bool {
		return f(msgs[i], folderOf(msgs[i], names).IDs, err)
	})
}

// readNames returns the sorted names in a folder.
func (s *Spool) readNames(dir string) ([]string, error) {
	names, _, err := s.readDir(dir, nil, -1)
	slices.Sort(names)
	return names, err
}

// OpenMessage opens the file of a message, neither decrypted nor decompressed.
func (s *Spool) OpenMessage(id protocol.MessageID) (File, error) {
	return s.openAny(s.MessagePath(id))
}

// OpenEnvelope opens the file of an envelope, neither decrypted nor decompressed.
func (s *Spool) OpenEnvelope(id protocol.EnvelopeID) (File, error) {
	return s.openAny(s.EnvelopePath(id))
}

// open opens a regular file of the queue. Symbolic links on the way are an error.
func (s *Spool) open(path string) (*os.File, error) {
	return safefile.OpenFileBeneath(s.queue, path)
}

// PlainSize returns the size of a message in bytes. plain is false if its file is
// compressed or encrypted, and then the size is not known.
func (s *Spool) PlainSize(id protocol.MessageID) (n int64, plain bool, err error) {
	f, err := s.openAny(s.MessagePath(id))
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
	if n, err = f.Size(); err != nil {
		return 0, false, err
	}
	return n, true, nil
}
