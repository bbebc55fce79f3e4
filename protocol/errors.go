package protocol

import (
	"errors"
	"fmt"
)

// Reasons why a request has no result; test for them with errors.Is.
var (
	// ErrNotRunning means that nothing listens on the control socket.
	ErrNotRunning = errors.New("smtpd does not seem to be running")
	// ErrPermission means that smtpd refused because the caller is not root,
	// or that the system does not let the caller open the socket.
	ErrPermission = errors.New("permission denied: smtpd answers only to root")
	// ErrRefused means that smtpd answered FAIL, which says nothing more.
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

// A ProtocolError means that smtpd sent what the protocol does not allow. The
// connection is closed then, since the order of answers is lost.
type ProtocolError struct {
	Reason string
}

func (e *ProtocolError) Error() string { return "unexpected answer from smtpd: " + e.Reason }

// An OpError adds to an error what was being done.
type OpError struct {
	Op  string // such as "show routes" or "connect to /var/run/smtpd.sock"
	Err error
}

func (e *OpError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Unreachable reports whether err means that smtpd cannot be talked to now: it
// is not running, hung up or did not answer in time.
func Unreachable(err error) bool {
	return errors.Is(err, ErrNotRunning) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrHangup)
}
