package queue

import (
	"context"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// A Picker tells which envelopes the arguments of a command select, for a command that
// finds envelopes in neither a listing nor a walk of the spool.
type Picker struct {
	All   bool // nothing was asked for: everything is selected
	Limit int  // of limit=N, 0 for none

	t   target
	now int64
}

// CheckPicked refuses arguments that a Picker does not support, before anything is
// sent.
func CheckPicked(c *command.Call) error {
	sel := selectionIn(c)
	if sel.sort != "" {
		return command.Usagef("%s: takes no sort=: it lists in the order of the ids", command.PathOf(c))
	}
	if hasColumns(c) {
		return command.Usagef("%s: takes no columns=", command.PathOf(c))
	}
	if err := offlineKnows(c, sel, "files on disk are looked at, and only the scheduler of smtpd knows"); err != nil {
		return command.Usagef("%v", err)
	}
	return CheckSelection(c)
}

// NewPicker returns the picker for the arguments of a call.
func NewPicker(ctx context.Context, c *command.Call) (*Picker, error) {
	sel := selectionIn(c)
	t, err := targetOf(ctx, c, sel)
	if err != nil {
		return nil, err
	}
	return &Picker{All: t.all && len(t.terms) == 0, Limit: sel.limit, t: t, now: time.Now().Unix()}, nil
}

// Picks reports whether an envelope is selected. If err is not nil, only the id of the
// envelope is known.
func (p *Picker) Picks(e *protocol.Envelope, err error) (bool, error) {
	ok := p.t.fits(e, err, p.now)
	if trouble := p.t.trouble(); trouble != nil {
		return false, fmt.Errorf("what the mail holds: %w", trouble)
	}
	return ok, nil
}

// Named reports whether the arguments select the id of an envelope; without ids they
// select any.
func (p *Picker) Named(id protocol.EnvelopeID) bool { return p.t.named(id) }

// Messages returns the messages of the ids among the arguments. all says that there are
// no ids, so that any message may be selected.
func (p *Picker) Messages() (msgs []protocol.MessageID, all bool) { return p.t.msgs, p.t.all }

// Terms reports whether there are terms, for which an envelope has to be read.
func (p *Picker) Terms() bool { return len(p.t.terms) > 0 }
