package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
)

// remove removes envelopes from the queue.
func (r *Run) remove(ctx context.Context, conn *protocol.Conn, all []protocol.EnvelopeID, unknown bool) error {
	if unknown {
		err := r.edits(ctx)
		if err == nil {
			err = r.editor.Delete(all)
		}
		if err != nil {
			return fmt.Errorf("danger: new mail has replaced envelopes %v, whose files could not be deleted and must not be delivered too: the next requeue or bounce deletes them: %w", all, command.FileError(err))
		}
		return nil
	}
	if err := act(ctx, conn, protocol.RemoveEnvelope, all); err != nil {
		return fmt.Errorf("danger: new mail has replaced these envelopes, which are suspended and must be removed, as the next requeue or bounce does: %v: %w", all, err)
	}
	copies.Reached("removed")
	return nil
}

// edits opens what deletes files of envelopes, if that is not open.
func (r *Run) edits(ctx context.Context) (err error) {
	if r.editor == nil {
		r.editor, err = copies.OpenEditor(ctx, r.c)
	}
	return err
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
