package handover

import (
	"cmp"
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

// completeInterrupted completes the units of earlier interrupted runs. It removes the
// envelopes whose new mail smtpd has accepted, and resumes the envelopes whose new mail
// smtpd has not.
//
// If a mail was written to its end and no reply was noted, smtpd's listing decides: the
// client of the SMTP session has the name of the unit or, on another machine, the name of the
// session, and the mail has the id that was noted. If smtpd lists no such mail, the
// mail may have been delivered at once, or never have been accepted. Then the envelopes
// stay suspended, and a person has to decide.
func completeInterrupted(ctx context.Context, c *command.Call) error {
	if c.StateDir == "" {
		return nil
	}
	runs, err := stoppedRuns(notesDir(c))
	if err != nil {
		return fmt.Errorf("the notes of interrupted commands cannot be read: %w", command.FileError(err))
	}
	if len(runs) == 0 {
		return nil
	}
	r := &Run{c: c, spool: disk.OpenSpool(ctx, c)}
	defer r.closeEditor()
	return disk.Locked(ctx, c, func() error {
		var err error
		for _, run := range runs {
			err = errors.Join(err, r.completeRun(ctx, run))
		}
		return err
	})
}

// completeRun completes the units of one run, and closes its notes.
func (r *Run) completeRun(ctx context.Context, run *notes) error {
	defer run.close()
	run.open = 1 // until all is read
	units, err := readNotes(run.f)
	if err != nil {
		return command.FileError(err)
	}
	run.open = len(units)
	if len(units) == 0 || units[0].Socket != r.c.Opts.Socket || units[0].Host != r.c.Opts.Host {
		return nil
	}
	if then, now := units[0].Node, nodeOf(r.c); then != now {
		// Ids of one machine mean something else on another.
		r.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: an earlier %q was interrupted when %s was the machine %q, and it is %q now: its envelopes are left alone; if they are of no interest any more, delete %s",
			units[0].Command, r.c.Server(), then, now, run.f.Name())))
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
		last, err := r.completeUnit(ctx, conn, u, found[u.Token])
		if err != nil {
			return fmt.Errorf("envelopes %s, at which %q was interrupted: %w", strings.Join(u.IDs, ", "), render.Safe(u.Command), err)
		}
		if last != "" {
			if err := run.add(note{Token: u.Token, Event: last}); err != nil {
				return command.FileError(err)
			}
		}
	}
	return nil
}

// takenUnder returns the messages in smtpd's listing that came from units, by the
// tokens of the units.
func (r *Run) takenUnder(ctx context.Context, conn *protocol.Conn, units []*pending) (map[string]protocol.MessageID, error) {
	found := map[string]protocol.MessageID{}
	wanted := map[string][]*pending{} // by the clients of their sessions
	for _, u := range units {
		if u.last == sending {
			client := cmp.Or(u.client, u.Token)
			wanted[client] = append(wanted[client], u)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	for e, err := range conn.Envelopes(ctx) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		if err != nil {
			continue
		}
		for _, u := range wanted[e.Helo] {
			if u.client == "" || u.message == e.ID.Msg().String() {
				found[u.Token] = e.ID.Msg()
			}
		}
	}
	return found, nil
}

// completeUnit completes one unit, and returns its last event, or "" if the unit stays
// open.
func (r *Run) completeUnit(ctx context.Context, conn *protocol.Conn, u *pending, msg protocol.MessageID) (event, error) {
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
		r.c.Warnf("smtpctl: an earlier %q was interrupted before smtpd accepted the mail: nothing was done to envelopes %s", command, strings.Join(u.IDs, ", "))
		return left, nil
	case u.last == taken, msg != 0:
		r.c.Warnf("smtpctl: an earlier %q was interrupted after smtpd had accepted the new mail: envelopes %s are now removed", command, strings.Join(u.went, ", "))
		return done, r.remove(ctx, conn, went, u.Unknown)
	}
	open, err := r.stillOpen(ctx, conn, u, went)
	if err != nil || !open {
		return left, err
	}
	about := "the address of a recipient"
	if u.message != "" {
		about = u.message
	}
	what := "They are suspended: check with show log and " + about + " whether it was delivered. If so, remove them; if smtpd never accepted it, resume them with resume envelope"
	if u.Unknown {
		what = "They are unchanged on disk: check with show log and " + about + " whether it was delivered. If so, delete their files; if smtpd never accepted it, delete " + u.file + ", and requeue them"
	}
	r.c.Warnf("smtpctl: an earlier %q was interrupted just when smtpd was to accept the mail that replaces envelopes %s, and the new mail is not in the queue. %s",
		command, strings.Join(u.went, ", "), what)
	return "", nil
}

// stillOpen reports whether a decision on envelopes is still missing, for which it is
// not known whether smtpd has accepted their new mail: they are still suspended, or
// still on disk.
func (r *Run) stillOpen(ctx context.Context, conn *protocol.Conn, u *pending, went []protocol.EnvelopeID) (bool, error) {
	if len(went) == 0 {
		return false, nil
	}
	if u.Unknown {
		return slices.ContainsFunc(went, func(id protocol.EnvelopeID) bool { return !r.missing(id) }), nil
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
