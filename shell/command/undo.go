package command

import (
	"errors"

	"smtpctl/protocol"
)

// ErrNotConfirmed means that the user was asked and did not say yes.
var ErrNotConfirmed = errors.New("not confirmed, nothing done")

// An Undo says how what a call has done is taken back: by the command of these words,
// with the envelopes and messages as its further arguments. The zero value is that of a
// call that has done nothing which undo knows of.
type Undo struct {
	Words     []string
	Envelopes []protocol.EnvelopeID // ascending
	Messages  []protocol.MessageID  // ascending, of each all envelopes
	// Refusal says why it cannot be taken back. Then there are no words.
	Refusal string
}

// Done reports whether there is something to be taken back.
func (u *Undo) Done() bool { return len(u.Words) > 0 || u.Refusal != "" }

// MaxUndo is how many ids an Undo holds at most. What does more cannot be taken back.
const MaxUndo = 2_000_000
