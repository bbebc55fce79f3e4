package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"smtpctl/protocol"
)

// Exit statuses. They are the same for one-shot commands, in scripts and at the prompt.
const (
	StatusOK          = 0
	StatusFailed      = 1 // the command failed, or what it names does not exist
	StatusUsage       = 2 // the words are not a valid command; nothing was carried out
	StatusUnreachable = 3 // smtpd cannot be reached
	StatusSignal      = 128
)

// A UsageError is the error for a line that is not a valid command.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// A SignalError is the cause of a context that was ended by a signal.
type SignalError struct{ Sig syscall.Signal }

func (e *SignalError) Error() string {
	switch e.Sig {
	case syscall.SIGINT:
		return "interrupted"
	case syscall.SIGTERM:
		return "terminated"
	}
	return e.Sig.String()
}

// A PlacedError adds the file and line where an error occurred. It is printed without
// the name of the program.
type PlacedError struct {
	File string
	Line int
	Err  error
}

func (e *PlacedError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

func (e *PlacedError) Unwrap() error { return e.Err }

// A ReportedError is an error that has been printed already. Only its status still
// counts.
type ReportedError struct{ Err error }

func (e *ReportedError) Error() string { return e.Err.Error() }

func (e *ReportedError) Unwrap() error { return e.Err }

// An OutputError means that results could not be written.
type OutputError struct{ Err error }

func (e *OutputError) Error() string {
	var pe *os.PathError
	if errors.As(e.Err, &pe) && pe.Path != os.Stdout.Name() {
		return FileError(e.Err).Error()
	} else if pe != nil {
		return "standard output: " + pe.Err.Error()
	}
	return "standard output: " + e.Err.Error()
}

func (e *OutputError) Unwrap() error { return e.Err }

// HadEnough reports whether an error means that the reader of the results has stopped
// reading.
func HadEnough(err error) bool {
	var out *OutputError
	return errors.As(err, &out) && errors.Is(out, syscall.EPIPE)
}

// A PartlyDoneError is a usage error that occurred after something had been carried
// out, so that its status must not say that nothing was.
type PartlyDoneError struct{ Err error }

func (e *PartlyDoneError) Error() string { return e.Err.Error() }

func (e *PartlyDoneError) Unwrap() error { return e.Err }

// Status returns the exit status for an error, 0 for none.
func Status(err error) int {
	var usage *UsageError
	var sig *SignalError
	var partly *PartlyDoneError
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &partly):
		return StatusFailed
	case HadEnough(err):
		return StatusSignal + int(syscall.SIGPIPE)
	case errors.As(err, &usage):
		return StatusUsage
	case errors.As(err, &sig):
		return StatusSignal + int(sig.Sig)
	case protocol.Unreachable(err), LostMachine(err):
		return StatusUnreachable
	case errors.Is(err, context.Canceled):
		return StatusSignal + int(syscall.SIGINT)
	}
	return StatusFailed
}

// LostMachine reports whether an error says of itself that a machine cannot be reached.
func LostMachine(err error) bool {
	var far interface{ Unreachable() bool }
	return errors.As(err, &far) && far.Unreachable()
}

// Advice returns what can be done about an error, to end its line with.
func Advice(err error) string {
	var own interface{ Advice() string }
	switch {
	case errors.As(err, &own):
		return own.Advice()
	case LostMachine(err): // it is the machine, of which ssh has said what it knows
		return ""
	case errors.Is(err, protocol.ErrNotRunning):
		return "; start it, or name its socket with --socket"
	case errors.Is(err, protocol.ErrPermission):
		return "; use sudo or doas"
	case errors.Is(err, protocol.ErrTimeout):
		return "; it may be busy or stuck: look at its log, or give it more --timeout"
	case errors.Is(err, protocol.ErrHangup):
		return "; it may have been restarted, or have 32 connections from you already: try again"
	}
	return ""
}

// Interrupted adds what has been done to an error, if the command was interrupted.
func Interrupted(ctx context.Context, c *Call, err error, done string) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w, %s", PathOf(c), cause, done)
}

// Stopped adds how far the command has got to an error, whatever its cause.
func Stopped(ctx context.Context, c *Call, err error, done string) error {
	if out := Interrupted(ctx, c, err, done); err == nil || out != err {
		return out
	}
	return fmt.Errorf("%w: %s", err, done)
}

// NothingDone adds to an error before which nothing was changed that nothing was, unless it says
// so by itself: if the command was interrupted, or smtpd did not go on answering.
func NothingDone(ctx context.Context, c *Call, err error, done string) error {
	if protocol.Unreachable(err) && !errors.Is(err, protocol.ErrNotRunning) {
		return Stopped(ctx, c, err, done)
	}
	return Interrupted(ctx, c, err, done)
}

// FileError returns an error of the file system without the name of the system call.
func FileError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}

// ErrExit is returned by a command that ends the session.
var ErrExit = errors.New("exit")

// Unsure adds to the error of a request that smtpd has not answered what tells whether
// smtpd has carried it out.
func Unsure(err error, tells string) error {
	var open *protocol.UnansweredError
	if errors.As(err, &open) {
		return fmt.Errorf("%w: %s", err, tells)
	}
	return err
}
