package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// Exit statuses, the same one-shot, in scripts and at the prompt.
const (
	StatusOK          = 0
	StatusFailed      = 1 // the command failed, or what it names does not exist
	StatusUsage       = 2 // the words make no command; nothing was sent
	StatusUnreachable = 3 // smtpd cannot be reached
	statusSignal      = 128
)

// A UsageError is a line that is no command.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// A signalError is the cause of a context that a signal ended.
type signalError struct{ sig syscall.Signal }

func (e *signalError) Error() string {
	switch e.sig {
	case syscall.SIGINT:
		return "interrupted"
	case syscall.SIGTERM:
		return "terminated"
	}
	return e.sig.String()
}

// A placedError adds to an error the file and line it comes from. Its printing
// leaves out the name of the program.
type placedError struct {
	file string
	line int
	err  error
}

func (e *placedError) Error() string { return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err) }
func (e *placedError) Unwrap() error { return e.err }

// A reportedError has been printed already; only its status still counts.
type reportedError struct{ err error }

func (e *reportedError) Error() string { return e.err.Error() }
func (e *reportedError) Unwrap() error { return e.err }

// Status returns the exit status for an error, 0 for none.
func Status(err error) int {
	var usage *UsageError
	var sig *signalError
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &usage):
		return StatusUsage
	case errors.As(err, &sig):
		return statusSignal + int(sig.sig)
	case protocol.Unreachable(err):
		return StatusUnreachable
	case errors.Is(err, context.Canceled):
		return statusSignal + int(syscall.SIGINT)
	}
	return StatusFailed
}

// printError prints an error with what can be done about it, and returns its
// status. It is the only place that prints errors.
func printError(w io.Writer, style render.Style, err error) int {
	if err == nil {
		return StatusOK
	}
	var done *reportedError
	if errors.As(err, &done) {
		return Status(err)
	}
	if sig, ok := err.(*signalError); ok {
		return statusSignal + int(sig.sig) // nothing to say but that it ended
	}
	if errors.Is(err, syscall.EPIPE) {
		return statusSignal + int(syscall.SIGPIPE) // whoever reads had enough
	}
	var placed *placedError
	text := render.Bound(render.Safe(err.Error())+advice(err), render.MaxMessage)
	if !errors.As(err, &placed) {
		text = style.Error("smtpctl:") + " " + text
	}
	fmt.Fprintln(w, text)
	printHints(w, err)
	return Status(err)
}

// advice returns what can be done about an error, to end its line with.
func advice(err error) string {
	switch {
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

// printHints prints what the user might have meant.
func printHints(w io.Writer, err error) {
	var (
		ambiguous  *grammar.AmbiguousError
		unknown    *grammar.UnknownError
		incomplete *grammar.IncompleteError
		ids        *ambiguousIDError
	)
	switch {
	case errors.As(err, &ambiguous):
		fmt.Fprintln(w, "it could be:")
		printCandidates(w, ambiguous.Path, ambiguous.Candidates)
	case errors.As(err, &incomplete):
		fmt.Fprintln(w, "it goes on with one of:")
		printCandidates(w, incomplete.Path, incomplete.Candidates)
	case errors.As(err, &unknown) && len(unknown.Nearest) > 0:
		fmt.Fprintln(w, "did you mean:")
		printCandidates(w, unknown.Path, unknown.Nearest)
	case errors.As(err, &unknown) && len(unknown.All) > 0 && len(unknown.Path) > 0:
		fmt.Fprintln(w, "it takes one of:")
		printCandidates(w, unknown.Path, unknown.All)
	case errors.As(err, &unknown) && len(unknown.All) > 0:
		fmt.Fprintln(w, `"help" lists the commands`)
	case errors.As(err, &ids):
		fmt.Fprintln(w, "it could be:")
		for _, c := range ids.candidates {
			fmt.Fprintln(w, "  "+render.Safe(c))
		}
		if ids.more {
			fmt.Fprintln(w, "  and more")
		}
	}
}

// printCandidates prints words that can follow path, with their summaries.
func printCandidates(w io.Writer, path []string, cs []grammar.Candidate) {
	head := ""
	if len(path) > 0 {
		head = strings.Join(path, " ") + " "
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range cs {
		fmt.Fprintf(tw, "  %s\t%s\n", render.Bound(head+c.Word, argBytes), c.Summary)
	}
	tw.Flush()
}

// fileError words an error of the file system without the name of the system
// call.
func fileError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}
