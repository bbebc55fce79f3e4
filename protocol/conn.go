package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// drainGrace is how long a request that was given up may take to hand over the
// rest of its answer before the connection is closed instead.
const drainGrace = time.Second

// A Conn is a connection to smtpd's control socket. Its methods may be called
// from several goroutines; each has the connection to itself until its answer
// is complete, since the protocol matches answers to requests by order alone.
//
// When an answer fails to come, or is not one that the protocol allows, the
// connection closes itself and every later call returns the same error.
type Conn struct {
	nc      net.Conn
	r       *FrameReader
	layout  Layout
	timeout time.Duration
	isLast  func(EnvelopeID) bool

	turn chan struct{} // holds one token: the right to use what follows
	wbuf []byte
	num  [8]byte // room for the number in a request
	out  []Type  // requests whose answers are not complete, oldest first
	pace pace

	mu        sync.Mutex // guards what follows
	use       int        // counts the uses of the connection
	cancelled bool       // the current use is to end
	broken    error
}

// NewConn speaks the protocol over a connection that is already open.
func NewConn(nc net.Conn, opts Options) *Conn {
	opts = opts.withDefaults()
	c := &Conn{
		nc:      nc,
		r:       NewFrameReader(nc, opts.Layout),
		layout:  opts.Layout,
		timeout: opts.Timeout,
		isLast:  opts.Last,
		pace:    pace{fixed: opts.Window},
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

// Err returns why the connection is closed, or nil while it can be used.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// Alive reports whether the connection can be used, looking also whether smtpd
// has closed it while it was idle.
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

// fail closes the connection for the given reason; the first reason stays.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.broken = err
		c.nc.Close()
	}
}

// acquire takes the connection for one request or a run of requests. Every call
// that succeeds must be followed by one of the returned function.
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
	stop := context.AfterFunc(ctx, func() { c.cancel(use) })
	return func() {
		stop()
		if len(c.out) > 0 {
			c.cancel(use)
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

// cancel makes what still waits for smtpd end within drainGrace, if the
// connection is still in the given use.
func (c *Conn) cancel(use int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.use == use && !c.cancelled {
		c.cancelled = true
		c.nc.SetDeadline(time.Now().Add(min(drainGrace, c.timeout)))
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

// drain reads what is left of the answers to requests that were given up, so
// that the next request finds the connection in order.
func (c *Conn) drain() {
	for len(c.out) > 0 {
		if _, _, err := c.recv(); err != nil {
			var fail *failure
			if !errors.As(err, &fail) {
				c.fail(ErrHangup)
				c.out = c.out[:0]
				return
			}
		}
	}
}

var pid = uint32(os.Getpid())

// send queues a request; it is written when recv next has to wait.
func (c *Conn) send(t Type, payload []byte) error {
	b, err := c.layout.AppendFrame(c.wbuf, Frame{Type: t, PeerID: Version, PID: pid, Payload: payload})
	if err != nil {
		return err
	}
	c.wbuf = b
	c.out = append(c.out, t)
	return nil
}

// A failure is a FAIL frame. The connection stays in order after it.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// recv returns the next frame of an answer and whether it is the last one of
// its request. A FAIL comes back as an error of type *failure. Any other error
// means that the connection is closed.
func (c *Conn) recv() (f Frame, last bool, err error) {
	f, ok, err := c.r.Buffered()
	if err == nil && !ok {
		f, err = c.wait()
	}
	if err != nil {
		err = c.ioError(err)
		c.fail(err)
		c.out = c.out[:0]
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

// matchResponse finds the request that f answers.
func (c *Conn) matchResponse(f Frame) (Frame, bool, error) {
	i := c.match(f.Type)
	if i < 0 {
		err := &ProtocolError{Reason: fmt.Sprintf("%v frame that nobody asked for", f.Type)}
		c.fail(err)
		c.out = c.out[:0]
		return Frame{}, false, err
	}
	asked := c.out[i]
	last := !f.Type.streamed() || len(f.Payload) == 0
	if last {
		c.out = append(c.out[:i], c.out[i+1:]...)
	}
	if f.Type != TypeFail {
		return f, last, nil
	}
	if f.PeerID != 0 && f.PeerID != Version {
		err := &VersionError{Daemon: f.PeerID}
		c.fail(err)
		c.out = c.out[:0]
		return Frame{}, true, err
	}
	if !asked.acknowledged() {
		// Questions are refused to those who are not root, and to no one else.
		return f, true, &failure{err: ErrPermission}
	}
	return f, true, &failure{err: ErrRefused}
}

// match returns the index in c.out of the request that a frame of type t
// belongs to, or -1. A FAIL with no action in flight comes from smtpd's
// control process, which refuses requests in the order in which they came.
func (c *Conn) match(t Type) int {
	for i, o := range c.out {
		if o == t && !o.acknowledged() || o.acknowledged() && (t == TypeOK || t == TypeFail) {
			return i
		}
	}
	if t == TypeFail && len(c.out) > 0 {
		return 0
	}
	return -1
}

// ioError turns an error of the socket into one of this package's.
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

// call sends one request and has decode read the payload of its one answer,
// which is nil for an OK. decode, which may be nil, runs while the connection is
// still taken: the payload is in a buffer that the next user overwrites.
func (c *Conn) call(ctx context.Context, op string, t Type, payload []byte, decode func(payload []byte) error) error {
	if err := c.roundTrip(ctx, t, payload, decode); err != nil {
		return opError(ctx, op, err)
	}
	return nil
}

func (c *Conn) roundTrip(ctx context.Context, t Type, payload []byte, decode func([]byte) error) error {
	end, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := c.send(t, payload); err != nil {
		return err
	}
	f, _, err := c.recv()
	if err != nil || decode == nil {
		return err
	}
	return decode(f.Payload)
}

// opError adds the operation to err, and puts the reason why ctx ended in the
// place of the time-out that this caused.
func opError(ctx context.Context, op string, err error) error {
	var fail *failure
	if errors.As(err, &fail) {
		err = fail.err
	} else if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &OpError{Op: op, Err: err}
}

// badSize is the error for an answer whose payload has not the size wanted.
func (c *Conn) badSize(t Type, got, want int) error {
	err := &ProtocolError{Reason: fmt.Sprintf("%v answer of %d bytes, want %d", t, got, want)}
	c.fail(err)
	return err
}
