package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// A keeper keeps copies of mail removed at the prompt, so that undo can restore it. All
// copies are on the disk before the first envelope is removed.
type keeper struct {
	store *copies.Store
	// refusal says why no copies can be kept. The removal proceeds without copies, and
	// a question shows the reason first.
	refusal string
	bare    int // envelopes without a file, of which there is nothing to keep
}

// keptDir is the folder of the copies in the state folder.
const keptDir = "removed"

// newKeeper returns the keeper for a command, or nil where no copies are wanted:
// elsewhere than at the prompt, or if --save or --keep says otherwise.
func newKeeper(c *command.Call, a protocol.Action) *keeper {
	if a != protocol.RemoveEnvelope || !c.Mode.Interactive() || c.Opts.DryRun || c.Opts.Save != "" || c.Opts.Keep == 0 {
		return nil
	}
	k := &keeper{}
	if c.Elsewhere() {
		k.refusal = "the files are on " + c.Opts.Host + ", and --save DIR copies them"
		return k
	}
	if c.StateDir == "" {
		k.refusal = "there is no home folder for them: set HOME or XDG_STATE_HOME"
		return k
	}
	k.store = copies.OpenStore(filepath.Join(c.StateDir, keptDir), c.Opts.Keep, c.Opts.KeepSize)
	return k
}

// plan finds out whether copies of the envelopes, given in the order of their ids, can
// be kept, and makes room for them.
func (k *keeper) plan(ctx context.Context, c *command.Call, ids []protocol.EnvelopeID) {
	if k.refusal != "" {
		return
	}
	sp := disk.OpenSpool(ctx, c)
	need, found, err := copies.Need(sp, ids)
	free, freeErr := k.store.Free()
	switch {
	case err != nil:
		k.refusal = command.FileError(err).Error()
	case found == 0:
		k.refusal = "their files are not in " + sp.Queue()
	case freeErr != nil:
		k.refusal = command.FileError(freeErr).Error()
	case need > free/2:
		k.refusal = fmt.Sprintf("they take %s, and the disk has %s left", render.Bytes(need), render.Bytes(free))
	case need > k.store.Size():
		k.refusal = fmt.Sprintf("they take %s, and --keep-size is %s", render.Bytes(need), render.Bytes(k.store.Size()))
	default:
		dropped, err := k.store.Prune(time.Now(), need)
		for _, at := range dropped {
			c.Warnf("smtpctl: the copies of mail removed at %s were deleted, because --keep-size is %s", at.Local().Format(time.DateTime), render.Bytes(k.store.Size()))
		}
		if err != nil {
			k.refusal = command.FileError(err).Error()
		}
	}
}

// warning says what undo cannot restore, or is empty.
func (k *keeper) warning() string {
	if k == nil || k.refusal == "" {
		return ""
	}
	return render.Safe("no copies are kept, so undo cannot restore this: " + k.refusal)
}

// keep saves copies of envelopes, given in the order of their ids, before they are
// removed. An envelope that leaves the queue meanwhile is skipped.
func (k *keeper) keep(ctx context.Context, c *command.Call, conn *protocol.Conn, ids []protocol.EnvelopeID) (*copies.Saver, error) {
	if k.refusal != "" {
		return nil, nil
	}
	v, err := k.store.New(time.Now(), c.Opts.Spool, copies.Origin{Who: c.Who(), Command: c.Recorded()})
	if err == nil {
		if err = k.save(ctx, c, conn, v, ids); err == nil {
			err = v.Seal()
		}
		if cerr := v.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			v.Discard()
		}
	}
	if err != nil && context.Cause(ctx) == nil {
		err = fmt.Errorf("copies could not be kept: %w; nothing removed: --keep 0 removes without copies", command.FileError(err))
	}
	return v, err
}

// save saves each of the envelopes.
func (k *keeper) save(ctx context.Context, c *command.Call, conn *protocol.Conn, v *copies.Saver, ids []protocol.EnvelopeID) error {
	sp := disk.OpenSpool(ctx, c)
	p := c.Progress("copied", len(ids))
	defer p.End()
	var missing []protocol.EnvelopeID
	for e, err := range conn.EnvelopesOf(ctx, MessagesOf(ids)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if _, ok := slices.BinarySearch(ids, e.ID); !ok {
			continue
		}
		p.Step()
		err := v.Save(ctx, sp, e)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, e.ID)
		case err != nil:
			return err
		}
	}
	var err error
	k.bare, err = countListed(ctx, conn, missing)
	return err
}

// countListed returns how many of these envelopes smtpd lists.
func countListed(ctx context.Context, conn *protocol.Conn, ids []protocol.EnvelopeID) (int, error) {
	n := 0
	for e, err := range conn.EnvelopesOf(ctx, MessagesOf(ids)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return 0, err
		}
		if _, ok := slices.BinarySearch(ids, e.ID); ok {
			n++
		}
	}
	return n, nil
}

// kept notes that the removed mail can be restored.
func (k *keeper) kept(c *command.Call, t *tally) {
	switch {
	case k == nil:
		return
	case t.done == 0:
		if t.saver != nil && t.unconfirmed == 0 {
			t.saver.Discard()
		}
		return
	}
	if k.refusal != "" {
		t.note("%s", k.warning())
		return
	}
	if k.bare > 0 {
		t.note("%s no file on disk, and cannot be restored", render.Plural(k.bare, "of them had", "of them had"))
	}
	t.note("copies are kept until %s: undo restores them", time.Now().Add(c.Opts.Keep).Format(time.DateOnly))
}
