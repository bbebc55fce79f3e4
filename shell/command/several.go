package command

import (
	"context"
	"fmt"
	"strings"

	"smtpctl/shell/render"
)

// A Several carries out a call for several machines again and again, each time as one list.
type Several interface {
	// Run does so once. A machine that does not answer in time is left out, or its lines of
	// before are shown again; the error, of type *SeveralError, says so.
	Run(ctx context.Context, c *Call) error
	// Seen tells of the last Run.
	Seen() Seen
	// Late returns a channel that gets a value when a machine has answered after the Run
	// that asked it.
	Late() <-chan struct{}
	// End gives up what is under way.
	End()
}

// A Seen tells what a list of several machines shows.
type Seen struct {
	Hosts   []string        // all machines
	Missing map[string]bool // those of which it shows nothing
	Cut     bool            // not all lines of some machine are there
	Queued  int             // envelopes in the queues of the machines that are not missing
}

// A SeveralError has the errors of several machines, each of which its error names.
type SeveralError struct{ Errs []error }

func (e *SeveralError) Error() string {
	var texts []string
	for _, err := range e.Errs {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them.
func (e *SeveralError) Unwrap() []error { return e.Errs }

// Named makes an error begin with the name of a machine.
func Named(host string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), host+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", host, err)
}

// WarnError tells the user of the error of one of several machines, which is not that of the whole
// call.
func (c *Call) WarnError(host string, err error) {
	c.Warnf("%s", render.Bound(c.ErrStyle.Error("smtpctl:")+" "+render.Safe(Named(host, err).Error())+Advice(err), render.MaxMessage))
}

// BoundNames returns the names of machines for a sentence, cut where they are many.
func BoundNames(names []string) string { return render.Bound(strings.Join(names, ", "), ArgBytes*4) }

// FailedOn says on which of several machines a call has failed.
func FailedOn(c *Call, names []string) string {
	return PathOf(c) + ": failed on " + BoundNames(names)
}

// Hosts returns the names of the machines that a call is for, if there are several, otherwise
// nil.
func (c *Call) Hosts() []string {
	if c.Cmd.Reach == Anywhere || !strings.Contains(c.Opts.Host, ",") {
		return nil
	}
	return strings.Split(c.Opts.Host, ",")
}

// CheckExpected compares how many envelopes a command would act on with --expect, where that was
// given: those of all machines together if it is for several. done says what they are in the
// error, such as selected. An error means that nothing must be done.
func (c *Call) CheckExpected(ctx context.Context, n int, done string) error {
	switch {
	case c.Opts.Expect < 0:
		return nil
	case c.Expected != nil:
		return c.Expected(ctx, n)
	case n != c.Opts.Expect:
		return fmt.Errorf("%s: %s %s, %d expected: nothing done", PathOf(c), render.Plural(n, "envelope"), done, c.Opts.Expect)
	}
	return nil
}
