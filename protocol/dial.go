package protocol

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// Defaults of Options.
const (
	// DefaultSocket is where smtpd listens; /var/run is a link to /run where
	// that exists.
	DefaultSocket = "/var/run/smtpd.sock"
	// DefaultTimeout is how long smtpd may take for one frame of an answer.
	DefaultTimeout = 15 * time.Second
	// actWindow is how many actions may wait for their answers at once.
	actWindow = 64
)

// MaxWindow is the largest window that can be set.
const MaxWindow = 1024

// Options say how to talk to smtpd. Zero fields get the defaults.
type Options struct {
	Timeout time.Duration // for each frame awaited, and for the connection itself
	Window  int           // requests in flight, 1 to 1024; 0 adapts it to smtpd
	Layout  Layout        // HostLayout if its Order is nil
	// Last, if set, reports whether the queue on disk is known to hold this
	// envelope and none of the same message with a higher id. That saves
	// listings a question; false is always right.
	Last func(EnvelopeID) bool
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	o.Window = min(max(o.Window, 0), MaxWindow)
	if o.Layout.Order == nil {
		o.Layout = HostLayout()
	}
	return o
}

// Dial connects to the control socket at path. The error is an *OpError around
// ErrNotRunning, ErrPermission, ErrTimeout or what the system said.
func Dial(ctx context.Context, path string, opts Options) (*Conn, error) {
	opts = opts.withDefaults()
	nc, err := dial(ctx, path, opts.Timeout)
	if err != nil {
		return nil, &OpError{Op: "connect to " + path, Err: err}
	}
	return NewConn(nc, opts), nil
}

// dial opens the socket.
func dial(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var d net.Dialer
	for {
		nc, err := d.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return nc, nil
		case errors.Is(err, syscall.EAGAIN):
			// Linux: the queue of connections to accept is full for now.
			select {
			case <-ctx.Done():
				return nil, ErrTimeout
			case <-time.After(10 * time.Millisecond):
			}
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
			return nil, ErrNotRunning
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
			return nil, ErrPermission
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
			return nil, ErrTimeout
		case errors.Is(err, syscall.EINVAL):
			return nil, errors.New("the path is too long for a socket")
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		default:
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return nil, err
		}
	}
}
