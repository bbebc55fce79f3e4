package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// saved writes the files of an envelope aside where --save asks for it, and
// reports whether that was done or need not be. What could not be saved is
// counted, and must not be removed.
func (c *Call) saved(ctx context.Context, id protocol.EvpID, t *tally) bool {
	if c.opts.Save == "" {
		return true
	}
	err := c.save(ctx, id)
	if err == nil {
		return true
	}
	if t.unsaved++; t.unsaved <= 3 {
		t.p.end()
		c.warnf("%s", render.Safe(fmt.Sprintf("smtpctl: envelope %v is kept: %v", id, fileError(err))))
	}
	return false
}

// save copies the files of an envelope and of its message, as they are, to
// DIR/MMMMMMMM/EEEEEEEEEEEEEEEE and DIR/MMMMMMMM/message: the names that they
// have in the queue.
func (c *Call) save(ctx context.Context, id protocol.EvpID) error {
	dir := filepath.Join(c.opts.Save, id.Msg().String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	sp := c.spool(ctx)
	message := filepath.Join(dir, "message")
	if _, err := os.Lstat(message); errors.Is(err, fs.ErrNotExist) {
		if err := copyAside(message, sp.MessagePath(id.Msg())); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return copyAside(filepath.Join(dir, id.String()), sp.EnvelopePath(id))
}

// copyAside copies a file so that it is there as a whole, on the disk, or not at
// all.
func copyAside(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".saving")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}
