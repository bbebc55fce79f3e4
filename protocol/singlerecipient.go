package protocol

import "context"

// The names of counters in scheduler_ramqueue.c: the envelopes in the scheduler,
// including those of messages that are still being received, and the messages.
const (
	statEnvelopes = "scheduler.ramqueue.envelope"
	statMessages  = "scheduler.ramqueue.message"
	statInflight  = "scheduler.envelope.inflight" // those also that are being deleted
)

// maxSingles is the largest number of messages whose ids SingleRecipientMessages
// returns. Each takes 4 bytes.
const maxSingles = 4 << 20

// SingleRecipientMessages returns the ids of the messages in the queue if every message
// is known to have exactly one envelope, and how many envelopes are in flight. An
// action on such a message is an action on one envelope. ok is false where this is not
// known: a message has more envelopes, or mail arrived or left meanwhile. Nothing is asked,
// and ok is false, if smtpd is Far: the answer takes some hundred round trips, and a listing
// takes a few.
func (c *Conn) SingleRecipientMessages(ctx context.Context) (ids []MessageID, inflight int64, ok bool, err error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return nil, 0, false, opError(ctx, "list messages", err)
	}
	defer end()
	if c.pace.distant() {
		return nil, 0, false, nil
	}
	inflight, ok, err = c.singleRecipientMessages(ctx, func(page []MessageID) bool {
		ids = append(ids, page...)
		return len(ids) <= maxSingles
	})
	if err != nil {
		return nil, 0, false, opError(ctx, "list messages", err)
	}
	return ids, inflight, ok, nil
}

// singleRecipientMessages does the work of SingleRecipientMessages, and passes the ids
// on page by page until page returns false. A listing uses it to skip the second
// request for each message; messages queued later need not appear in a listing.
//
// The proof: the scheduler counts as many envelopes as it lists messages, and each
// message has at least one envelope. smtpd's control process keeps the counters, and
// the scheduler reports every change to it before it answers a later request. So if the
// counts of envelopes added and removed are the same before and after the listing,
// nothing changed in between.
func (c *Conn) singleRecipientMessages(ctx context.Context, page func([]MessageID) bool) (inflight int64, ok bool, err error) {
	before, err := c.digest()
	if err != nil {
		return 0, false, err
	}
	held, err := c.ramqueue(ctx)
	if err != nil || held.envelopes == 0 || held.envelopes != held.messages {
		return 0, false, err
	}
	n, from := int64(0), MessageID(0)
	for n <= held.envelopes {
		ids, err := c.messagePage(from)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, false, err
		}
		if len(ids) == 0 {
			break
		}
		if !page(ids) {
			return 0, false, nil
		}
		n += int64(len(ids))
		from = ids[len(ids)-1] + 1
		if from == 0 {
			break
		}
	}
	after, err := c.digest()
	if err != nil {
		return 0, false, err
	}
	ok = n == held.envelopes && before.Enqueued == after.Enqueued && before.Dequeued == after.Dequeued
	return held.inflight, ok, nil
}

// Inflight returns how many envelopes smtpd's scheduler counts as in flight, including
// envelopes that it is deleting. The result is 0 where smtpd does not report the
// counter. To ask takes some eighty round trips: smtpd gives one counter at a time.
func (c *Conn) Inflight(ctx context.Context) (int64, error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return 0, opError(ctx, "show stats", err)
	}
	defer end()
	held, err := c.ramqueue(ctx)
	if err != nil {
		return 0, opError(ctx, "show stats", err)
	}
	return held.inflight, nil
}

// A ramqueue holds the scheduler's own counters.
type ramqueue struct{ inflight, envelopes, messages int64 }

// ramqueue requests the counters. A counter that smtpd does not report is 0.
func (c *Conn) ramqueue(ctx context.Context) (r ramqueue, err error) {
	kv := make([]byte, c.layout.statKV().size)
	for range MaxStats {
		st, more, err := c.nextStat(kv)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || !more {
			return ramqueue{}, err
		}
		switch st.Key {
		case statInflight:
			r.inflight = st.Value
		case statEnvelopes:
			r.envelopes = st.Value
		case statMessages:
			r.messages = st.Value
			return r, nil // the last of them: smtpd sorts them
		}
	}
	return ramqueue{}, nil
}

// digest requests the digest of smtpd's counters.
func (c *Conn) digest() (Digest, error) {
	if err := c.send(TypeGetDigest, nil); err != nil {
		return Digest{}, err
	}
	f, _, err := c.recv()
	if err != nil {
		return Digest{}, err
	}
	return c.decodeDigest(f.Payload)
}
