package queue

import (
	"context"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// Limits of scheduling again.
const (
	againMost  = 3               // times
	againFor   = 3 * time.Second // altogether, with the wait for what is on hold
	againEvery = 100 * time.Millisecond
	maxAgain   = 5000 // envelopes that are looked at so often
)

// again schedules once more the envelopes that smtpd has put back to their former time
// without an attempt, because the relay had no room. It waits until no envelope is on
// hold; before that the relay would put them back again.
func (t *tally) again(ctx context.Context, c *command.Call, conn *protocol.Conn, looked []Look) error {
	if len(looked) > maxAgain {
		return nil
	}
	deadline := time.Now().Add(againFor)
	for times := 0; t.after.Held+t.after.Back > 0 || times > 0 && t.after.Waiting > 0; {
		if t.after.Held == 0 && t.after.Back > 0 {
			if times++; times > againMost {
				return nil
			}
			if err := t.scheduleBack(ctx, c, conn, looked); err != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return nil
		}
		if !sleep(ctx, againEvery) {
			return context.Cause(ctx)
		}
		a, err := LookOnce(ctx, conn, looked)
		if err != nil {
			return err
		}
		a.Again = t.after.Again
		t.after = a
	}
	return nil
}

// scheduleBack schedules the envelopes that are back at their former time.
func (t *tally) scheduleBack(ctx context.Context, c *command.Call, conn *protocol.Conn, looked []Look) error {
	ids := idsOf(looked)
	back := func(e *protocol.Envelope, _ error) bool {
		i, ok := slices.BinarySearch(ids, e.ID)
		return ok && e.Retry <= looked[i].Tries && e.Flags&protocol.FlagHold == 0 && FateOf(protocol.ScheduleEnvelope, e, time.Now().Unix()) == FateAct
	}
	sent := func(_ protocol.EnvelopeID, ok bool) {
		if ok {
			t.after.Again++
		}
	}
	return disk.Locked(ctx, c, func() error {
		// The log has the ids already.
		_, err := conn.ActIn(ctx, protocol.ScheduleEnvelope, MessagesOf(ids), protocol.ActPlan{Choose: back, Result: sent})
		return err
	})
}
