// Package copies keeps copies of mail in a folder of the user's, with a journal of what
// was done with them, and puts them back into smtpd's queue.
package copies

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// A Saver copies files of the queue into a folder, as they are, to
// MMMMMMMM/EEEEEEEEEEEEEEEE and MMMMMMMM/message: the names that they have in the
// queue. Its methods must not be called at the same time.
//
// A file counts as saved when a regular file with the same content has its name,
// and both that file and the folders that lead to it are on the disk. Nothing that
// is there already is written to or replaced, and no link is followed.
type Saver struct {
	path   string             // absolute, where that can be told
	dir    *os.File           // the folder that --save names
	msg    protocol.MessageID // the message whose envelope was saved last
	folder *os.File           // of that message, nil before the first; its message is saved
	sum    string             // SHA-256 of that message

	// later says that Sync puts all files onto the disk at once, and not Save each.
	later bool
	bytes int64 // on the disk, of what was written

	journal *Journal
	origin  Origin
}

// OpenSaver makes the folder that --save names, if it is not there, and opens it and
// its journal. origin says who saves, and why.
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

// Close closes the folders and the journal. A nil Saver has none.
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

// Save saves an envelope and its message, and writes it down in the journal.
func (v *Saver) Save(ctx context.Context, sp *spool.Spool, e *protocol.Envelope) error {
	sum, err := v.copies(ctx, sp, e.ID)
	if err != nil {
		return err
	}
	return v.journal.Add(savedRecord(v.origin, e, sum, v.sum))
}

// Sync puts all that was saved onto the disk.
func (v *Saver) Sync() error {
	if err := v.journal.Sync(); err != nil || !v.later {
		return err
	}
	return syncAll(v.dir)
}

// syncDir is disk.SyncDir, unless that is for Sync to do.
func (v *Saver) syncDir(dir *os.File) error {
	if v.later {
		return nil
	}
	return disk.SyncDir(dir)
}

// syncFile is File.Sync, unless that is for Saver.Sync to do.
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
	in, err := sp.OpenEnvelope(id)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if err := v.copyInto(ctx, v.folder, id.String(), in); err != nil {
		return "", err
	}
	if err := v.syncDir(v.folder); err != nil {
		return "", err
	}
	return checksum(ctx, in)
}

// checksum returns the SHA-256 of a file, as hex digits.
func checksum(ctx context.Context, f *os.File) (string, error) {
	h := sha256.New()
	if err := disk.CopyWhole(ctx, h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// open opens the folder of a message in that of --save, made if need be, and saves
// the message.
func (v *Saver) open(ctx context.Context, sp *spool.Spool, msg protocol.MessageID) error {
	if v.folder != nil {
		v.folder.Close()
		v.folder = nil
	}
	in, err := sp.OpenMessage(msg)
	if err != nil {
		return err
	}
	defer in.Close()
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
		theirs, err := os.Stat(sp.MessageDir(msg))
		if err != nil {
			return err
		}
		if ours, err := folder.Stat(); err != nil || os.SameFile(ours, theirs) {
			return fmt.Errorf("%s: it is smtpd's own folder, not a copy", folder.Name())
		}
		if err := v.copyInto(ctx, folder, "message", in); err != nil {
			return err
		}
		v.sum, err = checksum(ctx, in)
		return err
	}()
	if err != nil {
		folder.Close()
		return err
	}
	v.msg, v.folder = msg, folder
	return nil
}

// copyInto copies a file into a folder, where it is there as a
// whole and on the disk, or not at all. The folder is still to be synced.
func (v *Saver) copyInto(ctx context.Context, folder *os.File, name string, in *os.File) error {
	for {
		have, err := safefile.OpenAt(folder, name)
		switch {
		case err == nil:
			defer have.Close()
			if same, err := disk.SameContent(ctx, have, in); err != nil {
				return err
			} else if !same {
				return fmt.Errorf("%s: a file with other content is there: name another folder with --save", have.Name())
			}
			return v.syncFile(have) // whoever wrote it may have been stopped before this
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err = v.writeInto(ctx, folder, name, in); !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Another session was faster: look at what it wrote.
	}
}

// writeInto is copyInto where nothing has that name. It is an error that wraps
// fs.ErrExist if something has got it meanwhile.
func (v *Saver) writeInto(ctx context.Context, folder *os.File, name string, in *os.File) error {
	temp := ".saving-" + rand.Text()
	out, err := safefile.CreateAt(folder, temp, 0o600)
	if err != nil {
		return err
	}
	at := int(folder.Fd())
	defer unix.Unlinkat(at, temp, 0)
	err = disk.CopyWhole(ctx, out, in)
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
	return nil
}
