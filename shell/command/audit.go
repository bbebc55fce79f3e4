package command

import "smtpctl/protocol"

// A Log records what a command is about to change, before it is changed, and the
// outcome, before anything is printed.
type Log interface {
	Envelopes(ids []protocol.EnvelopeID)
	Messages(ids []protocol.MessageID)
	End(err error) // counts the first time that it is called
}

// A Count is how many envelopes an action changed in one way.
type Count struct {
	Name string
	N    int
}

// AuditEnvelopes logs the ids of envelopes that are about to be acted on.
func (c *Call) AuditEnvelopes(ids []protocol.EnvelopeID) {
	if c.Log != nil {
		c.Log.Envelopes(ids)
	}
}

// AuditMessages logs the ids of messages that are about to be acted on.
func (c *Call) AuditMessages(ids []protocol.MessageID) {
	if c.Log != nil {
		c.Log.Messages(ids)
	}
}

// AuditEnd logs the outcome of a command. Only the first call has an effect.
func (c *Call) AuditEnd(err error) {
	if c.Log != nil {
		c.Log.End(err)
	}
}
