package handover

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
)

// finishTime is how long the remaining steps of a unit may take once smtpd has its
// mail.
const finishTime = time.Minute

// An Old is an envelope that is to be replaced.
type Old struct {
	ID protocol.EnvelopeID
	To int // the index of its recipient among those of the mail that replaces it
}

// A Unit is a set of envelopes of one message that one new mail replaces.
type Unit struct {
	Old     []Old // ascending
	Unknown bool  // smtpd does not know them: they are only on disk, since it refuses them
	Mail    Mail
}

// A Replaced is an envelope that has been replaced and removed from the queue.
type Replaced struct {
	Old protocol.EnvelopeID
	As  protocol.EnvelopeID // in the mail that replaces it; 0 if that is not known
	Msg protocol.MessageID  // the mail that replaces it; 0 if that is not known
}

// A Kept is an envelope that was not replaced and is unchanged.
type Kept struct {
	ID  protocol.EnvelopeID
	Why string // not safe for a terminal
	// Gone says that the envelope left the queue before its turn.
	Gone bool
}

// A Result is the outcome of a unit.
type Result struct {
	Replaced []Replaced
	Kept     []Kept
}

// A Run replaces units one after the other.
//
// For each unit, it suspends the envelopes, submits the new mail to smtpd, and removes
// the envelopes once smtpd has accepted the mail. Before each of these steps a note is
// written to the disk, from which the next command continues after a crash: see
// completeInterrupted.
type Run struct {
	c     *command.Call
	notes *notes
	spool *spool.Spool

	keep   keeper
	editor copies.Editor // once it has been needed
}

// begin begins a run that replaces units.
func begin(ctx context.Context, c *command.Call, units []*Unit) (*Run, error) {
	r := &Run{c: c, spool: disk.OpenSpool(ctx, c), keep: keeper{c: c}}
	if err := r.probe(ctx, units); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(units, func(u *Unit) bool { return u.Unknown }) {
		// What cannot be deleted must not be replaced.
		if err := r.edits(ctx); err != nil {
			return nil, fmt.Errorf("mail that smtpd does not know cannot be deleted: %w; nothing done", command.FileError(err))
		}
	}
	var err error
	if r.notes, err = newNotes(c); err != nil {
		r.closeEditor()
		return nil, command.FileError(err)
	}
	return r, nil
}

// Close ends the run and its notes.
func (r *Run) Close() {
	r.notes.close()
	r.closeEditor()
	r.keep.close()
}

// closeEditor ends what deletes files.
func (r *Run) closeEditor() {
	if r.editor != nil {
		r.editor.Close()
	}
}

// Replace replaces a unit. The result has the outcome of the unit even if there is an
// error, after which the run must not continue.
func (r *Run) Replace(ctx context.Context, u *Unit) (res Result, err error) {
	lerr := disk.Locked(ctx, r.c, func() error {
		err = r.replace(ctx, u, &res)
		return nil
	})
	return res, command.Both(lerr, err)
}

// token returns a new name for the client of an SMTP session. The name identifies the
// envelopes of that session later.
func token() string { return "handover-" + strings.ToLower(rand.Text()[:20]) + ".invalid" }

// replace does the work of Replace while the lock is held.
func (r *Run) replace(ctx context.Context, u *Unit, res *Result) error {
	conn, err := r.c.Conn(ctx)
	if err != nil {
		return err
	}
	old := u.Old
	if old, err = r.ready(ctx, conn, u, old, false, res); err != nil || len(old) == 0 {
		return err
	}
	n := note{Token: token(), Event: begun, IDs: texts(old), Unknown: u.Unknown, Socket: r.c.Opts.Socket, Host: r.c.Opts.Host, Node: nodeOf(r.c), Who: r.c.Who(), Command: r.c.Recorded()}
	if err := r.notes.add(n); err != nil {
		return fmt.Errorf("nothing was done to the remaining envelopes: %w", command.FileError(err))
	}
	r.c.AuditEnvelopes(ids(old))
	if !u.Unknown {
		if err := act(ctx, conn, protocol.PauseEnvelope, ids(old)); err != nil {
			return fmt.Errorf("%s may be suspended now: %w", strings.Join(texts(old), ", "), err)
		}
		copies.Reached("suspended")
	}
	msg, went, err := r.submit(ctx, conn, u, old, n.Token, res)
	// An interruption at this point must still leave the queue in order.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	conn, cerr := r.c.Conn(ctx)
	if cerr != nil {
		return command.Both(err, leftOpen(u, old, cerr))
	}
	if errors.Is(err, errUnsure) {
		err = fmt.Errorf("envelopes %s stay in the queue, suspended if smtpd knows them: %w; the next requeue or bounce looks for the new mail", strings.Join(texts(went), ", "), err)
		return command.Both(err, r.resumeRest(ctx, conn, u, old, went))
	}
	return command.Both(err, r.finish(ctx, conn, u, old, went, msg, n.Token, res))
}

// resumeRest resumes the envelopes of a unit that the new mail does not replace.
func (r *Run) resumeRest(ctx context.Context, conn *protocol.Conn, u *Unit, old, went []Old) error {
	if u.Unknown {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(old), func(o Old) bool { return slices.Contains(went, o) })
	return leftOpen(u, rest, resume(ctx, conn, ids(rest)))
}

// leftOpen adds to an error that envelopes of a unit were suspended and may be so.
func leftOpen(u *Unit, all []Old, err error) error {
	if err == nil || u.Unknown || len(all) == 0 {
		return err
	}
	return fmt.Errorf("%s may still be suspended, with which the next requeue or bounce goes on: %w", strings.Join(texts(all), ", "), err)
}

// ready returns the envelopes that can be replaced according to smtpd's present
// listing. suspended says whether they must be listed as suspended. All others are
// kept.
func (r *Run) ready(ctx context.Context, conn *protocol.Conn, u *Unit, old []Old, suspended bool, res *Result) ([]Old, error) {
	listed := map[protocol.EnvelopeID]protocol.Flags{}
	for e, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{old[0].ID.Msg()}) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		listed[e.ID] = e.Flags
	}
	var out []Old
	for _, o := range old {
		flags, known := listed[o.ID]
		switch {
		case u.Unknown && known:
			res.keep(o, "smtpd has loaded it meanwhile", false)
		case u.Unknown && r.missing(o.ID), !u.Unknown && !known:
			res.keep(o, "it left the queue meanwhile", true)
		case u.Unknown:
			out = append(out, o)
		case flags&protocol.FlagInflight != 0:
			res.keep(o, "it is in flight: being delivered now", false)
			if suspended {
				if err := act(ctx, conn, protocol.ResumeEnvelope, []protocol.EnvelopeID{o.ID}); err != nil {
					return nil, err
				}
			}
		case suspended != (flags&protocol.FlagSuspend != 0):
			res.keep(o, map[bool]string{true: "somebody has resumed it meanwhile", false: "it is suspended: resume envelope first"}[suspended], false)
		default:
			out = append(out, o)
		}
	}
	return out, nil
}

// submit submits the mail to smtpd. It returns the id of the mail and the envelopes
// that the mail replaces; the other envelopes of old stay.
func (r *Run) submit(ctx context.Context, conn *protocol.Conn, u *Unit, old []Old, token string, res *Result) (msg protocol.MessageID, went []Old, err error) {
	if !u.Unknown {
		if old, err = r.ready(ctx, conn, u, old, true, res); err != nil || len(old) == 0 {
			return 0, nil, err
		}
	}
	mail, to := u.Mail, map[int]bool{}
	for _, o := range old {
		to[o.To] = true
	}
	mail.To = nil
	var index []int // of each recipient that is left
	for i, rcpt := range u.Mail.To {
		if to[i] {
			mail.To = append(mail.To, rcpt)
			index = append(index, i)
		}
	}
	s, rejected, err := r.keep.begin(ctx, token, &mail)
	if err != nil {
		res.keepAll(old, err)
		return 0, nil, fatal(err)
	}
	whole := false
	defer func() { r.keep.done(s, whole) }()
	no := map[int]error{}
	for i, why := range rejected {
		no[index[i]] = why
	}
	for _, o := range old {
		if why := no[o.To]; why != nil {
			res.keep(o, "smtpd rejects it: "+why.Error(), false)
		} else {
			went = append(went, o)
		}
	}
	if len(went) == 0 {
		return 0, nil, nil
	}
	var comes protocol.MessageID
	msg, err = s.data(ctx, &mail, func() (err error) {
		if comes, err = s.receives(r.spool); err != nil {
			return err
		}
		// Envelopes that stay must not be removed, whatever happens.
		n := note{Token: token, Event: sending, IDs: texts(went)}
		if s.far != nil {
			n.Client = s.helo
		}
		if comes != 0 {
			n.Message = comes.String()
		}
		return r.notes.add(n)
	})
	if err == nil && s.far != nil && msg != 0 && msg != comes {
		err = fmt.Errorf("%w: it says that it is message %v, and message %v was being received", errUnsure, msg, comes)
	}
	msg = cmp.Or(msg, comes)
	whole = err == nil && len(rejected) == 0
	switch {
	case errors.Is(err, errUnsure):
		return 0, went, err
	case err != nil:
		res.keepAll(went, err)
		return 0, nil, fatal(err)
	}
	copies.Reached("given")
	m := note{Token: token, Event: taken, IDs: texts(went)}
	if msg != 0 {
		m.Message = msg.String()
	}
	return msg, went, command.FileError(r.notes.add(m))
}

// fatal returns nil for an error that concerns one mail only, so that the next mail can
// be tried.
func fatal(err error) error {
	var reply *ReplyError
	var unreadable *UnreadableError
	if errors.As(err, &reply) && reply.Code != 421 || errors.As(err, &unreadable) || errors.Is(err, ErrNoDSN) || errors.Is(err, errListenerDSN) {
		return nil
	}
	return err
}

// An UnreadableError means that the message of a unit cannot be read.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return "its message cannot be read: " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// finish removes the envelopes that were replaced, and resumes the others that were
// suspended.
func (r *Run) finish(ctx context.Context, conn *protocol.Conn, u *Unit, old, went []Old, msg protocol.MessageID, token string, res *Result) error {
	var err error
	for _, o := range went {
		res.Replaced = append(res.Replaced, Replaced{Old: o.ID, Msg: msg})
	}
	if len(went) > 0 {
		res.name(ctx, conn, u, went, msg)
		err = r.remove(ctx, conn, ids(went), u.Unknown)
	}
	if err := command.Both(err, r.resumeRest(ctx, conn, u, old, went)); err != nil {
		return err
	}
	last := done
	if len(went) == 0 {
		last = left
	}
	return command.FileError(r.notes.add(note{Token: token, Event: last}))
}

// keep records that an envelope is kept, unless that is recorded already.
func (res *Result) keep(o Old, why string, gone bool) {
	if !slices.ContainsFunc(res.Kept, func(k Kept) bool { return k.ID == o.ID }) {
		res.Kept = append(res.Kept, Kept{o.ID, why, gone})
	}
}

// keepAll records that envelopes are kept because of an error.
func (res *Result) keepAll(old []Old, err error) {
	why := err.Error()
	var reply *ReplyError
	if errors.As(err, &reply) {
		why = "smtpd rejects it: " + why
	}
	for _, o := range old {
		res.keep(o, why, false)
	}
}

// name looks up the ids of the new envelopes, as far as smtpd still lists them.
func (res *Result) name(ctx context.Context, conn *protocol.Conn, u *Unit, went []Old, msg protocol.MessageID) {
	if msg == 0 {
		return
	}
	as := map[string][]protocol.EnvelopeID{}
	for e, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{msg}) {
		if err != nil {
			return
		}
		to := strings.ToLower(Address(e.Rcpt))
		as[to] = append(as[to], e.ID)
	}
	for i := range res.Replaced {
		if ids := as[strings.ToLower(u.Mail.To[went[i].To].Addr)]; len(ids) == 1 {
			res.Replaced[i].As = ids[0]
		}
	}
}

// Address returns an address as it stands between the brackets in SMTP. The null sender
// is empty.
func Address(a protocol.Address) string {
	if a.Domain == "" {
		return a.User
	}
	return a.String()
}

func ids(old []Old) []protocol.EnvelopeID {
	all := make([]protocol.EnvelopeID, len(old))
	for i, o := range old {
		all[i] = o.ID
	}
	return all
}

func texts(old []Old) []string {
	all := make([]string, len(old))
	for i, o := range old {
		all[i] = o.ID.String()
	}
	return all
}
