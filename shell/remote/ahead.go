package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"smtpctl/protocol"
)

// aheadEvery is how often an ahead looks whether ssh has connected.
const aheadEvery = 5 * time.Millisecond

// An ahead reaches smtpd by the likeliest way, the forwarding, while the facts about the machine
// are still on their way: that saves the round trips of one after the other.
//
// Danger: smtpd before 7.8 ends at a frame of the other byte order. So an ahead only opens the
// socket, and sends nothing before the machine has said that it is little-endian and that the
// user is root. On any other machine nothing is sent, and what was opened is closed.
type ahead struct {
	h      *Host
	socket string
	opts   protocol.Options

	cancel context.CancelFunc // nil if it was not begun
	done   chan struct{}      // closed when the fields below are valid
	local  string             // the path of the forwarded socket on this machine, "" if there is none
	conn   *protocol.Conn     // nil if the way does not lead to smtpd
	trip   time.Duration
	err    error // why there is no conn; errNotAhead if that says nothing
}

// errNotAhead means that it was not tried whether the forwarding leads to smtpd.
var errNotAhead = errors.New("not tried")

// ahead returns an ahead that can be begun, or nil if the way that is set, or the user in the
// name of the host, says that the forwarding will not be used.
func (h *Host) ahead(socket string, opts protocol.Options, o Options) *ahead {
	user, _, named := strings.Cut(h.name, "@")
	if o.Way != "" && o.Way != "forward" || named && user != "root" {
		return nil
	}
	return &ahead{h: h, socket: socket, opts: opts}
}

// begin starts the work of an ahead. ssh must have been started.
func (a *ahead) begin(ctx context.Context, l *link) {
	ctx, a.cancel = context.WithCancel(ctx)
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		a.err = a.run(ctx, l)
	}()
}

// run does the work.
func (a *ahead) run(ctx context.Context, l *link) error {
	if !l.listens(ctx) {
		return errNotAhead
	}
	folder, err := a.h.fleet.place()
	if err != nil {
		return errNotAhead
	}
	local := folder.socket()
	if err := l.forward(ctx, a.socket, local); err != nil {
		return err
	}
	a.local = local
	opened := time.Now()
	nc, err := dialForwarded(ctx, local)
	if err != nil {
		return err
	}
	var f Facts
	select {
	case f = <-l.early:
	case <-l.done:
	case <-ctx.Done():
	}
	if !f.ahead() {
		nc.Close()
		return errNotAhead
	}
	a.opts.Layout = f.Layouts()[0]
	a.conn, a.trip, err = ask(ctx, nc, a.opts, opened)
	return err
}

// ahead reports whether smtpd may be asked before all is known of the machine.
func (f *Facts) ahead() bool { return f.UID == 0 && f.OS != "" && f.Little && !f.Big }

// listens waits until others can use the connection of ssh, by its control socket. It returns
// false if ssh ends before.
func (l *link) listens(ctx context.Context) bool {
	tick := time.NewTicker(aheadEvery)
	defer tick.Stop()
	for {
		if _, err := os.Lstat(l.control); err == nil {
			return true
		}
		select {
		case <-l.done:
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// take waits for the outcome, as the outcome of try for the forwarding w. ok is false if try has
// to find out by itself. A nil ahead has no outcome.
func (a *ahead) take(ctx context.Context, w *way) (conn *protocol.Conn, trip time.Duration, err error, ok bool) {
	if a == nil || a.cancel == nil {
		return nil, 0, nil, false
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx), true
	}
	w.local = a.local
	var bad *protocol.ProtocolError
	if errors.As(a.err, &bad) || errors.Is(a.err, errNotAhead) {
		return nil, 0, nil, false
	}
	if conn = a.conn; conn != nil {
		a.conn, w.layout = nil, a.opts.Layout
	}
	return conn, a.trip, a.err, true
}

// drop ends an ahead that was not taken.
func (a *ahead) drop() {
	if a == nil || a.cancel == nil {
		return
	}
	a.cancel()
	<-a.done
	if a.conn != nil {
		a.conn.Close()
	}
}

// ask sends a question over a connection that was opened at that time, whose answer shows whether
// the layout is that of smtpd and how long a round trip takes. If there is no answer that makes
// sense, it closes the connection.
func ask(ctx context.Context, nc net.Conn, opts protocol.Options, opened time.Time) (*protocol.Conn, time.Duration, error) {
	conn := protocol.NewConn(nc, opts)
	asked := time.Now()
	_, err := conn.Digest(ctx)
	if err == nil {
		// ssh opens its channel in one round trip, and sends what was written meanwhile after that.
		answered := time.Now()
		trip := min(answered.Sub(asked), answered.Sub(opened)/2)
		if err = conn.Distant(ctx, min(trip, maxTrip)); err == nil {
			return conn, trip, nil
		}
	}
	conn.Close()
	return nil, 0, err
}
