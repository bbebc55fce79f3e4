package smtpdsim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
)

// maxFiles is the number of envelopes up to which a generated queue gets files. A
// larger queue would take too long to write.
const maxFiles = 10_000

// A files is the spool of a simulation on disk. A nil *files writes nothing.
type files struct {
	sp *spool.Spool
}

// newFiles writes the initial queue to a folder.
func newFiles(dir string, q *queue) (*files, error) {
	if dir == "" {
		return nil, nil
	}
	f := &files{sp: spool.Open(dir)}
	if err := makeDirs(dir, f.sp.Queue(), filepath.Join(dir, "incoming")); err != nil {
		return nil, err
	}
	for i := range q.all[:min(len(q.all), maxFiles)] {
		if err := f.write(q, &q.all[i]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// makeDirs creates folders, which may exist already, but not their parents: a
// simulation whose files are being removed must not create them again.
func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// write writes an envelope, and its message if there is no file of the message yet.
func (f *files) write(q *queue, e *Envelope) error {
	if f == nil {
		return nil
	}
	dir := f.sp.MessageDir(e.ID.Msg())
	if err := makeDirs(filepath.Dir(dir), dir); err != nil {
		return err
	}
	if err := os.WriteFile(f.sp.EnvelopePath(e.ID), []byte(q.text(e)), 0o600); err != nil {
		return err
	}
	path := f.sp.MessagePath(e.ID.Msg())
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	m := q.mail(e)
	return os.WriteFile(path, []byte(fmt.Sprintf("Received: from client.example by mx.example with ESMTP id %v;\n"+
		"From: %s\nTo: %s\nSubject: message %v of the simulation\nMessage-ID: <%v@client.example>\n\nNothing here is real.\n",
		e.ID.Msg(), m.from, m.to, e.ID.Msg(), e.ID.Msg())), 0o600)
}

// message writes the file of a message anew.
func (f *files) message(id protocol.MessageID, text []byte) error {
	return os.WriteFile(f.sp.MessagePath(id), text, 0o600)
}

// comes writes an envelope of mail that is being received.
func (f *files) comes(id protocol.EnvelopeID, text string) {
	if f == nil {
		return
	}
	in := f.sp.Incoming()
	if makeDirs(in.MessageDir(id.Msg())) == nil {
		os.WriteFile(in.EnvelopePath(id), []byte(text), 0o600)
	}
}

// came removes the envelopes of mail that is not being received any more.
func (f *files) came(msg protocol.MessageID) {
	if f != nil {
		os.RemoveAll(f.sp.Incoming().MessageDir(msg))
	}
}

// remove removes the file of an envelope, and the message together with its last
// envelope.
func (f *files) remove(id protocol.EnvelopeID) {
	if f == nil {
		return
	}
	os.Remove(f.sp.EnvelopePath(id))
	if ids, err := f.sp.MessageIDs(id.Msg()); err == nil && len(ids) == 0 {
		os.Remove(f.sp.MessagePath(id.Msg()))
		os.Remove(f.sp.MessageDir(id.Msg()))
		os.Remove(filepath.Dir(f.sp.MessageDir(id.Msg())))
	}
}

// discover returns the ids of the envelope files of a message or of a single envelope.
func (f *files) discover(id uint64) []protocol.EnvelopeID {
	if f == nil {
		return nil
	}
	msg := protocol.MessageID(id)
	if id > 0xffffffff {
		msg = protocol.EnvelopeID(id).Msg()
	}
	var out []protocol.EnvelopeID
	ids, _ := f.sp.MessageIDs(msg)
	for _, e := range ids {
		if id <= 0xffffffff || e == protocol.EnvelopeID(id) {
			out = append(out, e)
		}
	}
	return out
}

// text returns the text of an envelope file.
func (f *files) text(id protocol.EnvelopeID) string {
	b, _ := os.ReadFile(f.sp.EnvelopePath(id))
	return string(b)
}
