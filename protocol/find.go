package protocol

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// findAtOnce is how many requests of Find are in flight at most. Each is answered with up
// to 256 envelopes.
const findAtOnce = 64

// Find yields those of some envelopes, whose ids must ascend, that are in the queue; those
// behind the first 256 of a message come after those of other messages. Requests are
// pipelined: on a slow line a screenful of envelopes
// takes one round trip. An envelope whose file has vanished is not there. The *Envelope
// and the errors are those of Envelopes.
func (c *Conn) Find(ctx context.Context, ids []EnvelopeID) iter.Seq2[*Envelope, error] {
	return func(yield func(*Envelope, error) bool) {
		end, err := c.acquire(ctx)
		if err != nil {
			yield(&Envelope{}, opError(ctx, "look up envelopes", err))
			return
		}
		defer end()
		f := finder{c: c, ids: ids, yield: yield}
		for len(f.ids) > 0 {
			if err = f.round(ctx); err != nil {
				break
			}
		}
		if err != nil && err != errStopped {
			yield(&Envelope{}, opError(ctx, "look up envelopes", err))
		}
	}
}

// A finder looks up envelopes.
type finder struct {
	c     *Conn
	ids   []EnvelopeID // that are not known yet, ascending
	yield func(*Envelope, error) bool
	env   Envelope
}

// round asks for the first envelopes, of each message once: smtpd's answer goes on with
// the envelopes behind the one that was asked for. Those that are behind a whole batch are
// left for the next round.
func (f *finder) round(ctx context.Context) error {
	var asked []EnvelopeID
	n := 0 // ids of the round
	for ; n < len(f.ids); n++ {
		id := f.ids[n]
		if n > 0 && id.Msg() == f.ids[n-1].Msg() {
			continue
		}
		if len(asked) == findAtOnce {
			break
		}
		asked = append(asked, id)
		if err := f.c.send(TypeListEnvelopes, f.c.layout.appendUint64(f.c.num[:0], uint64(id))); err != nil {
			return err
		}
	}
	wanted, left := f.ids[:n], []EnvelopeID(nil)
	for _, from := range asked {
		rest, err := f.batch(ctx, from, wanted)
		if err != nil {
			return err
		}
		wanted = wanted[len(rest.of):]
		left = append(left, rest.behind...)
	}
	f.ids = append(left, f.ids[n:]...)
	return nil
}

// A remainder is the ids of a message, and those of them that are behind its batch.
type remainder struct{ of, behind []EnvelopeID }

// batch takes the answer to one request, of which the ids that are wanted begin with those
// of its message.
func (f *finder) batch(ctx context.Context, from EnvelopeID, wanted []EnvelopeID) (remainder, error) {
	n := 0
	for n < len(wanted) && wanted[n].Msg() == from.Msg() {
		n++
	}
	r := remainder{of: wanted[:n]}
	ids := r.of
	last, count := EnvelopeID(0), 0
	for {
		frame, end, err := f.c.recv()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return r, err
		}
		if end {
			if r.behind = ids; count == 0 {
				// Files of a whole batch may have vanished: that tells of the first id only.
				r.behind = ids[1:]
			}
			return r, nil
		}
		count++
		err = f.c.decodeEnvelope(frame.Payload, &f.env)
		if err != nil && !errors.Is(err, ErrNotEnvelope) || f.env.ID.Msg() != from.Msg() || f.env.ID <= last || f.env.ID < from {
			err = &ProtocolError{Reason: fmt.Sprintf("envelope %v after %v was asked for", f.env.ID, from)}
			f.c.fail(err)
			return r, err
		}
		last = f.env.ID
		for len(ids) > 0 && ids[0] < last {
			ids = ids[1:]
		}
		if len(ids) == 0 || ids[0] != last {
			continue
		}
		ids = ids[1:]
		if err != nil {
			err = fmt.Errorf("envelope %v: %w", f.env.ID, err)
		}
		if !f.yield(&f.env, err) {
			return r, errStopped
		}
	}
}
