package shell

import (
	"context"

	"smtpctl/protocol"
)

// actAll does something to the whole queue.
func (c *Call) actAll(ctx context.Context, conn *protocol.Conn, a protocol.Action, t *tally) error {
	var from protocol.MsgID
	if a != protocol.ScheduleEnvelope { // which has to look at each envelope
		var err error
		if from, err = c.actSingles(ctx, conn, a, t); err != nil || from == 0 {
			return err
		}
	}
	var err error
	t.unconfirmed, err = conn.ActAll(ctx, a, from, t.choose(a), t.count)
	return err
}

// actChunk is how many messages are acted on between two looks at whether
// something else changes the queue.
const actChunk = 512

// actSingles does something to the whole queue if every message has one envelope
// and none is in flight: then no envelope need be listed. It returns the message
// from which on that has not been done, 0 if there is none.
func (c *Call) actSingles(ctx context.Context, conn *protocol.Conn, a protocol.Action, t *tally) (from protocol.MsgID, err error) {
	before, err := conn.Digest(ctx)
	if err != nil {
		return 0, err
	}
	ids, inflight, ok, err := conn.Singles(ctx)
	if err != nil {
		return 0, err
	}
	if !ok || inflight > 0 {
		return 1, nil
	}
	for len(ids) > 0 {
		now, err := conn.Digest(ctx)
		if err != nil {
			return 0, err
		}
		if a != protocol.RemoveEnvelope && (now.Dequeued != before.Dequeued || now.Expired != before.Expired || now.Removed != before.Removed) {
			return ids[0], nil
		}
		n := min(actChunk, len(ids))
		t.unconfirmed, err = conn.ActMessages(ctx, a, ids[:n], func(_ protocol.MsgID, ok bool) { t.countSingle(a, ok) })
		if err != nil {
			return 0, err
		}
		ids = ids[n:]
	}
	if a == protocol.RemoveEnvelope {
		c.warnMeanwhile(ctx, conn, before)
	}
	return 0, nil
}

// countSingle counts the answer for a message of one envelope.
func (t *tally) countSingle(a protocol.Action, ok bool) {
	t.p.step()
	switch {
	case ok:
		t.done++
	case a == protocol.PauseEnvelope:
		t.suspended++
	case a == protocol.ResumeEnvelope:
		t.running++
	default:
		t.gone++
	}
}

// warnMeanwhile says what smtpd did while its queue was emptied that the count
// of what was removed does not show.
func (c *Call) warnMeanwhile(ctx context.Context, conn *protocol.Conn, before protocol.Digest) {
	after, err := conn.Digest(ctx)
	if err != nil {
		return
	}
	if n := after.Since(&before).Bounces; n > 0 {
		c.warnf("smtpd made %s meanwhile: those under a message that was removed are gone too, and not counted", count(int(n), "bounce"))
	}
	if after.Attempts() != before.Attempts() {
		c.warnf("smtpd was delivering meanwhile: an attempt that had just begun may still succeed")
	}
}
