package protocol

import "context"

// Names of scheduler_ramqueue.c's counters: the envelopes that the scheduler
// holds, also those of messages still being received, and the messages.
const (
	statEnvelopes = "scheduler.ramqueue.envelope"
	statMessages  = "scheduler.ramqueue.message"
	statInflight  = "scheduler.envelope.inflight" // those also that are being deleted
)

// maxSingles is of how many messages SingleRecipientMessages keeps the ids, 4 bytes each.
const maxSingles = 4 << 20

// SingleRecipientMessages returns the ids of the messages in the queue if each is known to have
// exactly one envelope, so that what is done to a message is done to one
// envelope, and how many of the envelopes are in flight. ok is false where that
// is not known, because of a message with more, or because mail came or went.
func (c *Conn) SingleRecipientMessages(ctx context.Context) (ids []MessageID, inflight int64, ok bool, err error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return nil, 0, false, opError(ctx, "list messages", err)
	}
	defer end()
	inflight, ok, err = c.singles(ctx, func(page []MessageID) bool {
		ids = append(ids, page...)
		return len(ids) <= maxSingles
	})
	if err != nil {
		return nil, 0, false, opError(ctx, "list messages", err)
	}
	return ids, inflight, ok, nil
}

// singles does the work of SingleRecipientMessages, and hands over the ids page by page until
// that returns false. For a listing it means that no message need be asked
// for twice: those that come later are no part of what a listing promises.
//
// The proof: the scheduler counts as many envelopes as it lists messages, and
// each message has one at least. The counters are kept by smtpd's control
// process, which the scheduler tells of every change before it answers a later
// request. So if what went in and out is the same before and after all that,
// nothing changed in between.
func (c *Conn) singles(ctx context.Context, page func([]MessageID) bool) (inflight int64, ok bool, err error) {
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

// Inflight returns how many envelopes smtpd's scheduler counts as in flight; those
// that it is deleting are among them. It is 0 where smtpd does not say.
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

// A ramqueue is what the scheduler holds, by its own counters.
type ramqueue struct{ inflight, envelopes, messages int64 }

// ramqueue asks for the counters, which are zero where smtpd does not say.
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

// digest asks for the counters.
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
