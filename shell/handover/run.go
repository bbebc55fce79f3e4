package handover

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
)

// maxIncoming is how many envelopes that come just now are looked at.
const maxIncoming = 1000

// finishTime is how long the rest of a unit may take once smtpd has its mail.
const finishTime = time.Minute

// An Old envelope is one that is replaced.
type Old struct {
	ID protocol.EnvelopeID
	To int // the index of its recipient among those of the mail that replaces it
}

// A Unit is what is replaced at once: envelopes of one message, by one mail.
type Unit struct {
	Old     []Old // ascending
	Unknown bool  // smtpd does not know them: they are only on disk, since it refuses them
	Mail    Mail
}

// A Replaced envelope is in the queue no more.
type Replaced struct {
	Old protocol.EnvelopeID
	As  protocol.EnvelopeID // in the mail that replaces it; 0 if that is not known
	Msg protocol.MessageID  // the mail that replaces it; 0 if that is not known
}

// A Kept envelope was not replaced, and is as it was before.
type Kept struct {
	ID  protocol.EnvelopeID
	Why string // not safe for a terminal
	// Gone says that it left the queue before its turn came.
	Gone bool
}

// A Result is what became of a unit.
type Result struct {
	Replaced []Replaced
	Kept     []Kept
}

// A Run replaces units, one after the other.
//
// Of each it first suspends the envelopes, then gives the mail to smtpd, and removes them
// when smtpd has said that it took the mail. A note goes onto the disk before each of
// these steps, from which the next command goes on after a crash: see settle.
type Run struct {
	c     *command.Call
	notes *notes
	spool *spool.Spool
}

// begin begins a run.
func begin(ctx context.Context, c *command.Call) (*Run, error) {
	r := &Run{c: c, spool: disk.OpenSpool(ctx, c)}
	var err error
	if r.notes, err = newNotes(c); err != nil {
		return nil, command.FileError(err)
	}
	return r, nil
}

// Close ends the run.
func (r *Run) Close() { r.notes.close() }

// Replace replaces a unit. An error means that the run must not go on; what became of
// the unit is in the result all the same.
func (r *Run) Replace(ctx context.Context, u *Unit) (res Result, err error) {
	lerr := disk.Locked(ctx, r.c, func() error {
		err = r.replace(ctx, u, &res)
		return nil
	})
	return res, errors.Join(lerr, err)
}

// token returns a new name for the client of an SMTP session, by which the envelopes
// that came from it are found again.
func token() string { return "handover-" + strings.ToLower(rand.Text()[:20]) + ".invalid" }

// replace is Replace, with the lock.
func (r *Run) replace(ctx context.Context, u *Unit, res *Result) error {
	conn, err := r.c.Conn(ctx)
	if err != nil {
		return err
	}
	old := u.Old
	if old, err = r.ready(ctx, conn, u, old, false, res); err != nil || len(old) == 0 {
		return err
	}
	n := note{Token: token(), Event: begun, IDs: texts(old), Unknown: u.Unknown, Socket: r.c.Opts.Socket, Who: r.c.Who(), Command: r.c.Typed()}
	if err := r.notes.add(n); err != nil {
		return fmt.Errorf("nothing done to the envelopes that follow: %w", command.FileError(err))
	}
	r.c.AuditEnvelopes(ids(old))
	if !u.Unknown {
		if err := act(ctx, conn, protocol.PauseEnvelope, ids(old)); err != nil {
			return fmt.Errorf("%s may be suspended now: %w", strings.Join(texts(old), ", "), err)
		}
		copies.Reached("suspended")
	}
	msg, went, err := r.give(ctx, conn, u, old, n.Token, res)
	// Whoever wants to stop it now gets a queue in order all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	conn, cerr := r.c.Conn(ctx)
	if cerr != nil {
		return errors.Join(err, cerr)
	}
	if errors.Is(err, errUnsure) {
		err = fmt.Errorf("envelopes %s stay as they are, suspended if smtpd knows them: %w; the next requeue or bounce looks for the new mail", strings.Join(texts(went), ", "), err)
		return errors.Join(err, r.resumeRest(ctx, conn, u, old, went))
	}
	return errors.Join(err, r.finish(ctx, conn, u, old, went, msg, n.Token, res))
}

// resumeRest resumes those of the envelopes of a unit that the new mail does not replace.
func (r *Run) resumeRest(ctx context.Context, conn *protocol.Conn, u *Unit, old, went []Old) error {
	if u.Unknown {
		return nil
	}
	return resume(ctx, conn, ids(slices.DeleteFunc(slices.Clone(old), func(o Old) bool { return slices.Contains(went, o) })))
}

// ready returns those of the envelopes that are to be replaced, from what smtpd lists
// now; suspended says whether it is to list them as suspended. The others are kept.
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
		case u.Unknown && disk.Missing(r.spool.EnvelopePath(o.ID)), !u.Unknown && !known:
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

// give gives the mail to smtpd. It returns its id and the envelopes that it replaces; the
// others of old stay.
func (r *Run) give(ctx context.Context, conn *protocol.Conn, u *Unit, old []Old, token string, res *Result) (msg protocol.MessageID, went []Old, err error) {
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
	s, err := openSession(ctx, r.c.Opts.Socket, r.c.Opts.Timeout, token)
	if err != nil {
		res.keepAll(old, err)
		return 0, nil, err
	}
	defer s.close()
	rejected, err := s.begin(ctx, &mail)
	if err != nil {
		res.keepAll(old, err)
		return 0, nil, fatal(err)
	}
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
	msg, err = s.data(ctx, &mail, func() error {
		// Those that stay are not to be removed, whatever comes.
		n := note{Token: token, Event: sending, IDs: texts(went)}
		if id := r.incoming(token); id != 0 {
			n.Message = id.String()
		}
		return r.notes.add(n)
	})
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

// incoming returns the id of the mail that comes from a unit just now, 0 if it is not
// found: smtpd writes its envelopes to the folder incoming before it takes the mail
// (queue_fs.c).
func (r *Run) incoming(token string) protocol.MessageID {
	sp := spool.OpenCopies(filepath.Join(r.c.Opts.Spool, "incoming"), func() ([]byte, error) { return nil, spool.ErrNoKey })
	looked := 0
	for id, err := range sp.IDs() {
		if looked++; err != nil || looked > maxIncoming {
			break
		}
		if e, err := sp.ReadEnvelope(id); err == nil && e.Helo == token {
			return id.Msg()
		}
	}
	return 0
}

// fatal returns nil for what smtpd has answered to one mail: the next may fare better.
func fatal(err error) error {
	var reply *ReplyError
	var unreadable *UnreadableError
	if errors.As(err, &reply) && reply.Code != 421 || errors.As(err, &unreadable) || errors.Is(err, ErrNoDSN) {
		return nil
	}
	return err
}

// An UnreadableError means that the message of a unit cannot be read.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return "its message cannot be read: " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// finish removes the envelopes that went, and resumes those that were suspended for
// nothing.
func (r *Run) finish(ctx context.Context, conn *protocol.Conn, u *Unit, old, went []Old, msg protocol.MessageID, token string, res *Result) error {
	var err error
	for _, o := range went {
		res.Replaced = append(res.Replaced, Replaced{Old: o.ID, Msg: msg})
	}
	if len(went) > 0 {
		res.name(ctx, conn, u, went, msg)
		err = r.remove(ctx, conn, ids(went), u.Unknown)
	}
	if err := errors.Join(err, r.resumeRest(ctx, conn, u, old, went)); err != nil {
		return err
	}
	last := done
	if len(went) == 0 {
		last = left
	}
	return command.FileError(r.notes.add(note{Token: token, Event: last}))
}

// keep notes that an envelope is kept, unless that is noted already.
func (res *Result) keep(o Old, why string, gone bool) {
	if !slices.ContainsFunc(res.Kept, func(k Kept) bool { return k.ID == o.ID }) {
		res.Kept = append(res.Kept, Kept{o.ID, why, gone})
	}
}

// keepAll notes that envelopes are kept because of an error.
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

// name finds out the ids of the new envelopes, as far as smtpd still lists them.
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

// Address returns an address as SMTP has it between its brackets: nothing for the null
// sender.
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
