package queue

import (
	"context"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A Mark lets a command of another package act on envelopes. It records which envelopes
// were acted on, and changes what is said of the action. The set of envelopes is fixed
// before the first request.
type Mark struct {
	Command string // what the result calls the command
	Verb    string // what is said of what was done: "3 envelopes held"
	Hold    string // the selector of the hold, for the result as JSON
	// Quiet prints nothing if nothing was done, and does not count envelopes that are
	// in the wanted state already.
	Quiet bool
	// Spare, if set, reports whether an envelope must not be touched.
	Spare func(e *protocol.Envelope) bool
	// Before is called with the envelopes that are to be acted on, after all questions
	// and before the first request. Its error ends the action.
	Before func(ids []protocol.EnvelopeID) error
}

// Suspend does the same as pause envelope, and returns the envelopes for which smtpd
// has confirmed it, ascending.
func Suspend(ctx context.Context, c *command.Call, m *Mark) ([]protocol.EnvelopeID, error) {
	t := &tally{mark: m}
	err := actTallied(ctx, c, protocol.PauseEnvelope, m.Verb, t)
	return t.acted, err
}

// Resume does the same as resume envelope, and returns as Suspend does.
func Resume(ctx context.Context, c *command.Call, m *Mark) ([]protocol.EnvelopeID, error) {
	t := &tally{mark: m}
	err := actTallied(ctx, c, protocol.ResumeEnvelope, m.Verb, t)
	return t.acted, err
}

// spares reports whether an envelope must not be touched.
func (m *Mark) spares(e *protocol.Envelope) bool { return m != nil && m.Spare != nil && m.Spare(e) }

// before passes on the envelopes that are to be acted on.
func (m *Mark) before(ids []protocol.EnvelopeID) error {
	if m == nil || m.Before == nil {
		return nil
	}
	return m.Before(ids)
}

// quiet reports whether a result is not printed.
func (m *Mark) quiet(c *command.Call, t *tally) bool {
	return m != nil && m.Quiet && !c.Opts.DryRun && t.done+t.refused+t.unconfirmed == 0
}

// counted removes from a tally what need not be repeated with each pass.
func (m *Mark) counted(t *tally) {
	if m != nil && m.Quiet {
		t.suspended, t.running, t.missing = 0, 0, 0
	}
}

// named adds the name of the hold to a result.
func (m *Mark) named(j TallyJSON) TallyJSON {
	if m != nil {
		j.Command, j.Hold = m.Command, m.Hold
	}
	return j
}

// of returns the name of the hold for a result, where several may be printed.
func (m *Mark) of() string {
	if m == nil || !m.Quiet {
		return ""
	}
	return render.Safe(" (" + m.Hold + ")")
}
