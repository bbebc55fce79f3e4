package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
)

// remove removes envelopes from the queue.
func (r *Run) remove(ctx context.Context, conn *protocol.Conn, all []protocol.EnvelopeID, unknown bool) error {
	if unknown {
		for _, id := range all {
			if err := r.unlink(id); err != nil {
				return fmt.Errorf("a new mail replaces envelope %v, whose file must be deleted: %w", id, command.FileError(err))
			}
		}
		return nil
	}
	if err := act(ctx, conn, protocol.RemoveEnvelope, all); err != nil {
		return fmt.Errorf("a new mail replaces these envelopes, which are suspended and must be removed: %v: %w", all, err)
	}
	copies.Reached("removed")
	return nil
}

// unlink deletes the file of an envelope that smtpd does not know, and its message with
// the last one, as smtpd does (queue_fs.c).
func (r *Run) unlink(id protocol.EnvelopeID) error {
	dir, err := safefile.OpenDir(r.spool.MessageDir(id.Msg()))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), id.String(), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "unlink", Path: r.spool.EnvelopePath(id), Err: err}
	}
	if err := disk.SyncDir(dir); err != nil {
		return err
	}
	copies.Reached("unlinked")
	rest, err := r.spool.MessageIDs(id.Msg())
	if err != nil || len(rest) > 0 {
		return err
	}
	if err := unix.Unlinkat(int(dir.Fd()), "message", 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "unlink", Path: r.spool.MessagePath(id.Msg()), Err: err}
	}
	// A folder with anything else in it stays.
	unix.Rmdir(dir.Name())
	return nil
}

// act does something to envelopes of one message. Those that have gone are no error.
func act(ctx context.Context, conn *protocol.Conn, a protocol.Action, all []protocol.EnvelopeID) error {
	if len(all) == 0 {
		return nil
	}
	_, err := conn.Act(ctx, a, all, func(protocol.EnvelopeID, bool) {})
	return err
}

// resume resumes those of some envelopes of one message that are suspended.
func resume(ctx context.Context, conn *protocol.Conn, all []protocol.EnvelopeID) error {
	if len(all) == 0 {
		return nil
	}
	var suspended []protocol.EnvelopeID
	for e, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{all[0].Msg()}) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if slices.Contains(all, e.ID) && e.Flags&protocol.FlagSuspend != 0 {
			suspended = append(suspended, e.ID)
		}
	}
	return act(ctx, conn, protocol.ResumeEnvelope, suspended)
}
