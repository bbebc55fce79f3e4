package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// settle goes on where earlier runs were stopped. Envelopes whose mail smtpd has taken
// are removed; those whose mail it has not are resumed. Of a mail that had been written
// to its end, and of which no answer was noted, smtpd's listing tells: the client of its
// SMTP session has the name of the unit. If it lists none, the mail may have been
// delivered at once or never have been taken: then the envelopes stay suspended.
func settle(ctx context.Context, c *command.Call) error {
	if c.StateDir == "" {
		return nil
	}
	runs, err := stoppedRuns(c.StateDir)
	if err != nil {
		return fmt.Errorf("what earlier commands left to be done cannot be read: %w", command.FileError(err))
	}
	if len(runs) == 0 {
		return nil
	}
	r := &Run{c: c, spool: disk.OpenSpool(ctx, c)}
	return disk.Locked(ctx, c, func() error {
		var err error
		for _, run := range runs {
			err = errors.Join(err, r.settleRun(ctx, run))
		}
		return err
	})
}

// settleRun settles one run, and closes its notes.
func (r *Run) settleRun(ctx context.Context, run *notes) error {
	defer run.close()
	run.open = 1 // until all is read
	units, err := readNotes(run.f)
	if err != nil {
		return command.FileError(err)
	}
	run.open = len(units)
	if len(units) == 0 || units[0].Socket != r.c.Opts.Socket {
		return nil
	}
	conn, err := r.c.Conn(ctx)
	if err != nil {
		return err
	}
	found, err := r.takenUnder(ctx, conn, units)
	if err != nil {
		return err
	}
	for _, u := range units {
		last, err := r.settleUnit(ctx, conn, u, found[u.Token])
		if err != nil {
			return fmt.Errorf("envelopes %s, which %q was stopped at: %w", strings.Join(u.IDs, ", "), render.Safe(u.Command), err)
		}
		if last != "" {
			if err := run.add(note{Token: u.Token, Event: last}); err != nil {
				return command.FileError(err)
			}
		}
	}
	return nil
}

// takenUnder returns the messages that smtpd lists which came from units, by their tokens.
func (r *Run) takenUnder(ctx context.Context, conn *protocol.Conn, units []*pending) (map[string]protocol.MessageID, error) {
	found := map[string]protocol.MessageID{}
	wanted := map[string]bool{}
	for _, u := range units {
		if u.last == sending {
			wanted[u.Token] = true
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	for e, err := range conn.Envelopes(ctx) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		if err == nil && wanted[e.Helo] {
			found[e.Helo] = e.ID.Msg()
		}
	}
	return found, nil
}

// settleUnit settles one unit, and returns its last event, nothing if it stays open.
func (r *Run) settleUnit(ctx context.Context, conn *protocol.Conn, u *pending, msg protocol.MessageID) (event, error) {
	all, went := idsOf(u.IDs), idsOf(u.went)
	r.c.AuditEnvelopes(all)
	stay := slices.DeleteFunc(slices.Clone(all), func(id protocol.EnvelopeID) bool { return slices.Contains(went, id) })
	if !u.Unknown {
		if err := resume(ctx, conn, stay); err != nil {
			return "", err
		}
	}
	command := render.Safe(u.Command)
	switch {
	case u.last == begun:
		r.c.Warnf("smtpctl: an earlier %q was stopped before smtpd had the mail: nothing has become of envelopes %s", command, strings.Join(u.IDs, ", "))
		return left, nil
	case u.last == taken, msg != 0:
		r.c.Warnf("smtpctl: an earlier %q was stopped after smtpd had taken the new mail: envelopes %s are removed now", command, strings.Join(u.went, ", "))
		return done, r.remove(ctx, conn, went, u.Unknown)
	}
	open, err := r.still(ctx, conn, u, went)
	if err != nil || !open {
		return left, err
	}
	about := "the address of a recipient"
	if u.message != "" {
		about = u.message
	}
	what := "They are suspended: look with show log and " + about + " whether it was delivered. If so, remove them; if smtpd never took it, resume them with resume envelope"
	if u.Unknown {
		what = "They are on disk as before: look with show log and " + about + " whether it was delivered. If so, delete their files; if smtpd never took it, delete " + u.file + ", and requeue them"
	}
	r.c.Warnf("smtpctl: an earlier %q was stopped just when smtpd took the new mail in the place of envelopes %s, and the queue does not hold it. %s",
		command, strings.Join(u.went, ", "), what)
	return "", nil
}

// still reports whether nobody has decided yet on envelopes of which it is not known
// whether smtpd has taken their new mail: they are suspended, or on disk.
func (r *Run) still(ctx context.Context, conn *protocol.Conn, u *pending, went []protocol.EnvelopeID) (bool, error) {
	if len(went) == 0 {
		return false, nil
	}
	if u.Unknown {
		return slices.ContainsFunc(went, func(id protocol.EnvelopeID) bool { return !disk.Missing(r.spool.EnvelopePath(id)) }), nil
	}
	for e, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{went[0].Msg()}) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return false, err
		}
		if slices.Contains(went, e.ID) && e.Flags&protocol.FlagSuspend != 0 {
			return true, nil
		}
	}
	return false, nil
}

// idsOf reads the ids in a note.
func idsOf(texts []string) []protocol.EnvelopeID {
	var all []protocol.EnvelopeID
	for _, text := range texts {
		if id, err := protocol.ParseEnvelopeID(text); err == nil {
			all = append(all, id)
		}
	}
	return all
}
