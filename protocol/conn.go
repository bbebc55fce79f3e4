package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// drainGrace is how long smtpd may take, besides two round trips, to send the rest of the
// answer to a request that was given up. After that the connection is closed.
const drainGrace = time.Second

// A Conn is a connection to smtpd's control socket. Its methods may be called from
// several goroutines; each call has the connection to itself until its answer is
// complete, because the protocol matches answers to requests by order alone.
//
// If an answer does not arrive in time, or is not one that the protocol allows, the
// connection closes itself and every later call returns the same error.
type Conn struct {
	nc      net.Conn
	r       *FrameReader
	layout  Layout
	timeout time.Duration
	isLast  func(EnvelopeID) bool

	turn     chan struct{} // holds one token: the right to use what follows
	wbuf     []byte
	num      [8]byte // room for the number in a request
	inFlight []Type  // requests whose answers are not complete, oldest first
	pace     flowControl

	far atomic.Bool // round trips take long

	mu        sync.Mutex // guards what follows
	use       int        // counts the uses of the connection
	cancelled bool       // the current use is to end
	broken    error
}

// NewConn returns a Conn that speaks the protocol over an open connection. The Conn
// owns nc and closes it.
func NewConn(nc net.Conn, opts Options) *Conn {
	opts = opts.withDefaults()
	c := &Conn{
		nc:      nc,
		r:       NewFrameReader(nc, opts.Layout),
		layout:  opts.Layout,
		timeout: opts.Timeout,
		isLast:  opts.IsLast,
		pace:    flowControl{fixed: opts.Window},
		turn:    make(chan struct{}, 1),
	}
	c.turn <- struct{}{}
	return c
}

// Close closes the connection. A request in progress fails with ErrHangup.
func (c *Conn) Close() error {
	c.fail(net.ErrClosed)
	return nil
}

// Distant says how long a round trip to smtpd takes, where it is not on the same machine:
// listings and actions keep as many requests more in flight as are on their way in that time.
func (c *Conn) Distant(ctx context.Context, trip time.Duration) error {
	end, err := c.acquire(ctx)
	if err != nil {
		return opError(ctx, "set the round trip", err)
	}
	defer end()
	c.pace.trip = trip
	c.far.Store(c.pace.distant())
	return nil
}

// Far reports whether round trips take so long, as Distant has said, that to save them is worth
// more than to save smtpd work.
func (c *Conn) Far() bool { return c.far.Load() }

// Err returns why the connection is closed, or nil while it can be used.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// Alive reports whether the connection can be used. It also checks, without waiting,
// whether smtpd has closed the connection while it was idle.
func (c *Conn) Alive() bool {
	if c.Err() != nil {
		return false
	}
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	default:
		return true // in use; whoever uses it will see
	}
	err := peek(c.nc)
	if c.r.Unread() > 0 {
		err = errUnasked
	}
	if err != nil {
		c.fail(err)
		return false
	}
	return true
}

// fail closes the connection for the given reason. Only the first reason is kept.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.broken = err
		c.nc.Close()
	}
}

// acquire reserves the connection for one request or a run of requests. The caller must
// call the returned function once when it has finished.
func (c *Conn) acquire(ctx context.Context) (end func(), err error) {
	busy := time.NewTimer(c.timeout + drainGrace)
	defer busy.Stop()
	select {
	case <-c.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-busy.C:
		return nil, fmt.Errorf("%w: the connection is busy with another request", ErrTimeout)
	}
	if err := c.Err(); err != nil {
		c.turn <- struct{}{}
		return nil, err
	}
	c.mu.Lock()
	use := c.use
	c.mu.Unlock()
	grace := min(drainGrace+2*c.pace.trip, c.timeout)
	stop := context.AfterFunc(ctx, func() { c.cancel(use, grace) })
	return func() {
		stop()
		if len(c.inFlight) > 0 {
			c.cancel(use, grace)
			c.drain()
		}
		c.wbuf = c.wbuf[:0]
		c.mu.Lock()
		c.use++
		c.cancelled = false
		c.mu.Unlock()
		c.turn <- struct{}{}
	}, nil
}

// cancel makes every wait for smtpd end within a time, if the connection is still in the
// given use.
func (c *Conn) cancel(use int, grace time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.use == use && !c.cancelled {
		c.cancelled = true
		c.nc.SetDeadline(time.Now().Add(grace))
	}
}

// arm sets the deadline for the next frame, unless the request was cancelled.
func (c *Conn) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cancelled {
		c.nc.SetDeadline(time.Now().Add(c.timeout))
	}
}

// drain reads the rest of the answers to requests that were given up, so that the next
// request finds the connection in order.
func (c *Conn) drain() {
	for len(c.inFlight) > 0 {
		if _, _, err := c.recv(); err != nil {
			var fail *failure
			if !errors.As(err, &fail) {
				c.fail(ErrHangup)
				c.inFlight = c.inFlight[:0]
				return
			}
		}
	}
}

var pid = uint32(os.Getpid())

// send queues a request. The request is written when recv next has to wait.
func (c *Conn) send(t Type, payload []byte) error {
	b, err := c.layout.AppendFrame(c.wbuf, Frame{Type: t, PeerID: Version, PID: pid, Payload: payload})
	if err != nil {
		return err
	}
	c.wbuf = b
	c.inFlight = append(c.inFlight, t)
	return nil
}

// A failure is the error for a FAIL frame, after which the connection is still in
// order.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// recv returns the next frame of an answer, and whether it is the last frame of its
// request. A FAIL comes back as an error of type *failure; any other error means that
// the connection is closed. The payload is valid until the next call.
func (c *Conn) recv() (f Frame, last bool, err error) {
	f, ok, err := c.r.Buffered()
	if err == nil && !ok {
		f, err = c.wait()
	}
	if err != nil {
		err = c.ioError(err)
		c.fail(err)
		c.inFlight = c.inFlight[:0]
		return Frame{}, false, err
	}
	return c.matchResponse(f)
}

// wait writes the queued requests and reads until a frame is complete.
func (c *Conn) wait() (Frame, error) {
	c.arm()
	if len(c.wbuf) > 0 {
		if _, err := c.nc.Write(c.wbuf); err != nil {
			return Frame{}, err
		}
		c.wbuf = c.wbuf[:0]
	}
	return c.r.Next()
}

// matchResponse finds the request that f answers, and removes it when f is its last
// frame.
func (c *Conn) matchResponse(f Frame) (Frame, bool, error) {
	i := c.match(f.Type)
	if i < 0 {
		err := &ProtocolError{Reason: fmt.Sprintf("%v frame that nobody asked for", f.Type)}
		c.fail(err)
		c.inFlight = c.inFlight[:0]
		return Frame{}, false, err
	}
	asked := c.inFlight[i]
	last := !f.Type.streamed() || len(f.Payload) == 0
	if last {
		if i == 0 {
			c.inFlight = c.inFlight[1:] // there may be thousands
		} else {
			c.inFlight = append(c.inFlight[:i], c.inFlight[i+1:]...)
		}
	}
	if f.Type != TypeFail {
		return f, last, nil
	}
	if f.PeerID != 0 && f.PeerID != Version {
		err := &VersionError{Daemon: f.PeerID}
		c.fail(err)
		c.inFlight = c.inFlight[:0]
		return Frame{}, true, err
	}
	if !asked.acknowledged() {
		// Only a caller who is not root is refused a request that asks a question.
		return f, true, &failure{err: ErrPermission}
	}
	return f, true, &failure{err: ErrRefused}
}

// match returns the index in c.inFlight of the request that a frame of type t belongs
// to, or -1. A FAIL with no action in flight comes from smtpd's control process, which
// refuses requests in the order in which they arrived.
func (c *Conn) match(t Type) int {
	for i, o := range c.inFlight {
		if o == t && !o.acknowledged() || o.acknowledged() && (t == TypeOK || t == TypeFail) {
			return i
		}
	}
	if t == TypeFail && len(c.inFlight) > 0 {
		return 0
	}
	return -1
}

// ioError turns an error of the socket into an error of this package.
func (c *Conn) ioError(err error) error {
	var pe *ProtocolError
	switch {
	case errors.As(err, &pe):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	default:
		return ErrHangup
	}
}

// call sends one request and has decode read the payload of its single answer. decode runs
// while the connection is still reserved: the payload lies in a buffer that the next
// request overwrites.
func (c *Conn) call(ctx context.Context, op string, t Type, payload []byte, decode func(payload []byte) error) error {
	_, err := c.roundTrip(ctx, t, payload, decode)
	return opError(ctx, op, err)
}

// change is call for a request that changes something. The error is an UnansweredError if
// the request was sent and no answer that makes sense has come. decode may be nil.
func (c *Conn) change(ctx context.Context, op string, t Type, payload []byte, decode func(payload []byte) error) error {
	sent, err := c.roundTrip(ctx, t, payload, decode)
	var fail *failure
	if err == nil || !sent || errors.As(err, &fail) {
		return opError(ctx, op, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &OpError{Op: op, Err: &UnansweredError{err}}
}

// roundTrip does the work of call, and reports whether the request was sent.
func (c *Conn) roundTrip(ctx context.Context, t Type, payload []byte, decode func([]byte) error) (sent bool, err error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	if err := c.send(t, payload); err != nil {
		return false, err
	}
	f, _, err := c.recv()
	if err != nil || decode == nil {
		return true, err
	}
	return true, decode(f.Payload)
}

// opError adds the operation to err, unless that is nil. If ctx has ended, it returns the
// cause of that instead of the time-out that followed.
func opError(ctx context.Context, op string, err error) error {
	var fail *failure
	if err == nil {
		return nil
	}
	if errors.As(err, &fail) {
		err = fail.err
	} else if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &OpError{Op: op, Err: err}
}

// badSize returns the error for an answer whose payload has got bytes where want were
// expected, and closes the connection.
func (c *Conn) badSize(t Type, got, want int) error {
	err := &ProtocolError{Reason: fmt.Sprintf("%v answer of %d bytes, expected %d", t, got, want)}
	c.fail(err)
	return err
}
