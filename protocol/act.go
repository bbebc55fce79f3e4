package protocol

import (
	"context"
	"errors"
	"fmt"
)

// An Action is something done to an envelope in the queue.
type Action int

// The actions. Schedule must not be sent for a suspended envelope: smtpd exits
// when it is resumed later (seen on 6.8.0p2 and 7.9.0p0). Nor must it be sent
// for one that is due, which smtpd has in its list of envelopes to deliver: a
// second time breaks that list (scheduler_ramqueue.c, rq_envelope_schedule; seen
// on 6.8.0p2 as a crash while relaying was paused).
const (
	PauseEnvelope Action = iota
	ResumeEnvelope
	RemoveEnvelope
	ScheduleEnvelope
)

var actions = [...]struct {
	name string
	kind Type
}{
	PauseEnvelope:    {"pause envelope", TypePauseEnvelope},
	ResumeEnvelope:   {"resume envelope", TypeResumeEnvelope},
	RemoveEnvelope:   {"remove", TypeRemove},
	ScheduleEnvelope: {"schedule", TypeSchedule},
}

// String returns the words of the command: pause envelope, remove and so on.
func (a Action) String() string { return actions[a].name }

// Act does one thing to each of the envelopes, with a window of requests in
// flight, and calls result for each in their order: ok says whether smtpd said
// OK. When an error ends it early, result has been called for the envelopes
// whose answers came; the next unconfirmed ones were sent to smtpd too, and
// whether it acted on them is not known; the others were not sent. If ctx ends,
// the answers to what was sent are still awaited for a moment.
func (c *Conn) Act(ctx context.Context, a Action, ids []EvpID, result func(id EvpID, ok bool)) (unconfirmed int, err error) {
	for _, id := range ids {
		if !id.Valid() {
			// smtpd would take it for a message id.
			return 0, &OpError{a.String(), fmt.Errorf("envelope id %v: the first 8 digits are all zero", id)}
		}
	}
	end, err := c.begin(ctx)
	if err != nil {
		return 0, opError(ctx, a.String(), err)
	}
	defer end()
	sent, done := 0, 0
	for done < len(ids) {
		for sent < len(ids) && sent-done < c.window && ctx.Err() == nil {
			if err := c.send(actions[a].kind, c.layout.appendUint64(nil, uint64(ids[sent]))); err != nil {
				return sent - done, opError(ctx, a.String(), err)
			}
			sent++
		}
		if sent == done {
			return 0, opError(ctx, a.String(), ctx.Err())
		}
		_, _, err := c.recv()
		var refused *failure
		if err != nil && !errors.As(err, &refused) {
			return sent - done, opError(ctx, a.String(), err)
		}
		result(ids[done], err == nil)
		done++
	}
	return 0, nil
}
