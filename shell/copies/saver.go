// Package copies keeps copies of mail in a folder that the user names, with a journal
// of what was done with them, and puts the copies back into smtpd's queue.
package copies

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/disk"
)

// A Saver copies files of the queue unchanged into a folder, under the names
// MMMMMMMM/EEEEEEEEEEEEEEEE and MMMMMMMM/message that they have in the queue. Its
// methods must not be called from several goroutines at once.
//
// A file counts as saved when a regular file with the same content has its name, and
// that file and the folders that lead to it are on the disk. Files that exist already
// are never written to or replaced, and no symbolic link is followed.
type Saver struct {
	path   string             // absolute, where that can be told
	dir    *os.File           // the folder that --save names
	msg    protocol.MessageID // the message whose envelope was saved last
	folder *os.File           // of that message, nil before the first; its message is saved
	sum    string             // SHA-256 of that message

	// later says that Sync writes all files to the disk at once, instead of each Save.
	later bool
	bytes int64 // on the disk, of what was written

	journal *Journal
	origin  Origin

	// Of the last Fetch, and nil without one: what came of it, and the paths of the files
	// that it made.
	fetched map[protocol.EnvelopeID]*fetched
	made    map[string]bool
}

// OpenSaver creates the folder that --save names, if necessary, and opens it and its
// journal. origin is recorded in the journal.
func OpenSaver(dir, spoolDir string, origin Origin) (*Saver, error) {
	if err := disk.MakeSaveDir(dir, spoolDir); err != nil {
		return nil, err
	}
	f, err := safefile.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	j, err := OpenJournal(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		path = dir
	}
	return &Saver{path: path, dir: f, journal: j, origin: origin}, nil
}

// Dir returns the path of the folder.
func (v *Saver) Dir() string { return v.path }

// Close closes the folders and the journal. It does nothing for a nil Saver.
func (v *Saver) Close() error {
	if v == nil {
		return nil
	}
	if v.folder != nil {
		v.folder.Close()
	}
	err := v.journal.Close()
	v.dir.Close()
	return err
}

// Save saves an envelope and its message, and records that in the journal.
func (v *Saver) Save(ctx context.Context, sp *spool.Spool, e *protocol.Envelope) error {
	f := v.fetched[e.ID]
	if f == nil {
		f = &fetched{}
		f.sum, f.err = v.copies(ctx, sp, e.ID)
		f.messageSum = v.sum
	}
	if f.err != nil {
		return f.err
	}
	err := v.journal.Add(savedRecord(v.origin, e, f.sum, f.messageSum))
	f.saved = err == nil
	return err
}

// Sync writes everything that was saved to the disk.
func (v *Saver) Sync() error {
	if err := v.journal.Sync(); err != nil || !v.later {
		return err
	}
	return syncAll(v.dir)
}

// syncDir is disk.SyncDir, unless Sync does that later.
func (v *Saver) syncDir(dir *os.File) error {
	if v.later {
		return nil
	}
	return disk.SyncDir(dir)
}

// syncFile is File.Sync, unless Saver.Sync does that later.
func (v *Saver) syncFile(f *os.File) error {
	if v.later {
		return nil
	}
	return f.Sync()
}

// copies saves the files of an envelope and its message, and returns the SHA-256 of
// the envelope's.
func (v *Saver) copies(ctx context.Context, sp *spool.Spool, id protocol.EnvelopeID) (sum string, err error) {
	if v.folder == nil || v.msg != id.Msg() {
		if err := v.open(ctx, sp, id.Msg()); err != nil {
			return "", err
		}
	}
	sum, err = v.copyInto(ctx, v.folder, id.String(), func() (spool.File, error) { return sp.OpenEnvelope(id) })
	if err != nil {
		return "", err
	}
	return sum, v.syncDir(v.folder)
}

// open opens the folder of a message in that of --save, creates it if necessary, and
// saves the message.
func (v *Saver) open(ctx context.Context, sp *spool.Spool, msg protocol.MessageID) error {
	if v.folder != nil {
		v.folder.Close()
		v.folder = nil
	}
	// Where there is no message, there is to be no folder for it either.
	in, err := sp.OpenMessage(msg)
	if err != nil {
		return err
	}
	defer func() { in.Close() }()
	name := msg.String()
	if err := unix.Mkdirat(int(v.dir.Fd()), name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkdir", Path: filepath.Join(v.dir.Name(), name), Err: err}
	}
	folder, err := safefile.OpenDirAt(v.dir, name)
	if err != nil {
		return err
	}
	err = func() error {
		if err := v.syncDir(v.dir); err != nil {
			return err
		}
		if err := notTheirs(sp, msg, folder); err != nil {
			return err
		}
		first := in
		v.sum, err = v.copyInto(ctx, folder, "message", func() (spool.File, error) {
			if f := first; f != nil {
				first = nil
				return f, nil
			}
			return sp.OpenMessage(msg)
		})
		return err
	}()
	if err != nil {
		folder.Close()
		return err
	}
	v.msg, v.folder = msg, folder
	return nil
}

// notTheirs returns an error if a folder for copies is that of smtpd's own message.
func notTheirs(sp *spool.Spool, msg protocol.MessageID, folder *os.File) error {
	if sp.Far() {
		return nil
	}
	theirs, err := os.Stat(sp.MessageDir(msg))
	if err != nil {
		return err
	}
	if ours, err := folder.Stat(); err != nil || os.SameFile(ours, theirs) {
		return fmt.Errorf("%s: it is smtpd's own folder, not a copy", folder.Name())
	}
	return nil
}

// copyInto copies a file into a folder, and returns its SHA-256 as hex digits. Afterwards
// the copy is there as a whole and on the disk, or not at all. The folder still has to be
// synced.
func (v *Saver) copyInto(ctx context.Context, folder *os.File, name string, open func() (spool.File, error)) (sum string, err error) {
	for {
		h := sha256.New()
		have, err := safefile.OpenAt(folder, name)
		if err == nil {
			defer have.Close()
			err = v.isSame(ctx, have, open, h)
		} else if errors.Is(err, fs.ErrNotExist) {
			// If another session creates the file first, its content is compared.
			if err = v.writeInto(ctx, folder, name, open, h); errors.Is(err, fs.ErrExist) {
				continue
			}
		}
		return hex.EncodeToString(h.Sum(nil)), err
	}
}

// isSame is copyInto for a name that a file has already.
func (v *Saver) isSame(ctx context.Context, have *os.File, open func() (spool.File, error), sum io.Writer) error {
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	switch same, err := disk.SameContent(ctx, tee{spool.LocalFile{File: have}, sum}, in); {
	case err != nil:
		return err
	case !same:
		return fmt.Errorf("%s: a different file is already there: name another folder with --save", have.Name())
	}
	return v.syncFile(have) // whoever wrote it may have been stopped before this
}

// A tee writes to w what is read of a file.
type tee struct {
	spool.File
	w io.Writer
}

// Read implements io.Reader.
func (t tee) Read(p []byte) (int, error) {
	n, err := t.File.Read(p)
	t.w.Write(p[:n])
	return n, err
}

// writeInto is copyInto for a name that is free. The error wraps fs.ErrExist if the
// name has been taken meanwhile.
func (v *Saver) writeInto(ctx context.Context, folder *os.File, name string, open func() (spool.File, error), sum io.Writer) error {
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	temp := ".saving-" + rand.Text()
	out, err := safefile.CreateAt(folder, temp, 0o600)
	if err != nil {
		return err
	}
	at := int(folder.Fd())
	defer unix.Unlinkat(at, temp, 0)
	err = disk.CopyWhole(ctx, out, tee{in, sum})
	if err == nil {
		err = v.syncFile(out)
	}
	if err == nil {
		v.bytes += onDisk(out)
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(folder.Name(), name), disk.CauseOf(err))
	}
	err = unix.Linkat(at, temp, at, name, 0)
	if slices.ContainsFunc([]error{unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK, unix.ENOTSUP}, func(e error) bool { return errors.Is(err, e) }) {
		err = unix.Renameat(at, temp, at, name) // a file system without links
	}
	if err != nil {
		return &fs.PathError{Op: "link", Path: filepath.Join(folder.Name(), name), Err: err}
	}
	if v.made != nil {
		v.made[filepath.Join(folder.Name(), name)] = true
	}
	return nil
}
