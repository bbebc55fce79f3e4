package requeue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/handover"
)

// A rename gives an action to envelopes.
type rename struct {
	c      *command.Call
	name   string
	conn   *protocol.Conn
	editor copies.Editor

	done    int // the first of the envelopes, whose files have the action, and which smtpd was told of
	late    int // of them, those of messages that smtpd knows already
	untold  int // the next ones, whose files have the action
	unknown int // the next ones, of which it is not known whether their files have it
}

// all gives the action to envelopes, which are in the order of their ids, and makes
// smtpd load them.
func (r *rename) all(ctx context.Context, todo []handover.Selected) error {
	if len(todo) == 0 {
		return nil
	}
	var err error
	if r.conn, err = r.c.Conn(ctx); err != nil {
		return err
	}
	if r.editor, err = copies.OpenEditor(ctx, r.c); err != nil {
		return command.FileError(err)
	}
	defer r.editor.Close()
	if err := disk.AwaitLoaded(ctx, r.c, r.conn, nil); err != nil {
		return err
	}
	p := r.c.Progress("given the action", len(todo))
	defer p.End()
	for rest := todo; len(rest) > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := someMessages(rest, r.editor.AtOnce())
		if err := r.some(ctx, rest[:n]); err != nil {
			return err
		}
		p.Add(n)
		rest = rest[n:]
	}
	return nil
}

// someMessages returns how many of the first envelopes belong to the first n messages, or to fewer,
// which together have AheadMost envelopes.
func someMessages(all []handover.Selected, n int) int {
	for i := 1; i < len(all); i++ {
		if all[i].ID.Msg() == all[i-1].ID.Msg() {
			continue
		}
		if n--; n == 0 || i >= spool.AheadMost {
			return i
		}
	}
	return len(all)
}

// some does so for the envelopes of some messages.
func (r *rename) some(ctx context.Context, todo []handover.Selected) error {
	var ids []protocol.EnvelopeID
	var msgs []protocol.MessageID
	for _, e := range todo {
		ids, msgs = append(ids, e.ID), append(msgs, e.ID.Msg())
	}
	msgs = slices.Compact(msgs)
	known := map[protocol.MessageID]bool{}
	for e, err := range r.conn.EnvelopesOf(ctx, msgs) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		known[e.ID.Msg()] = true
	}
	r.c.AuditEnvelopes(ids)
	edits, err := r.edits(ctx, ids)
	if err != nil {
		return err
	}
	n, sure, err := r.editor.Replace(edits)
	if !sure {
		r.unknown = len(ids)
		return command.FileError(err)
	}
	// The messages that are whole now; of one whose end is missing smtpd would load the rest never.
	whole := n
	for whole > 0 && whole < len(ids) && ids[whole-1].Msg() == ids[whole].Msg() {
		whole--
	}
	r.untold = n
	if terr := r.tell(ctx, ids[:whole], known); terr != nil {
		return command.Both(command.FileError(err), terr)
	}
	r.untold = n - whole
	return command.FileError(err)
}

// edits returns the new texts of envelopes.
func (r *rename) edits(ctx context.Context, ids []protocol.EnvelopeID) ([]copies.Edit, error) {
	sp := disk.OpenSpool(ctx, r.c)
	edits := make([]copies.Edit, 0, len(ids))
	for some := range slices.Chunk(ids, spool.AheadMost) {
		sp.AheadEnvelopes(some)
		for _, id := range some {
			var text bytes.Buffer
			if err := sp.CopyEnvelope(&text, id); err != nil {
				return nil, command.FileError(err)
			}
			edits = append(edits, copies.Edit{ID: id, Text: withDispatcher(text.String(), r.name)})
		}
	}
	return edits, nil
}

// tell makes smtpd load envelopes whose files have the action, unless it knows their messages.
func (r *rename) tell(ctx context.Context, ids []protocol.EnvelopeID, known map[protocol.MessageID]bool) error {
	var msgs []protocol.MessageID
	for _, id := range ids {
		if !known[id.Msg()] && (len(msgs) == 0 || msgs[len(msgs)-1] != id.Msg()) {
			msgs = append(msgs, id.Msg())
		}
	}
	told := 0
	unconfirmed, err := r.conn.DiscoverMessages(ctx, msgs, func(protocol.MessageID, uint64) { told++ })
	if told > 0 || err == nil {
		copies.Reached("discovered")
	}
	for _, id := range ids {
		if err != nil && id.Msg() == msgs[told] {
			said := "smtpd has not loaded it"
			if unconfirmed > 0 {
				said = "smtpd has not said whether it has loaded it"
			}
			return fmt.Errorf("message %v now has the action %s, but %s: %w", id.Msg(), r.name, said, err)
		}
		r.done++
		r.untold--
		if known[id.Msg()] {
			r.late++
		}
	}
	return err
}

// next is what completes an interrupted command. smtpd that has loaded one envelope of a message
// loads no others of it, so discover must not be given their ids.
const next = "the same command tries again; then run discover with the ids of the messages, which are the first 8 digits, that show spool still lists with nothing wrong"

// state says, after an error, how all envelopes are but those that are done.
func (r *rename) state(all int) string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(text, n, all))
		}
	}
	add(r.untold, "%d of %d have the action, and smtpd has not said that it has loaded them: "+next)
	add(r.unknown, "of %d of %d it is not known whether they have the action: "+next)
	add(all-r.done-r.untold-r.unknown, "%d of %d as before")
	return strings.Join(parts, ", ")
}

// withDispatcher returns the text of an envelope with another action.
func withDispatcher(text, name string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "dispatcher:") {
			line = "dispatcher: " + name + "\n"
		}
		b.WriteString(line)
	}
	return b.Bytes()
}
