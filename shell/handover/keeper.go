package handover

import (
	"cmp"
	"context"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// Limits of a session that is kept for the next mail. smtpd takes 100 mails in one by default, and
// ends one in which nothing has been said for 5 minutes.
const (
	mailsMost = 100
	keptMost  = 30 * time.Second
)

// A keeper keeps a session with smtpd on another machine for the next mail, since each new one takes
// a program there and some round trips. Only one in which no mail was refused in any way is kept, so
// that nothing that goes wrong with one mail concerns another. On this machine none is kept.
type keeper struct {
	c     *command.Call
	s     *session
	since time.Time
}

// begin begins a mail, in the session that is kept or in a new one: whatever goes wrong in the
// former, the latter is tried. name is what the client of a new session is called on this machine.
func (k *keeper) begin(ctx context.Context, name string, m *Mail) (s *session, rejected map[int]error, err error) {
	if s = k.take(); s != nil {
		s.use(ctx)
		if rejected, err = s.begin(ctx, m); err == nil && len(rejected) == 0 {
			return s, nil, nil
		}
		s.close()
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if k.c.Elsewhere() {
		name = token() // of all mails of the session
	}
	if s, err = openSession(ctx, k.c, name); err != nil {
		return nil, nil, err
	}
	if rejected, err = s.begin(ctx, m); err != nil {
		s.close()
		return nil, nil, err
	}
	return s, rejected, nil
}

// take returns the session that is kept, unless it is of no use any more.
func (k *keeper) take() *session {
	s := k.s
	k.s = nil
	if s != nil && time.Since(k.since) > keptMost {
		s.close()
		return nil
	}
	return s
}

// done keeps a session in which smtpd has taken a mail as a whole, or ends it.
func (k *keeper) done(s *session, whole bool) {
	if s.mails++; !whole || s.far == nil || s.mails >= mailsMost {
		s.close()
		return
	}
	s.stop()
	k.s, k.since = s, time.Now()
}

// close ends the session that is kept.
func (k *keeper) close() {
	if k.s != nil {
		k.s.close()
		k.s = nil
	}
}

// A Sender submits mails that replace nothing.
type Sender struct{ keep keeper }

// NewSender returns a sender to the smtpd of a call.
func NewSender(c *command.Call) *Sender { return &Sender{keeper{c: c}} }

// Close ends the use of a sender.
func (s *Sender) Close() { s.keep.close() }

// Send submits a mail. The id is 0 if smtpd did not tell it.
func (s *Sender) Send(ctx context.Context, m *Mail) (protocol.MessageID, error) {
	c := s.keep.c
	in, rejected, err := s.keep.begin(ctx, cmp.Or(HostName(c, ""), "smtpctl.invalid"), m)
	if err != nil {
		return 0, err
	}
	whole := false
	defer func() { s.keep.done(in, whole) }()
	for _, why := range rejected {
		return 0, why
	}
	id, err := in.data(ctx, m, func() error {
		if in.far == nil {
			return nil
		}
		_, err := in.receives(disk.OpenSpool(ctx, c))
		return err
	})
	whole = err == nil
	return id, err
}
