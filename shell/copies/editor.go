package copies

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// An Edit is a text that is to replace the file of an envelope.
type Edit struct {
	ID   protocol.EnvelopeID
	Text []byte
}

// An Editor changes files of envelopes in the queue on disk that smtpd has not loaded, as smtpd
// itself does (queue_fs.c). smtpd does not notice: see discover.
type Editor interface {
	// AtOnce is how many messages are best replaced at once: many where each call takes a while.
	AtOnce() int
	// Replace replaces files by texts, in order, each in one step: however the program ends, a file
	// has its old content or the new one. The first replaced have been replaced. If sure is false,
	// more of them may have been, or may be soon.
	Replace(edits []Edit) (replaced int, sure bool, err error)
	// Delete deletes the files of envelopes of one message, and the message with its last envelope.
	// Files that are not there are no error. The end of a context does not keep it from that.
	Delete(ids []protocol.EnvelopeID) error
	// Close ends the use of the editor.
	Close()
}

// OpenEditor opens the queue of the smtpd of a call.
func OpenEditor(ctx context.Context, c *command.Call) (Editor, error) {
	files := c.FarFiles(ctx)
	if files == nil {
		return &localEditor{spool: spool.Open(c.Opts.Spool), dir: c.Opts.Spool}, nil
	}
	put, err := openPutter(c, files, "what is changed")
	if err != nil {
		return nil, err
	}
	return &farEditor{put}, nil
}

// A localEditor is the Editor of this machine.
type localEditor struct {
	spool *spool.Spool
	dir   string
	p     *Placer // once it has been needed
}

// AtOnce implements Editor.
func (l *localEditor) AtOnce() int { return 1 }

// Replace implements Editor.
func (l *localEditor) Replace(edits []Edit) (replaced int, sure bool, err error) {
	if l.p == nil {
		if l.p, err = OpenPlacer(l.dir); err != nil {
			return 0, true, err
		}
	}
	for i, e := range edits {
		if err := l.p.Replace(e.ID, e.Text); err != nil {
			return i, true, err
		}
	}
	return len(edits), true, nil
}

// Delete implements Editor.
func (l *localEditor) Delete(ids []protocol.EnvelopeID) error {
	for _, id := range ids {
		if err := l.unlink(id); err != nil {
			return err
		}
	}
	return nil
}

// unlink deletes the file of an envelope, and the message together with its last envelope.
func (l *localEditor) unlink(id protocol.EnvelopeID) error {
	dir, err := safefile.OpenDir(l.spool.MessageDir(id.Msg()))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), id.String(), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "unlink", Path: l.spool.EnvelopePath(id), Err: err}
	}
	if err := disk.SyncDir(dir); err != nil {
		return err
	}
	Reached("unlinked")
	rest, err := l.spool.MessageIDs(id.Msg())
	if err != nil || len(rest) > 0 {
		return err
	}
	if err := unix.Unlinkat(int(dir.Fd()), "message", 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "unlink", Path: l.spool.MessagePath(id.Msg()), Err: err}
	}
	// A folder with other files in it stays.
	unix.Rmdir(dir.Name())
	return nil
}

// Close implements Editor.
func (l *localEditor) Close() {
	if l.p != nil {
		l.p.Close()
	}
}

// farAtOnce is how many messages a farEditor replaces at once: a failure leaves as many, at most,
// of which it is not known.
const farAtOnce = 64

// A farEditor is the Editor of another machine.
type farEditor struct{ put safefile.Putter }

// AtOnce implements Editor.
func (f *farEditor) AtOnce() int { return farAtOnce }

// Replace implements Editor.
func (f *farEditor) Replace(edits []Edit) (replaced int, sure bool, err error) {
	all := make([]safefile.NewEnvelope, len(edits))
	for i, e := range edits {
		all[i] = safefile.NewEnvelope{ID: e.ID.String(), Text: e.Text}
	}
	replaced, sure, err = f.put.Replace(all)
	Reached("replaced")
	return replaced, sure, err
}

// Delete implements Editor.
func (f *farEditor) Delete(ids []protocol.EnvelopeID) error {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id.String()
	}
	err := f.put.Delete(words)
	Reached("unlinked")
	return err
}

// Close implements Editor.
func (f *farEditor) Close() { f.put.Close() }

// openPutter starts what changes the queue of another machine. what could be lost there, in the
// words of a warning.
func openPutter(c *command.Call, files command.FarFiles, what string) (safefile.Putter, error) {
	put, err := files.Putter(c.Opts.Spool)
	if err != nil {
		return nil, err
	}
	if why := put.Unsynced(); why != "" {
		c.Warnf("smtpctl: %s on %s: %s could be lost if the power failed there in the next minute", why, c.Server(), what)
	}
	return put, nil
}
