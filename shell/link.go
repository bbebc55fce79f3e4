package shell

import (
	"context"
	"errors"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// A cachedConn is the connection of a session.
type cachedConn struct {
	conn *protocol.Conn
	opts command.Options // that it was opened with
}

// fits reports whether the connection is what these options ask for.
func (l *cachedConn) fits(o command.Options) bool {
	return l.opts.Socket == o.Socket && l.opts.Spool == o.Spool && l.opts.Timeout == o.Timeout && l.opts.Window == o.Window
}

// link returns the place of the connection to the smtpd of a machine.
func (s *Session) link(host string) *cachedConn {
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	if s.links == nil {
		s.links = map[string]*cachedConn{}
	}
	l := s.links[host]
	if l == nil {
		l = &cachedConn{}
		s.links[host] = l
	}
	return l
}

// dial returns the connection to the smtpd that opts names, opening it if there
// is none or the one there was has ended.
func (s *Session) dial(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	if strings.Contains(opts.Host, ",") {
		return nil, errors.New("it is for one machine: name one host")
	}
	l := s.link(opts.Host)
	if l.conn != nil && l.fits(opts) && l.conn.Alive() {
		return l.conn, nil
	}
	l.close()
	if err := s.far.failure(opts.Host); err != nil {
		return nil, err
	}
	if opts.Host != "" {
		conn, err := s.dialFar(ctx, opts)
		if err == nil {
			*l = cachedConn{conn: conn, opts: opts}
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
	*l = cachedConn{conn: conn, opts: opts}
	return conn, nil
}

func (l *cachedConn) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
