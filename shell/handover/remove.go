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
				return fmt.Errorf("danger: new mail has replaced envelope %v, whose file could not be deleted and must not be delivered too: %w", id, command.FileError(err))
			}
		}
		return nil
	}
	if err := act(ctx, conn, protocol.RemoveEnvelope, all); err != nil {
		return fmt.Errorf("danger: new mail has replaced these envelopes, which are suspended and must be removed, as the next requeue or bounce does: %v: %w", all, err)
	}
	copies.Reached("removed")
	return nil
}

// unlink deletes the file of an envelope that smtpd does not know, and the message
// together with its last envelope, as smtpd does (queue_fs.c).
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
	// A folder with other files in it stays.
	unix.Rmdir(dir.Name())
	return nil
}

// act applies an action to envelopes of one message. An envelope that has left the
// queue is not an error.
func act(ctx context.Context, conn *protocol.Conn, a protocol.Action, all []protocol.EnvelopeID) error {
	if len(all) == 0 {
		return nil
	}
	_, err := conn.Act(ctx, a, all, func(protocol.EnvelopeID, bool) {})
	return err
}

// resume resumes the suspended ones among some envelopes of one message.
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
