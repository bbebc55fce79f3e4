package command

import "context"

// A Viewing says who sees what a call prints, and when.
type Viewing struct {
	// Watched says that the output, which something else puts together, goes to a terminal.
	Watched bool
	// Repeated says that the call is carried out again and again.
	Repeated bool
	// Later, if set, takes work that is not to keep the output waiting, such as that of a call for
	// one of several machines.
	Later func(work func(ctx context.Context))
}

// Seen reports whether a person sees the output of a call on a terminal.
func (c *Call) Seen() bool { return c.Out.Tty || c.Watched }

// AfterOutput does some work once all output of the call has been printed, for which the caller
// has flushed its own.
func (c *Call) AfterOutput(ctx context.Context, work func(ctx context.Context)) {
	if c.Later != nil {
		c.Later(work)
		return
	}
	work(ctx)
}
