package queue

import (
	"context"
	"fmt"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A Plan describes what a command is about to do to envelopes.
type Plan struct {
	Verb    string // such as "remove"
	N       int    // envelopes
	Unasked int    // up to how many of them nobody is asked for
	Senders Tops
	Domains Tops
	// Warnings are shown with the question, one on each line.
	Warnings []string
}

// Approve compares a plan with --expect, and asks at the prompt. An error means that
// nothing must be done.
func (p *Plan) Approve(ctx context.Context, c *command.Call) error {
	if err := c.CheckExpected(ctx, p.N, "selected"); err != nil {
		return err
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
