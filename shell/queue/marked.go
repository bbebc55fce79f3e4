package queue

import (
	"context"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A Mark is what a command of another package keeps of an action on envelopes, and how
// it speaks of it. The set of envelopes is fixed before the first of them is acted on.
type Mark struct {
	Command string // what the result calls the command
	Verb    string // what is said of what was done: "3 envelopes held"
	Hold    string // the selector of the hold, for the result as JSON
	// Quiet prints nothing where nothing was done, and counts no envelope that is in
	// the wanted state already.
	Quiet bool
	// Spare, if set, reports whether an envelope is left alone.
	Spare func(e *protocol.Envelope) bool
	// Before is called with the envelopes that are to be acted on, after all questions
	// and before the first request. An error of it ends the action.
	Before func(ids []protocol.EnvelopeID) error
}

// Suspend does what pause envelope does, and returns the envelopes for which smtpd has
// confirmed it, ascending.
func Suspend(ctx context.Context, c *command.Call, m *Mark) ([]protocol.EnvelopeID, error) {
	t := &tally{mark: m}
	err := actTallied(ctx, c, protocol.PauseEnvelope, m.Verb, t)
	return t.acted, err
}

// Resume is Suspend for what resume envelope does.
func Resume(ctx context.Context, c *command.Call, m *Mark) ([]protocol.EnvelopeID, error) {
	t := &tally{mark: m}
	err := actTallied(ctx, c, protocol.ResumeEnvelope, m.Verb, t)
	return t.acted, err
}

// spares reports whether an envelope is left alone.
func (m *Mark) spares(e *protocol.Envelope) bool { return m != nil && m.Spare != nil && m.Spare(e) }

// before hands over the envelopes that are to be acted on.
func (m *Mark) before(ids []protocol.EnvelopeID) error {
	if m == nil || m.Before == nil {
		return nil
	}
	return m.Before(ids)
}

// quiet reports whether a result is not worth being said.
func (m *Mark) quiet(c *command.Call, t *tally) bool {
	return m != nil && m.Quiet && !c.Opts.DryRun && t.done+t.refused+t.unconfirmed == 0
}

// counted takes out of a tally what is not to be said again with each pass.
func (m *Mark) counted(t *tally) {
	if m != nil && m.Quiet {
		t.suspended, t.running, t.missing = 0, 0, 0
	}
}

// named says what a result is of.
func (m *Mark) named(j TallyJSON) TallyJSON {
	if m != nil {
		j.Command, j.Hold = m.Command, m.Hold
	}
	return j
}

// of says of which hold a result is, where several may be printed.
func (m *Mark) of() string {
	if m == nil || !m.Quiet {
		return ""
	}
	return render.Safe(" (" + m.Hold + ")")
}
