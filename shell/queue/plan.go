package queue

import (
	"context"
	"fmt"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A Plan is what a command is about to do to envelopes.
type Plan struct {
	Verb    string // such as "remove"
	N       int    // envelopes
	Unasked int    // up to how many of them nobody is asked for
	Senders Tops
	Domains Tops
	// Warnings are shown with the question, each on a line of its own.
	Warnings []string
}

// Approve checks a plan against what was expected of it, and at the prompt asks. The
// error says that nothing is to be done.
func (p *Plan) Approve(ctx context.Context, c *command.Call) error {
	if c.Opts.Expect >= 0 && p.N != c.Opts.Expect {
		return fmt.Errorf("%s: %s selected, %d expected: nothing done", command.PathOf(c), render.Plural(p.N, "envelope"), c.Opts.Expect)
	}
	if c.Prefs.Confirm != nil && p.Unasked > 0 {
		p.Unasked = *c.Prefs.Confirm
	}
	if c.Opts.DryRun || p.N <= p.Unasked && !c.AskAll || p.N == 0 || !asksFirst(c) {
		return nil
	}
	c.Warnf("%s", render.Safe(fmt.Sprintf("%s: %s", p.Verb, render.Plural(p.N, "envelope"))))
	c.Warnf("  from %s", render.Safe(p.Senders.String()))
	c.Warnf("  to   %s", render.Safe(p.Domains.String()))
	for _, warning := range p.Warnings {
		c.Warnf("  %s", warning)
	}
	if c.Confirm(ctx, fmt.Sprintf("%s %s?", p.Verb, map[bool]string{true: "it", false: "them"}[p.N == 1])) {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return command.ErrNotConfirmed
}
