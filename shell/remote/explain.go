package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"smtpctl/protocol"
)

// echoTime is how long a machine has to answer when its smtpd has not answered.
const echoTime = time.Second

// Explain returns an error of a connection to smtpd as an *Error. If ssh has ended, the error
// also says so, with what ssh said. If smtpd has not answered in time, it says whether the machine
// answers. Explain may wait up to endedWait for the end of ssh, and for echoTime.
func (h *Host) Explain(err error) error {
	h.mu.Lock()
	l := h.link
	h.mu.Unlock()
	if err == nil || l == nil || !protocol.Unreachable(err) {
		return h.fail(err)
	}
	if why := l.endedSoon(); why != nil {
		return &Error{h.name, fmt.Errorf("%w (%w)", why, err)}
	}
	if errors.Is(err, protocol.ErrTimeout) && !l.answers() {
		err = &silentError{h.name, err}
	}
	return h.fail(err)
}

// answers reports whether the machine answers by ssh within echoTime.
func (l *link) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), echoTime)
	defer cancel()
	_, err := l.sh(ctx, "", "", 0)
	return err == nil || ctx.Err() == nil
}

// A silentError means that smtpd has not answered in time, nor has its machine.
type silentError struct {
	host string
	err  error
}

func (e *silentError) Error() string {
	return e.err.Error() + ", and none from the machine itself"
}

// Advice returns what the user can do, as the end of the line of the error.
func (e *silentError) Advice() string {
	return "; see whether ssh " + e.host + " answers, or give it more --timeout"
}

// Unwrap returns the cause.
func (e *silentError) Unwrap() error { return e.err }

// A portError is that of a name that ends like an address with a port, and is not found.
type portError struct{ err error }

// notFound returns an error of ssh, with advice if the name of the machine seems to have a port.
func notFound(name string, err error) error {
	if _, port, ok := strings.Cut(name, ":"); ok && port != "" && strings.Trim(port, "0123456789") == "" && errors.Is(err, ErrUnreachable) {
		return &portError{err}
	}
	return err
}

func (e *portError) Error() string { return e.err.Error() }

// Advice returns what the user can do, as the end of the line of the error.
func (e *portError) Advice() string {
	return "; a port is no part of the name: set it in ~/.ssh/config, by Port below Host"
}

// Unwrap returns the cause.
func (e *portError) Unwrap() error { return e.err }
