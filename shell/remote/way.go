package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
)

// A way says how to reach the socket of smtpd through a link.
type way struct {
	name    string // the name that users see
	as      string // words that make the user root, with a blank at the end; "" for root
	program string // a command that copies to and from the socket; "" if ssh forwards it
	local   string // the path of the forwarded socket on this machine, "" before the first use
	layout  protocol.Layout
}

// A copier is a program that copies to and from a socket, with its words.
type copier struct{ tool, words string }

// copiers are all copiers, the best first. With -N, nc closes the connection at the end of its
// input.
var copiers = []copier{{"nc", "nc -N -U %s"}, {"socat", "socat - UNIX-CONNECT:%s"}, {"smtpctl", "smtpctl --socket %s --stdio"}}

// ways returns the possible ways to a socket of the machine, the best first.
func (f *Facts) ways(socket string) []*way {
	var all []*way
	as := []string{""}
	if f.UID == 0 {
		all = append(all, &way{name: "forwarding"})
	} else {
		as = nil
		for _, tool := range []string{"sudo", "doas"} {
			if f.Tools[tool] {
				as = append(as, tool+" -n ")
			}
		}
	}
	for _, as := range as {
		for _, c := range copiers {
			if f.Tools[c.tool] {
				all = append(all, toolWay(as, c.tool, socket))
			}
		}
	}
	return all
}

// maxTrip is the longest round trip that is believed: a slow answer may also mean that the
// machine was busy.
const maxTrip = 500 * time.Millisecond

// errNoWay means that the machine has no program that could reach the socket of smtpd as root.
func errNoWay() error {
	return fmt.Errorf("%w: the user there is not root, and there is no sudo or doas with nc, socat or this program", ErrUnreachable)
}

// Dial connects to the smtpd that listens on a socket of the host, and starts ssh if it does
// not run. It tries the possible ways until one works, and remembers that way. Errors are of
// type *Error; they wrap ErrUnreachable if ssh cannot connect, and protocol.ErrNotRunning if
// no smtpd listens.
func (h *Host) Dial(ctx context.Context, socket string, opts protocol.Options, o Options) (*protocol.Conn, error) {
	conn, err := h.dial(ctx, socket, opts, o)
	h.note(ctx, err)
	if err != nil {
		return nil, h.fail(err)
	}
	return conn, nil
}

func (h *Host) dial(ctx context.Context, socket string, opts protocol.Options, o Options) (*protocol.Conn, error) {
	if err := Path(socket); err != nil {
		return nil, fmt.Errorf("%q: %w", socket, err)
	}
	a := h.ahead(socket, opts, o)
	defer a.drop()
	l, err := h.connected(ctx, opts.Timeout, o, a)
	if err != nil {
		return nil, notFound(h.name, err)
	}
	ways := l.facts.ways(socket)
	if o.Way != "" {
		w, err := l.facts.setWay(socket, o)
		if err != nil {
			return nil, err
		}
		ways = []*way{w}
	}
	h.mu.Lock()
	if known := h.ways[socket]; known != nil && (o.Way == "" || known.name == ways[0].name) {
		again := *known // since others may be using it, and try changes it
		ways = []*way{&again}
	}
	h.mu.Unlock()
	var failures []string
	err = errNoWay()
	for _, w := range ways {
		var conn *protocol.Conn
		if conn, err = h.try(ctx, l, w, a, socket, opts); err == nil {
			h.mu.Lock()
			h.ways[socket] = w
			h.mu.Unlock()
			return conn, nil
		}
		if why := l.whyEnded(); why != nil {
			return nil, why
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var said *SaidError
		switch {
		case strings.HasPrefix(w.program, w.as+"smtpctl ") && (w.as+o.Way == "" || isUsage(err)):
			// This is the smtpctl of OpenSMTPD, which has no --stdio and only prints how it is
			// used.
			if w.as+o.Way != "" {
				failures = append(failures, w.name+": it is the one of OpenSMTPD, which has no --stdio")
			}
		case errors.As(err, &said):
			failures = append(failures, w.name+": "+said.said())
		default:
			failures = append(failures, w.name+": "+cause(err).Error())
		}
		if !errors.Is(err, protocol.ErrHangup) {
			break // the way has reached smtpd, which fails or does not answer
		}
	}
	switch {
	case len(ways) == 0, !errors.Is(err, protocol.ErrHangup):
		return nil, err
	}
	there := h.look(ctx, l, socket)
	if there == absent {
		return nil, &protocol.OpError{Op: "connect to " + socket, Err: protocol.ErrNotRunning}
	}
	err = &NoWayError{Socket: socket, There: there == present, Root: l.facts.UID == 0, Tried: failures}
	if o.Way != "" {
		err = &setWayError{o, err}
	}
	return nil, err
}

// isUsage reports whether what a program has printed is no error of its own, nor of sudo or doas.
func isUsage(err error) bool {
	var said *SaidError
	return errors.As(err, &said) && len(said.Words) > 0 && !slices.ContainsFunc(said.Words, func(line string) bool {
		return strings.HasPrefix(line, "sudo: ") || strings.HasPrefix(line, "doas: ") || strings.HasPrefix(line, "smtpctl: ")
	})
}

// A NoWayError means that no way led to the socket of smtpd. There is false also if the user
// may not look into the folder of the socket.
type NoWayError struct {
	Socket string
	There  bool     // a socket was seen at that path
	Root   bool     // ssh logs in root
	Tried  []string // the name of each way, with the reason of its failure
}

func (e *NoWayError) Error() string {
	there := ""
	if e.There {
		there = ", though it is there"
	}
	return fmt.Sprintf("%s cannot be connected to%s (tried %s)", e.Socket, there, strings.Join(e.Tried, "; "))
}

// Advice returns what the user can do, as the end of the line of the error.
func (e *NoWayError) Advice() string {
	if e.Root {
		return "; see there whether smtpd runs"
	}
	return "; let sudo or doas there run nc, socat or smtpctl --stdio without a password, or log in as root"
}

// Unwrap returns protocol.ErrHangup.
func (e *NoWayError) Unwrap() error { return protocol.ErrHangup }

// The results of look.
const (
	unknown = iota // the user may not see it, or the check failed
	present
	absent
)

// look checks, with the rights of the user whom ssh logs in, whether a socket exists on the
// host.
func (h *Host) look(ctx context.Context, l *link, socket string) int {
	out, err := l.sh(ctx, "", "if [ -S "+socket+" ]; then echo yes; elif [ -x "+socket[:strings.LastIndexByte(socket, '/')+1]+" ]; then echo no; fi\n", 16)
	switch answer := strings.TrimSpace(string(out)); {
	case err == nil && answer == "yes":
		return present
	case err == nil && answer == "no":
		return absent
	}
	return unknown
}

// cause returns the innermost wrapped error.
func cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// try connects to smtpd by one way. It sends a question whose answer shows the layout of smtpd
// and, if that is wrong, connects again with the next layout. What a has found out is taken.
func (h *Host) try(ctx context.Context, l *link, w *way, a *ahead, socket string, opts protocol.Options) (*protocol.Conn, error) {
	if w.program == "" && w.local == "" {
		if conn, trip, err, ok := a.take(ctx, w); ok {
			h.tripped(trip, err)
			return conn, err
		}
	}
	layouts := l.facts.Layouts()
	if w.layout.Order != nil {
		layouts = []protocol.Layout{w.layout}
	}
	var err error
	for _, opts.Layout = range layouts {
		var nc net.Conn
		if nc, err = h.open(ctx, l, w, socket); err != nil {
			return nil, err
		}
		opened := time.Now()
		var conn *protocol.Conn
		var trip time.Duration
		if conn, trip, err = ask(ctx, nc, opts, opened); err == nil {
			h.tripped(trip, nil)
			w.layout = opts.Layout
			return conn, nil
		}
		var bad *protocol.ProtocolError
		if p, ok := nc.(*program); ok && errors.Is(err, protocol.ErrHangup) {
			return nil, p.said(w.name, err)
		} else if !errors.As(err, &bad) {
			return nil, err
		}
	}
	return nil, err
}

// tripped records a round trip that was measured, unless there was an error.
func (h *Host) tripped(trip time.Duration, err error) {
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trip = trip
}

// open opens a connection to the socket of smtpd by one way.
func (h *Host) open(ctx context.Context, l *link, w *way, socket string) (net.Conn, error) {
	if w.program != "" {
		return l.open(w.program)
	}
	if w.local == "" || !there(w.local) {
		folder, err := h.fleet.place()
		if err != nil {
			return nil, err
		}
		local := folder.socket()
		if err := l.forward(ctx, socket, local); err != nil {
			return nil, err
		}
		w.local = local
	}
	return dialForwarded(ctx, w.local)
}

// dialForwarded connects to a forwarded socket.
func dialForwarded(ctx context.Context, local string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", local)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", protocol.ErrHangup, err)
	}
	return nc, nil
}
