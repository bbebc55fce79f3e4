package queue

import (
	"context"
	"errors"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// actAll applies an action to the whole queue. byMessage says that it worked message by
// message at first, while nothing was in flight.
func actAll(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, t *tally) (byMessage bool, err error) {
	var from protocol.MessageID
	// Schedule has to look at each envelope. Where smtpd is far, to list all takes less time
	// than to find out that they need not be listed.
	if a != protocol.ScheduleEnvelope && !conn.Far() {
		if from, err = actByMessage(ctx, c, conn, a, t); err != nil || from == 0 {
			return true, err
		}
	}
	byMessage = t.done > 0
	t.unconfirmed, err = conn.ActAll(ctx, a, from, protocol.ActPlan{Choose: t.filter(a), Sending: c.AuditEnvelopes, Result: t.count(a)})
	return byMessage, err
}

// actChunk is how many messages are acted on between two checks whether something else
// changes the queue.
const actChunk = 512

// actByMessage is a fast path for a queue in which every message has one envelope and
// none is in flight: no envelope has to be listed. It returns the first message that it
// has not acted on, or 0 if it has acted on all.
func actByMessage(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, t *tally) (from protocol.MessageID, err error) {
	before, err := conn.Digest(ctx)
	if err != nil {
		return 0, err
	}
	ids, inflight, ok, err := conn.SingleRecipientMessages(ctx)
	if err != nil {
		return 0, err
	}
	if !ok || inflight > 0 {
		return 1, nil
	}
	t.chosen = len(ids)
	var failed []protocol.MessageID
	for len(ids) > 0 {
		now, err := conn.Digest(ctx)
		if err != nil {
			return 0, err
		}
		if a != protocol.RemoveEnvelope && left(before, now) {
			from = ids[0]
			break
		}
		n := min(actChunk, len(ids))
		c.AuditMessages(ids[:n])
		t.unconfirmed, err = conn.ActMessages(ctx, a, ids[:n], func(id protocol.MessageID, ok bool) {
			if t.countMessage(id, ok); !ok {
				failed = append(failed, id)
			}
		})
		if err != nil {
			return 0, err
		}
		ids = ids[n:]
	}
	after, err := conn.Digest(ctx)
	if err != nil {
		return 0, err
	}
	if a == protocol.RemoveEnvelope {
		t.noteMeanwhile(before, after)
	}
	return from, t.sortMessages(ctx, conn, a, failed, left(before, after))
}

// left reports whether envelopes left the queue between two digests.
func left(before, after protocol.Digest) bool {
	return after.Dequeued != before.Dequeued || after.Expired != before.Expired || after.Removed != before.Removed
}

// sortMessages finds out why smtpd refused to act on messages of one envelope. If no
// envelope has left the queue, the ones to pause were suspended already, and the ones
// to resume were not suspended.
func (t *tally) sortMessages(ctx context.Context, conn *protocol.Conn, a protocol.Action, failed []protocol.MessageID, gone bool) error {
	n := len(failed)
	t.failures = 0
	if gone && a != protocol.RemoveEnvelope && n > 0 {
		for e, err := range conn.EnvelopesOf(ctx, failed) {
			if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
				return err
			}
			if n == 0 {
				break
			}
			n--
			switch FateOf(a, e, 0) {
			case FateSuspended:
				t.suspended++
			case FateRunning:
				t.running++
			default:
				t.refused++
			}
		}
	}
	switch {
	case gone || a == protocol.RemoveEnvelope:
		t.gone += n
	case a == protocol.PauseEnvelope:
		t.suspended += n
	default:
		t.running += n
	}
	return nil
}

// noteMeanwhile describes what smtpd did while its queue was emptied and the count of
// removed envelopes does not show.
func (t *tally) noteMeanwhile(before, after protocol.Digest) {
	if n := after.Bounces - before.Bounces; n > 0 {
		t.note("smtpd made %s meanwhile: those under a message that was removed are gone too, and not counted", render.Plural(int(n), "bounce"))
	}
	if after.Attempts() != before.Attempts() {
		t.note("smtpd was delivering meanwhile: an attempt that had just begun may still succeed")
	}
}
