package queue

import (
	"fmt"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// undoOf says how to revert an action: for exactly the envelopes that smtpd has
// confirmed, whether or not the command was carried out to its end.
func undoOf(c *command.Call, a protocol.Action, t *tally) command.Undo {
	if len(t.acted)+len(t.wholes) == 0 || a == protocol.ScheduleEnvelope || !c.Mode.Lines() {
		return command.Undo{}
	}
	u := command.Undo{Envelopes: t.acted, Messages: t.wholes}
	switch a {
	case protocol.PauseEnvelope:
		u.Words = []string{"resume", "envelope"}
	case protocol.ResumeEnvelope:
		u.Words = []string{"pause", "envelope"}
	case protocol.RemoveEnvelope:
		if t.saver == nil {
			return command.Undo{Refusal: "no copies were kept"}
		}
		u.Words = []string{"restore", t.saver.Dir()}
	}
	if t.untold {
		return command.Undo{Refusal: fmt.Sprintf("it did more than %d envelopes, which are not remembered one by one", command.MaxUndo)}
	}
	return u
}
