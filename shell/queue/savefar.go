package queue

import (
	"context"
	"path/filepath"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
)

// openSaver opens the folder of --save. Copies of mail of another machine go to a folder in
// it that has the name of the machine, so that equal ids of two machines never meet.
func openSaver(c *command.Call) (*copies.Saver, error) {
	o := copies.Origin{Who: c.Who(), Command: c.Recorded(), Host: c.Opts.Host}
	if c.Elsewhere() {
		// The folder is one of this machine, whose smtpd must not delete anything there.
		return copies.OpenSaver(filepath.Join(c.Opts.Save, c.Opts.Host), spool.DefaultDir, o)
	}
	return copies.OpenSaver(c.Opts.Save, c.Opts.Spool, o)
}

// savesFar reports whether a call saves mail of another machine.
func savesFar(c *command.Call) bool { return c.Opts.Save != "" && c.Elsewhere() }

// actSaved applies an action to envelopes of another machine, in the order of their ids.
// Always some of them are copied first, hundreds of files in a round trip, and acted on
// before others are copied. The plan saves each envelope before it chooses it.
func actSaved(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, ids []protocol.EnvelopeID, plan protocol.ActPlan, t *tally) error {
	sp := disk.OpenSpool(ctx, c)
	defer t.saver.DropUnsaved()
	for len(ids) > 0 {
		n, err := t.saver.Fetch(ctx, sp, ids)
		if err != nil {
			return err
		}
		if t.unconfirmed, err = conn.ActIn(ctx, a, MessagesOf(ids[:n]), plan); err != nil {
			return err
		}
		t.saver.DropUnsaved()
		ids = ids[n:]
	}
	return nil
}
