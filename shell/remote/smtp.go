package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// SMTPAddresses are where smtpd is expected to take mail from its own machine, the first first.
var SMTPAddresses = []string{"127.0.0.1:25", "[::1]:25"}

// ParseSMTP checks an address at which smtpd listens on another machine: an IP address and a
// port, such as 127.0.0.1:587.
func ParseSMTP(text string) error {
	a, err := netip.ParseAddrPort(text)
	if err != nil || a.Port() == 0 || a.Addr().Zone() != "" || a.String() != text {
		return errors.New("expected an IP address and a port, such as 127.0.0.1:587 or [::1]:25")
	}
	return nil
}

// An smtpWay is how the TCP ports of a machine are connected to: by ssh itself or, where sshd
// forwards nothing, by a program there. Neither needs to be root.
type smtpWay struct {
	name string
	args func(l *link, host, port string) (*program, error)
}

// smtpWays returns the ways to a TCP port of the machine, the best first. If only the way set,
// in the words of ParseWay, is to be used for the socket, it is the only one here, too.
func (f *Facts) smtpWays(set string) []smtpWay {
	nc := smtpWay{"nc", func(l *link, host, port string) (*program, error) { return l.open("nc -N " + host + " " + port) }}
	socat := smtpWay{"socat", func(l *link, host, port string) (*program, error) {
		return l.open("socat - 'TCP:" + net.JoinHostPort(host, port) + "'") // brackets mean something to a shell
	}}
	forward := smtpWay{"forwarding", func(l *link, host, port string) (*program, error) {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		return l.tcp(host, uint16(n))
	}}
	if _, name := cutWay(set); name == "nc" {
		return []smtpWay{nc}
	} else if name == "socat" {
		return []smtpWay{socat}
	} else if set == "forward" {
		return []smtpWay{forward}
	}
	all := []smtpWay{forward}
	if f.Tools["nc"] {
		all = append(all, nc)
	}
	if f.Tools["socat"] {
		all = append(all, socat)
	}
	return all
}

// An smtpPlace is where the last SMTP session of a link began.
type smtpPlace struct {
	link *link
	addr string
	way  string
}

// A NoSMTPError means that no address of a machine took a connection.
type NoSMTPError struct {
	Tried []string // each address, with the reason
}

func (e *NoSMTPError) Error() string {
	return "no SMTP session with smtpd there: " + strings.Join(e.Tried, "; ")
}

// SMTP connects to the first of some addresses of the machine, as seen there, that greets, within
// wait. Its ssh must run: nothing here starts it. way is the only way to smtpd that is to be
// used, in the words of ParseWay, or "" for the first that works. addr is the address.
func (h *Host) SMTP(ctx context.Context, addrs []string, way string, wait time.Duration) (nc net.Conn, addr string, err error) {
	l := h.current()
	if l == nil {
		return nil, "", h.fail(ErrUnreachable)
	}
	h.mu.Lock()
	known := h.smtp
	h.mu.Unlock()
	var failed NoSMTPError
	for _, addr := range addrs {
		if known.link == l && known.addr != addr {
			continue
		}
		host, port, _ := net.SplitHostPort(addr)
		var why []string
		for _, w := range l.facts.smtpWays(way) {
			if known.link == l && known.way != w.name {
				continue
			}
			p, err := w.args(l, host, port)
			if err != nil {
				return nil, "", h.fail(err)
			}
			greeted, err := p.greeted(ctx, wait)
			if err == nil {
				h.mu.Lock()
				h.smtp = smtpPlace{l, addr, w.name}
				h.mu.Unlock()
				return greeted, addr, nil
			}
			text := err.Error()
			if errors.Is(err, io.EOF) {
				text = (&SaidError{w.name, nil, errors.New("the connection was closed")}).Error()
				var said *SaidError
				if errors.As(p.said(w.name, err), &said) {
					text = said.Error()
				}
			}
			p.Close()
			switch {
			case ctx.Err() != nil:
				return nil, "", context.Cause(ctx)
			case l.endedSoon() != nil:
				return nil, "", h.fail(l.err)
			case errors.Is(err, os.ErrDeadlineExceeded):
				return nil, "", h.fail(fmt.Errorf("%s there takes a connection, and has not greeted within %v", addr, wait))
			}
			why = append(why, text)
		}
		failed.Tried = append(failed.Tried, addr+" ("+strings.Join(why, ", ")+")")
	}
	h.mu.Lock()
	h.smtp = smtpPlace{}
	h.mu.Unlock()
	return nil, "", h.fail(&failed)
}

// A greeted connection is one on which the first bytes have come.
type greeted struct {
	*program
	r *bufio.Reader
}

// Read implements io.Reader.
func (g *greeted) Read(p []byte) (int, error) { return g.r.Read(p) }

// greeted waits until something comes from the program.
func (p *program) greeted(ctx context.Context, wait time.Duration) (net.Conn, error) {
	p.SetDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { p.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	g := &greeted{p, bufio.NewReader(p)}
	_, err := g.r.Peek(1)
	return g, err
}

// Node returns the name that the machine has for itself; "" before it is connected.
func (h *Host) Node() string {
	facts, _ := h.Facts()
	return facts.Node
}
