package protocol

import (
	"errors"
	"fmt"
)

// Reasons why a request failed. Test for them with errors.Is.
var (
	// ErrNotRunning means that no process listens on the control socket.
	ErrNotRunning = errors.New("smtpd does not seem to be running")
	// ErrPermission means that smtpd refused the request because the caller is not
	// root, or that the system does not allow the caller to open the socket.
	ErrPermission = errors.New("permission denied: smtpd answers only to root")
	// ErrRefused means that smtpd answered FAIL, which carries no reason.
	ErrRefused = errors.New("refused by smtpd")
	// ErrTimeout means that smtpd did not answer before the deadline.
	ErrTimeout = errors.New("no answer from smtpd")
	// ErrHangup means that smtpd closed the connection.
	ErrHangup = errors.New("smtpd closed the connection")
)

// A VersionError means that smtpd speaks another version of the protocol.
type VersionError struct {
	Daemon uint32 // the version that smtpd speaks; this package speaks Version
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("smtpd speaks version %d of the control protocol, this program speaks %d", e.Daemon, Version)
}

// A ProtocolError means that smtpd sent something that the protocol does not allow. The
// connection is closed, because answers can no longer be matched to requests.
type ProtocolError struct {
	Reason string
}

func (e *ProtocolError) Error() string { return "unexpected answer from smtpd: " + e.Reason }

// An UnansweredError means that a request which changes something was sent, and that no
// answer to it has come: nobody knows whether smtpd has done it.
type UnansweredError struct {
	Err error // why there is no answer
}

func (e *UnansweredError) Error() string { return e.Err.Error() + ", and smtpd may have done it" }

// Unwrap returns the cause.
func (e *UnansweredError) Unwrap() error { return e.Err }

// An OpError adds the operation to an error.
type OpError struct {
	Op  string // such as "show routes" or "connect to /var/run/smtpd.sock"
	Err error
}

func (e *OpError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Unreachable reports whether err means that smtpd cannot be reached now: it is not
// running, closed the connection, or did not answer in time.
func Unreachable(err error) bool {
	return errors.Is(err, ErrNotRunning) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrHangup)
}
