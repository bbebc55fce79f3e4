package protocol

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Messages yields the ids of the messages in the queue in ascending order, beginning
// with the given id. A round trip returns about a thousand ids. The connection is
// reserved until the loop ends. An error ends the sequence.
func (c *Conn) Messages(ctx context.Context, from MessageID) iter.Seq2[MessageID, error] {
	return func(yield func(MessageID, error) bool) {
		end, err := c.acquire(ctx)
		if err != nil {
			yield(0, opError(ctx, "list messages", err))
			return
		}
		defer end()
		for {
			ids, err := c.messagePage(from)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(0, opError(ctx, "list messages", err))
				return
			}
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
			if len(ids) == 0 || ids[len(ids)-1] == 1<<32-1 {
				return
			}
			from = ids[len(ids)-1] + 1
		}
	}
}

// messagePage requests one page of message ids.
func (c *Conn) messagePage(from MessageID) ([]MessageID, error) {
	if err := c.send(TypeListMessages, c.layout.appendUint32(nil, uint32(from))); err != nil {
		return nil, err
	}
	f, _, err := c.recv()
	if err != nil {
		return nil, err
	}
	return c.decodeMessages(f.Payload, from)
}

// decodeMessages reads an answer to LIST_MESSAGES. Ids that do not ascend from the
// requested one are refused, because they would make a listing run for ever.
func (c *Conn) decodeMessages(p []byte, from MessageID) ([]MessageID, error) {
	if len(p)%4 != 0 {
		return nil, c.badSize(TypeListMessages, len(p), len(p)/4*4)
	}
	ids := make([]MessageID, 0, len(p)/4)
	for ; len(p) > 0; p = p[4:] {
		id := MessageID(c.layout.Order.Uint32(p))
		if id < from || id == 0 {
			err := &ProtocolError{Reason: fmt.Sprintf("message %v after %v was asked for", id, from)}
			c.fail(err)
			return nil, err
		}
		ids = append(ids, id)
		from = id + 1
	}
	return ids, nil
}

// Envelopes yields all envelopes of the queue in the order of their ids. Requests are
// pipelined, and memory stays bounded. The connection is reserved until the loop ends.
// The *Envelope is reused: it is valid until the next step of the loop. An error that
// wraps ErrNotEnvelope concerns one envelope only, whose ID is set; any other error
// ends the sequence.
func (c *Conn) Envelopes(ctx context.Context) iter.Seq2[*Envelope, error] {
	return c.EnvelopesFrom(ctx, 0)
}

// EnvelopesFrom is Envelopes, beginning with the first message whose id is at least
// from.
func (c *Conn) EnvelopesFrom(ctx context.Context, from MessageID) iter.Seq2[*Envelope, error] {
	return c.listing(ctx, func(l *lister) { l.listFrom(from) })
}

// EnvelopesLimit yields envelopes with ids from the given one on, and requests little
// more than the first n of them from smtpd. If there are so many, it yields at least n.
func (c *Conn) EnvelopesLimit(ctx context.Context, from EnvelopeID, n int) iter.Seq2[*Envelope, error] {
	return c.listing(ctx, func(l *lister) { l.listSome(from.Msg(), n) })
}

// MessageEnvelopes yields the envelopes of one message with ids from the given one on,
// as Envelopes does. To begin with the first envelope, pass the message's First.
func (c *Conn) MessageEnvelopes(ctx context.Context, from EnvelopeID) iter.Seq2[*Envelope, error] {
	return c.listing(ctx, func(l *lister) { l.add(from) })
}

// EnvelopesOf yields the envelopes of the given messages, whose ids must ascend, as
// Envelopes does. A message that is not in the queue yields nothing.
func (c *Conn) EnvelopesOf(ctx context.Context, msgs []MessageID) iter.Seq2[*Envelope, error] {
	return c.listing(ctx, func(l *lister) { l.listOnly(msgs) })
}

// EnvelopesUpTo yields the envelopes of the messages of the given envelopes, whose ids must
// ascend, as EnvelopesOf does. It may leave out what comes in a message after the last one that
// is given, which saves a request, and a look at the disk (see Options.IsLast).
func (c *Conn) EnvelopesUpTo(ctx context.Context, ids []EnvelopeID) iter.Seq2[*Envelope, error] {
	var msgs []MessageID
	for _, id := range ids {
		if n := len(msgs); n == 0 || msgs[n-1] != id.Msg() {
			msgs = append(msgs, id.Msg())
		}
	}
	return c.listing(ctx, func(l *lister) {
		l.isLast = func(id EnvelopeID) bool {
			at, _ := slices.BinarySearch(ids, id+1)
			return at == len(ids) || ids[at].Msg() != id.Msg()
		}
		l.listOnly(msgs)
	})
}

func (c *Conn) listing(ctx context.Context, start func(*lister)) iter.Seq2[*Envelope, error] {
	return func(yield func(*Envelope, error) bool) {
		if err := c.list(ctx, yield, start); err != nil {
			yield(&Envelope{}, opError(ctx, "list envelopes", err))
		}
	}
}

// list carries out one listing. The error is nil if the caller ended the listing.
func (c *Conn) list(ctx context.Context, yield func(*Envelope, error) bool, start func(*lister)) error {
	end, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer end()
	l := &lister{c: c, ctx: ctx, yield: yield, isLast: c.isLast, now: time.Now()}
	start(l)
	if err := l.run(); err != errStopped {
		return err
	}
	return nil
}
