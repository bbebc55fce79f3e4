package copies

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/disk"
)

// Step, if set, is called after each step that a crash could follow. It is for tests.
var Step func(step string)

// Reached calls Step, if it is set.
func Reached(name string) {
	if Step != nil {
		Step(name)
	}
}

// A Placer writes files of smtpd's queue on this machine: see Place.
type Placer struct {
	spool           *spool.Spool
	incoming, queue *os.File
	uid, gid        int // of smtpd's queue process
}

// OpenPlacer opens the folders of smtpd's spool.
func OpenPlacer(spoolDir string) (*Placer, error) {
	p := &Placer{spool: spool.Open(spoolDir)}
	var err error
	if p.incoming, err = safefile.OpenDir(filepath.Join(spoolDir, "incoming")); err != nil {
		return nil, err
	}
	if p.queue, err = safefile.OpenDir(p.spool.Queue()); err != nil {
		p.incoming.Close()
		return nil, err
	}
	info, err := p.queue.Stat()
	if err != nil {
		p.Close()
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		p.Close()
		return nil, fmt.Errorf("%s: its owner cannot be determined", p.queue.Name())
	}
	p.uid, p.gid = int(st.Uid), int(st.Gid)
	return p, nil
}

// Close closes the folders of the spool.
func (p *Placer) Close() {
	p.incoming.Close()
	p.queue.Close()
}

// A folder is that of a message that is being put into the queue.
type folder struct {
	id  protocol.MessageID // that it will have
	dir *os.File           // incoming/ID
}

// begin reserves an id for a message: its former id, or another one if that is taken. An smtpd
// that starts replaces its folder incoming by a new one, and deletes the old one. If that
// takes the folder just created, begin creates another one.
func (p *Placer) begin(had protocol.MessageID) (*folder, error) {
	const trials = 100
	id := had
	for range trials {
		taken, err := p.taken(id)
		if err != nil {
			return nil, err
		}
		if !taken {
			err = unix.Mkdirat(int(p.incoming.Fd()), id.String(), 0o700)
			if err == nil {
				m, err := p.begun(id)
				if errors.Is(err, fs.ErrNotExist) && p.reopen() {
					continue
				}
				return m, err
			}
			if errors.Is(err, fs.ErrNotExist) && p.reopen() {
				continue
			}
			if !errors.Is(err, fs.ErrExist) {
				return nil, &fs.PathError{Op: "mkdir", Path: filepath.Join(p.incoming.Name(), id.String()), Err: err}
			}
		}
		if id, err = randomMessage(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("no free message id was found")
}

// reopen opens the folder incoming anew, and reports whether that has worked.
func (p *Placer) reopen() bool {
	incoming, err := safefile.OpenDir(p.incoming.Name())
	if err != nil {
		return false
	}
	p.incoming.Close()
	p.incoming = incoming
	return true
}

// taken reports whether the queue on disk has a message with the id.
func (p *Placer) taken(id protocol.MessageID) (bool, error) {
	_, err := os.Lstat(p.spool.MessageDir(id))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, err
}

func randomMessage() (protocol.MessageID, error) {
	var b [4]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return 0, err
		}
		if id := protocol.MessageID(binary.BigEndian.Uint32(b[:])); id != 0 {
			return id, nil
		}
	}
}

// begun opens the folder that has just been created. The error wraps fs.ErrNotExist if the
// folder is gone already.
func (p *Placer) begun(id protocol.MessageID) (*folder, error) {
	dir, err := safefile.OpenDirAt(p.incoming, id.String())
	if err != nil {
		return nil, err
	}
	m := &folder{id, dir}
	if err := dir.Chown(p.uid, p.gid); err != nil {
		p.drop(m)
		return nil, err
	}
	Reached("begun")
	return m, nil
}

// add copies a file of the message, or of one of its envelopes, under its new name.
func (p *Placer) add(ctx context.Context, m *folder, name string, in spool.File) error {
	out, err := safefile.CreateAt(m.dir, name, 0o600)
	if err != nil {
		return err
	}
	if err := p.writeFile(out, func() error { return disk.CopyWhole(ctx, out, in) }); err != nil {
		return err
	}
	Reached("added")
	return nil
}

// writeFile has write fill a new file, gives the file to the user of smtpd's queue
// process, and writes it to the disk. It closes the file.
func (p *Placer) writeFile(out *os.File, write func() error) error {
	err := write()
	if err == nil {
		err = out.Chown(p.uid, p.gid)
	}
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", out.Name(), disk.CauseOf(err))
	}
	return nil
}

// drop removes the files of a message that is not to be placed after all.
func (p *Placer) drop(m *folder) {
	names, _ := m.dir.Readdirnames(-1)
	for _, name := range names {
		unix.Unlinkat(int(m.dir.Fd()), name, 0)
	}
	m.dir.Close()
	unix.Unlinkat(int(p.incoming.Fd()), m.id.String(), unix.AT_REMOVEDIR)
}

// commit moves a message into the queue, and closes its folder. Without an error, files and
// names are on the disk. moved reports whether the message is in the queue.
func (p *Placer) commit(m *folder) (moved bool, err error) {
	if err := disk.SyncDir(m.dir); err != nil {
		return false, err
	}
	name := m.id.String()
	err = unix.Mkdirat(int(p.queue.Fd()), name[:2], 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, &fs.PathError{Op: "mkdir", Path: filepath.Join(p.queue.Name(), name[:2]), Err: err}
	}
	top, err := safefile.OpenDirAt(p.queue, name[:2])
	if err != nil {
		return false, err
	}
	defer top.Close()
	if made {
		if err := top.Chown(p.uid, p.gid); err != nil {
			return false, err
		}
		if err := disk.SyncDir(p.queue); err != nil {
			return false, err
		}
	}
	// An empty folder of that name would be replaced; a folder that is not empty is an
	// error.
	if err := unix.Renameat(int(p.incoming.Fd()), name, int(top.Fd()), name); err != nil {
		return false, &fs.PathError{Op: "rename", Path: filepath.Join(top.Name(), name), Err: err}
	}
	Reached("committed")
	m.dir.Close()
	if err := disk.SyncDir(top); err != nil {
		return true, err
	}
	return true, disk.SyncDir(p.incoming)
}

// dropRest removes what a crash has left of a message in the folder incoming, and
// reports whether there was anything.
func (p *Placer) dropRest(id protocol.MessageID) (bool, error) {
	dir, err := safefile.OpenDirAt(p.incoming, id.String())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.drop(&folder{id, dir})
	return true, nil
}

// Replace replaces the file of an envelope by a text, in one step: however the program
// ends, the file has the old content or the new one.
func (p *Placer) Replace(id protocol.EnvelopeID, text []byte) error {
	name := "smtpctl-" + id.String()
	// A crash may have left such a file. smtpd itself creates none of that name.
	unix.Unlinkat(int(p.incoming.Fd()), name, 0)
	out, err := safefile.CreateAt(p.incoming, name, 0o600)
	if err != nil {
		return err
	}
	err = p.writeFile(out, func() error {
		_, err := out.Write(text)
		return err
	})
	Reached("written")
	if err != nil {
		unix.Unlinkat(int(p.incoming.Fd()), name, 0)
		return err
	}
	dir, err := safefile.OpenDir(p.spool.MessageDir(id.Msg()))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Renameat(int(p.incoming.Fd()), name, int(dir.Fd()), id.String()); err != nil {
		return &fs.PathError{Op: "rename", Path: p.spool.EnvelopePath(id), Err: err}
	}
	Reached("replaced")
	return disk.SyncDir(dir)
}
