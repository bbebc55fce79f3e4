package handover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// On its own machine, smtpd gives a descriptor of an SMTP session over its control socket. From
// another machine mail is handed over to a TCP port there, at which somebody else than this smtpd
// may listen. What tells is the folder incoming of its spool: smtpd writes each envelope there
// before it accepts the recipient, with the name by which the client has called itself, and
// nobody else knows that name. Until then smtpd has not been given the mail, and nothing of it
// stays if the session ends.

// maxIncoming is how many messages in the folder incoming are looked at.
const maxIncoming = 1000

// maxProbed is how many recipients are tried before anything is changed. smtpd ends a session
// in which it has rejected 50.
const maxProbed = 40

// isOpenSMTPD is what every OpenSMTPD greets with, after the name of its host.
const isOpenSMTPD = " ESMTP OpenSMTPD"

// A listener is where mail is handed over on another machine. Its methods may be called with nil,
// for this machine.
type listener struct {
	host, addr, socket string
	name               string // by which it greets
}

// connect connects to the smtpd of a call, which greets first.
func connect(ctx context.Context, c *command.Call) (net.Conn, *listener, error) {
	if !c.Elsewhere() {
		conn, err := protocol.DialSMTP(ctx, c.Opts.Socket, protocol.Options{Timeout: c.Opts.Timeout})
		return conn, nil, err
	}
	control, err := c.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	st, err := control.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	if st.Paused(protocol.SMTP) {
		return nil, nil, protocol.ErrNoSession
	}
	var addrs []string
	if c.Opts.SMTP != "" {
		addrs = []string{c.Opts.SMTP}
	}
	conn, addr, err := c.Far(c.Opts.Host).SMTP(ctx, addrs, replyTime)
	l := &listener{host: c.Opts.Host, addr: addr, socket: c.Opts.Socket}
	if err != nil {
		if context.Cause(ctx) == nil && !protocol.Unreachable(err) {
			err = l.advise(err)
		}
		return nil, nil, err
	}
	return conn, l, nil
}

// advise adds to an error what the user can do.
func (l *listener) advise(err error) error {
	return fmt.Errorf("%w; let smtpd there listen on lo, or say where it listens in the settings: host %s = smtp=127.0.0.1:PORT", err, l.host)
}

// greets returns why a greeting is not that of an OpenSMTPD.
func (l *listener) greets(text string) error {
	if l == nil {
		return nil
	}
	name, is := strings.CutSuffix(text, isOpenSMTPD)
	if l.name = name; !is {
		return l.advise(fmt.Errorf("%s there is not OpenSMTPD, it greets with %q: nothing is handed over", l.addr, render.Bound(text, 100)))
	}
	return nil
}

// refuses returns an error of MAIL, and what it means if the listener wants TLS or a login first.
func (l *listener) refuses(err error) error {
	var reply *ReplyError
	if l != nil && errors.As(err, &reply) && reply.Code == 530 {
		return l.advise(fmt.Errorf("%s there takes no mail without TLS or a login: %w", l.addr, err))
	}
	return err
}

// noDSN returns the error for options of DSN that are not taken.
func (l *listener) noDSN() error {
	if l == nil {
		return ErrNoDSN
	}
	return fmt.Errorf("%w (%s there has no-dsn)", errListenerDSN, l.addr)
}

// receives returns the id of the mail that smtpd has been given all recipients of, or 0 if it is
// not found. On another machine it is an error that it is not found.
func (s *session) receives(sp *spool.Spool) (protocol.MessageID, error) {
	id, err := incoming(sp, s.helo)
	switch l := s.far; {
	case l == nil || id != 0:
		return id, nil
	case err != nil:
		return 0, fmt.Errorf("nothing is handed over, since it cannot be made sure that %s there is the smtpd of %s: %w", l.addr, l.socket, command.FileError(err))
	default:
		return 0, l.advise(fmt.Errorf("another smtpd (%s) listens at %s there than that of %s, since it does not write to %s: nothing is handed over",
			l.name, l.addr, l.socket, sp.Incoming().Queue()))
	}
}

// incoming returns the id of the mail whose client calls itself helo, of those that smtpd is
// receiving, or 0 if there is none. smtpd writes the envelopes to the folder incoming before it
// accepts the mail (queue_fs.c). An error may be that of other mail.
func incoming(sp *spool.Spool, helo string) (protocol.MessageID, error) {
	in := sp.Incoming()
	var ids []protocol.EnvelopeID // the first of each message
	var failed error
	for id, err := range in.IDs() {
		if err != nil {
			failed = cmp.Or(failed, err)
		} else if len(ids) == 0 || ids[len(ids)-1].Msg() != id.Msg() {
			ids = append(ids, id)
		}
		if len(ids) == maxIncoming {
			break
		}
	}
	for some := range slices.Chunk(ids, spool.AheadMost) {
		in.AheadEnvelopes(some)
		for _, id := range some {
			e, err := in.ReadEnvelope(id)
			if err == nil && e.Helo == helo {
				return id.Msg(), nil
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = cmp.Or(failed, err)
			}
		}
	}
	return 0, failed
}

// probe makes sure, before anything is changed on another machine, that mail can be handed over
// to its smtpd: a recipient is accepted, and then nothing more is said.
func (r *Run) probe(ctx context.Context, units []*Unit) error {
	if !r.c.Elsewhere() {
		return nil
	}
	s, err := openSession(ctx, r.c, token())
	if err != nil {
		return err
	}
	defer s.close()
	left, first := maxProbed, error(nil)
	for _, u := range units {
		mail := Mail{From: u.Mail.From}
		for _, to := range u.Mail.To[:min(left, len(u.Mail.To))] {
			mail.To = append(mail.To, Recipient{Addr: to.Addr})
		}
		left -= len(mail.To)
		if len(mail.To) == 0 {
			break
		}
		rejected, err := s.begin(ctx, &mail)
		var reply *ReplyError
		switch {
		case err != nil && (!errors.As(err, &reply) || reply.Code == 421 || reply.Code == 530):
			return err
		case err != nil:
			first = cmp.Or(first, err)
			left -= 1
		case len(rejected) < len(mail.To):
			_, err := s.receives(r.spool)
			return err
		default:
			first = cmp.Or(first, rejected[0])
		}
		if err := s.say(250, "RSET"); err != nil {
			return endOf(ctx, err)
		}
	}
	return fmt.Errorf("%s there accepts none of this mail: %w: see whether a rule of smtpd.conf takes it from local, which this smtpctl is there", s.far.addr, first)
}

// missing reports whether there is no file of an envelope. A file that cannot be accessed is not
// missing.
func (r *Run) missing(id protocol.EnvelopeID) bool {
	_, err := r.spool.Stat(false, r.spool.EnvelopePath(id))
	return errors.Is(err, fs.ErrNotExist)
}
