package fleet

import (
	"context"
	"errors"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// A link is the connection to the smtpd of a machine.
type link struct {
	conn *protocol.Conn
	opts command.Options // that it was opened with
}

// fits reports whether the connection is what these options ask for.
func (l *link) fits(o command.Options) bool {
	return l.opts.Socket == o.Socket && l.opts.Spool == o.Spool && l.opts.Timeout == o.Timeout && l.opts.Window == o.Window
}

// place returns the place of the connection to the smtpd of a machine.
func (f *Fleet) place(host string) *link {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.links == nil {
		f.links = map[string]*link{}
	}
	l := f.links[host]
	if l == nil {
		l = &link{}
		f.links[host] = l
	}
	return l
}

// Dial returns the connection to the smtpd that opts names, opening it if there
// is none or the one there was has ended.
func (f *Fleet) Dial(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	if strings.Contains(opts.Host, ",") {
		return nil, errors.New("it is for one machine: name one host")
	}
	l := f.place(opts.Host)
	if l.conn != nil && l.fits(opts) && l.conn.Alive() && !f.Gone(opts.Host) {
		return l.conn, nil
	}
	l.close()
	if err := f.Failure(opts.Host); err != nil {
		return nil, err
	}
	if opts.Host != "" {
		conn, err := f.dialFar(ctx, opts)
		if err == nil {
			*l = link{conn: conn, opts: opts}
		}
		return conn, err
	}
	conn, err := protocol.Dial(ctx, opts.Socket, protocol.Options{
		Timeout: opts.Timeout,
		Window:  opts.Window,
		IsLast:  spool.Open(opts.Spool).IsLastEnvelope,
	})
	if err != nil {
		return nil, err
	}
	*l = link{conn: conn, opts: opts}
	return conn, nil
}

// Link returns the connection to the smtpd of a machine if there is one; nil if there is none.
func (f *Fleet) Link(host string) *protocol.Conn { return f.place(host).conn }

func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
