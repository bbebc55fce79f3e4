package protocol

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// The defaults of Options.
const (
	// DefaultSocket is where smtpd listens. /var/run is a link to /run on systems that
	// have /run.
	DefaultSocket = "/var/run/smtpd.sock"
	// DefaultTimeout is how long smtpd may take for one frame of an answer.
	DefaultTimeout = 15 * time.Second
)

// MaxWindow is the largest value of Options.Window.
const MaxWindow = 1024

// Options say how to talk to smtpd. A zero field stands for its default.
type Options struct {
	Timeout time.Duration // for each frame awaited, and for the connection itself
	Window  int           // requests in flight, 1 to 1024; 0 adapts it to smtpd
	Layout  Layout        // HostLayout if its Order is nil
	// IsLast, if set, reports whether the queue on disk is known to contain this
	// envelope and no envelope of the same message with a higher id. A true answer
	// saves a listing one request; false is always safe. IsLast may be called from the
	// goroutine of a listing and should return quickly.
	IsLast func(EnvelopeID) bool
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

// Dial connects to the control socket at path. Its error is an *OpError that wraps
// ErrNotRunning, ErrPermission, ErrTimeout or an error of the system.
func Dial(ctx context.Context, path string, opts Options) (*Conn, error) {
	opts = opts.withDefaults()
	nc, err := dial(ctx, path, opts.Timeout)
	if err != nil {
		return nil, &OpError{Op: "connect to " + path, Err: err}
	}
	return NewConn(nc, opts), nil
}

// DialSocket opens the socket at path, without speaking the protocol. Errors are those of
// Dial.
func DialSocket(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	nc, err := dial(ctx, path, timeout)
	if err != nil {
		return nil, &OpError{Op: "connect to " + path, Err: err}
	}
	return nc, nil
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
			// On Linux, EAGAIN means that the queue of connections to accept is full
			// for now.
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
