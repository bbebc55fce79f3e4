package command

import (
	"errors"

	"smtpctl/protocol"
)

// ErrNotConfirmed means that the user was asked and did not say yes.
var ErrNotConfirmed = errors.New("not confirmed, nothing done")

// An Undo says how to revert a call: by the command with these words, and with the
// envelopes and messages as further arguments. The zero value belongs to a call that
// has changed nothing that undo knows.
type Undo struct {
	Words     []string
	Envelopes []protocol.EnvelopeID // ascending
	Messages  []protocol.MessageID  // ascending, of each all envelopes
	// Refusal says why the call cannot be reverted. There are no words then.
	Refusal string
}

// Done reports whether there is something to revert.
func (u *Undo) Done() bool { return len(u.Words) > 0 || u.Refusal != "" }

// MaxUndo is how many ids an Undo holds at most. A call that changed more cannot be
// reverted.
const MaxUndo = 2_000_000
