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

// Step, if set, is called after each step that a crash could follow, for tests.
var Step func(step string)

// Reached says that a step is done.
func Reached(name string) {
	if Step != nil {
		Step(name)
	}
}

// A Placer puts messages into smtpd's queue on disk, in the way in which smtpd itself
// does when it has received one (queue_fs.c): their files are written into a folder
// incoming/MMMMMMMM, which is then renamed to queue/XX/MMMMMMMM. Whatever ends the
// program, a message is in the queue as a whole or not at all; when smtpd starts, it
// empties incoming. smtpd notices neither: see discover.
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
		return nil, fmt.Errorf("%s: its owner cannot be told", p.queue.Name())
	}
	p.uid, p.gid = int(st.Uid), int(st.Gid)
	return p, nil
}

// Close closes the folders.
func (p *Placer) Close() {
	p.incoming.Close()
	p.queue.Close()
}

// A Draft is a message on its way into the queue.
type Draft struct {
	ID  protocol.MessageID // that it will have
	dir *os.File           // incoming/ID
}

// Begin reserves an id for a message: the one that it had, or another one if smtpd's
// queue has a message of that id, of which its scheduler takes up nothing more.
func (p *Placer) Begin(had protocol.MessageID) (*Draft, error) {
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
				return p.begun(id)
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

// taken reports whether the queue on disk has a message.
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

// begun opens the folder that was just made.
func (p *Placer) begun(id protocol.MessageID) (*Draft, error) {
	dir, err := safefile.OpenDirAt(p.incoming, id.String())
	if err != nil {
		return nil, err
	}
	m := &Draft{id, dir}
	if err := dir.Chown(p.uid, p.gid); err != nil {
		p.Drop(m)
		return nil, err
	}
	Reached("begun")
	return m, nil
}

// Add copies a file of the message, or of one of its envelopes, under its new name.
func (p *Placer) Add(ctx context.Context, m *Draft, name string, in *os.File) error {
	out, err := safefile.CreateAt(m.dir, name, 0o600)
	if err != nil {
		return err
	}
	if err := p.fill(out, func() error { return disk.CopyWhole(ctx, out, in) }); err != nil {
		return err
	}
	Reached("added")
	return nil
}

// fill has a new file written, gives it to smtpd's queue process, and puts it onto the
// disk. The file is closed then.
func (p *Placer) fill(out *os.File, write func() error) error {
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

// Drop removes what has been written of a message that is not to be placed after all.
func (p *Placer) Drop(m *Draft) {
	names, _ := m.dir.Readdirnames(-1)
	for _, name := range names {
		unix.Unlinkat(int(m.dir.Fd()), name, 0)
	}
	m.dir.Close()
	unix.Unlinkat(int(p.incoming.Fd()), m.ID.String(), unix.AT_REMOVEDIR)
}

// Commit moves a message into the queue. Its files and names are on the disk then.
func (p *Placer) Commit(m *Draft) error {
	defer m.dir.Close()
	if err := disk.SyncDir(m.dir); err != nil {
		return err
	}
	name := m.ID.String()
	err := unix.Mkdirat(int(p.queue.Fd()), name[:2], 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkdir", Path: filepath.Join(p.queue.Name(), name[:2]), Err: err}
	}
	top, err := safefile.OpenDirAt(p.queue, name[:2])
	if err != nil {
		return err
	}
	defer top.Close()
	if made {
		if err := top.Chown(p.uid, p.gid); err != nil {
			return err
		}
		if err := disk.SyncDir(p.queue); err != nil {
			return err
		}
	}
	// An empty folder of that name would be replaced; one that holds anything is an error.
	if err := unix.Renameat(int(p.incoming.Fd()), name, int(top.Fd()), name); err != nil {
		return &fs.PathError{Op: "rename", Path: filepath.Join(top.Name(), name), Err: err}
	}
	Reached("committed")
	if err := disk.SyncDir(top); err != nil {
		return err
	}
	return disk.SyncDir(p.incoming)
}

// DropRest removes what a crash has left of a message in the folder incoming, and
// reports whether there was anything.
func (p *Placer) DropRest(id protocol.MessageID) (bool, error) {
	dir, err := safefile.OpenDirAt(p.incoming, id.String())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.Drop(&Draft{id, dir})
	return true, nil
}

// Replace puts a text in the place of the file of an envelope, in one step: whatever ends
// the program, the file is the old one or the new one.
func (p *Placer) Replace(id protocol.EnvelopeID, text []byte) error {
	name := "smtpctl-" + id.String()
	// A crash may have left one; smtpd itself makes no file of that name.
	unix.Unlinkat(int(p.incoming.Fd()), name, 0)
	out, err := safefile.CreateAt(p.incoming, name, 0o600)
	if err != nil {
		return err
	}
	err = p.fill(out, func() error {
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
