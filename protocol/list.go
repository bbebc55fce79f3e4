package protocol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
)

// Messages yields the ids of the messages in the queue from a given one on, in
// ascending order, at most about a thousand for each round trip. The
// connection is taken until the loop ends. An error ends the sequence.
func (c *Conn) Messages(ctx context.Context, from MsgID) iter.Seq2[MsgID, error] {
	return func(yield func(MsgID, error) bool) {
		end, err := c.begin(ctx)
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

// messagePage asks for one page of message ids.
func (c *Conn) messagePage(from MsgID) ([]MsgID, error) {
	if err := c.send(TypeListMessages, c.layout.appendUint32(nil, uint32(from))); err != nil {
		return nil, err
	}
	f, _, err := c.recv()
	if err != nil {
		return nil, err
	}
	return c.decodeMessages(f.Payload, from)
}

// decodeMessages reads an answer to LIST_MESSAGES. Ids that do not ascend from
// the one asked for would make a listing run for ever, so they are refused.
func (c *Conn) decodeMessages(p []byte, from MsgID) ([]MsgID, error) {
	if len(p)%4 != 0 {
		return nil, c.badSize(TypeListMessages, len(p), len(p)/4*4)
	}
	ids := make([]MsgID, 0, len(p)/4)
	for ; len(p) > 0; p = p[4:] {
		id := MsgID(c.layout.Order.Uint32(p))
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

// Envelopes yields the envelopes of the whole queue, in the order of their
// ids. Requests are pipelined and memory stays bounded. The connection is
// taken until the loop ends. The *Envelope is valid until the next step; an
// error that wraps ErrNotEnvelope concerns that one envelope only and comes
// with its ID set, any other ends the sequence.
func (c *Conn) Envelopes(ctx context.Context) iter.Seq2[*Envelope, error] {
	return c.EnvelopesFrom(ctx, 0)
}

// EnvelopesFrom is Envelopes beginning with the first message at or after from.
func (c *Conn) EnvelopesFrom(ctx context.Context, from MsgID) iter.Seq2[*Envelope, error] {
	return c.list(ctx, func(l *lister) { l.nextPage, l.morePages = from, true })
}

// EnvelopesLimit yields envelopes from the given id on, and asks smtpd for
// little more than the first n of them. It ends after at least that many.
func (c *Conn) EnvelopesLimit(ctx context.Context, from EvpID, n int) iter.Seq2[*Envelope, error] {
	return c.list(ctx, func(l *lister) {
		l.nextPage, l.morePages = from.Msg(), true
		l.limited, l.want = true, n
	})
}

// MessageEnvelopes yields the envelopes of one message with ids from the given
// one on, as Envelopes does. For all of them from is the message's First.
func (c *Conn) MessageEnvelopes(ctx context.Context, from EvpID) iter.Seq2[*Envelope, error] {
	return c.list(ctx, func(l *lister) { l.add(from) })
}

func (c *Conn) list(ctx context.Context, start func(*lister)) iter.Seq2[*Envelope, error] {
	return func(yield func(*Envelope, error) bool) {
		end, err := c.begin(ctx)
		if err != nil {
			yield(&Envelope{}, opError(ctx, "list envelopes", err))
			return
		}
		defer end()
		l := &lister{c: c, ctx: ctx, yield: yield}
		start(l)
		if err := l.run(); err != nil && err != errStopped {
			yield(&Envelope{}, opError(ctx, "list envelopes", err))
		}
	}
}

// errStopped means that the caller of a listing wants no more.
var errStopped = errors.New("stopped")

// A lister walks the queue with a window of requests in flight.
//
// smtpd answers LIST_ENVELOPES with a batch of at most so many envelopes of one
// message (256 unless smtpd.conf says otherwise). A batch may have been full,
// so it asks again from after its last envelope. Files that vanished are left
// out of a batch, so it may be short, even empty, although more follow: see
// probe. While the answers for one message are not complete, those for later
// messages are kept back, so that envelopes come out in order.
type lister struct {
	c     *Conn
	ctx   context.Context
	yield func(*Envelope, error) bool

	slots []*slot // messages being read, in order; the first one streams
	asked []*slot // the slot of each LIST_ENVELOPES in flight, in order

	ids       []MsgID // messages not asked for yet
	nextPage  MsgID   // where the next page of ids begins
	morePages bool
	paging    bool // a LIST_MESSAGES is in flight

	limited bool // ask only for about want envelopes
	want    int  // how many are still wanted

	largest int // the largest batch seen: smtpd's limit is at least that
	held    int // bytes kept back in slots
	env     Envelope
}

// A slot is one message being read.
type slot struct {
	from  EvpID // lowest id not seen yet
	batch int   // envelopes in the batch being received
	total int   // envelopes of the message so far
	kept  []byte
	sizes []int // of the payloads in kept
	done  bool
	probe *probe
}

// idBacklog is how many message ids may wait before the next page is asked for.
const idBacklog = 256

// holdLimit is how many bytes may be kept back before no new message is asked
// for until the first one is complete.
const holdLimit = 1 << 20

// add starts to read a message at the given envelope id.
func (l *lister) add(from EvpID) {
	l.slots = append(l.slots, &slot{from: from})
	l.ask(l.slots[len(l.slots)-1], from)
}

func (l *lister) ask(s *slot, from EvpID) {
	s.batch = 0
	l.asked = append(l.asked, s)
	// An EvpID always fits into a frame.
	_ = l.c.send(TypeListEnvelopes, l.c.layout.appendUint64(nil, uint64(from)))
}

func (l *lister) run() error {
	for {
		l.fill()
		if len(l.asked) == 0 && !l.paging {
			return nil
		}
		f, last, err := l.c.recv()
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return err
		}
		if f.Type == TypeListMessages {
			err = l.gotPage(f.Payload)
		} else if last {
			err = l.endBatch()
		} else {
			err = l.gotEnvelope(f.Payload)
		}
		if err != nil {
			return err
		}
	}
}

// fill keeps the window full.
func (l *lister) fill() {
	for len(l.ids) > 0 && len(l.asked) < l.c.window && l.held < holdLimit {
		if l.limited && len(l.slots) >= l.want {
			return
		}
		l.add(l.ids[0].First())
		l.ids = l.ids[1:]
	}
	if l.morePages && !l.paging && len(l.ids) < idBacklog {
		l.paging = true
		_ = l.c.send(TypeListMessages, l.c.layout.appendUint32(nil, uint32(l.nextPage)))
	}
}

func (l *lister) gotPage(p []byte) error {
	l.paging = false
	ids, err := l.c.decodeMessages(p, l.nextPage)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		l.morePages = false
		return nil
	}
	l.ids = append(l.ids[:len(l.ids):len(l.ids)], ids...)
	l.nextPage = ids[len(ids)-1] + 1
	l.morePages = l.nextPage != 0
	return nil
}

// gotEnvelope takes one envelope of the batch that is being received.
func (l *lister) gotEnvelope(p []byte) error {
	s := l.asked[0]
	id, err := l.envelopeID(p)
	if err != nil {
		return err
	}
	if id < s.from || id.Msg() != s.from.Msg() {
		err := &ProtocolError{Reason: fmt.Sprintf("envelope %v after %v was asked for", id, s.from)}
		l.c.fail(err)
		return err
	}
	s.from = id + 1
	s.batch++
	s.total++
	if s == l.slots[0] {
		return l.emit(p)
	}
	s.kept = append(s.kept, p...)
	s.sizes = append(s.sizes, len(p))
	l.held += len(p)
	return nil
}

// endBatch decides whether a message may have more envelopes, and if so asks.
func (l *lister) endBatch() error {
	s := l.asked[0]
	l.asked = l.asked[1:]
	full := s.batch > 0 && s.batch >= l.largest
	l.largest = max(l.largest, s.batch)
	ended := s.from.Msg() == 0 || s.from&0xffffffff == 0 && s.total > 0 // ran past the last possible id
	switch {
	case full && !ended:
		s.probe = nil
		l.ask(s, s.from)
		return nil
	case s.batch == 0 && !ended:
		if next, ok := l.nextProbe(s); ok {
			l.ask(s, next)
			return nil
		}
	}
	s.done = true
	return l.release()
}

// release emits what was kept back behind a message that is now complete.
func (l *lister) release() error {
	for len(l.slots) > 0 {
		s := l.slots[0]
		kept := s.kept
		for _, n := range s.sizes {
			if err := l.emit(kept[:n]); err != nil {
				return err
			}
			kept = kept[n:]
		}
		l.held -= len(s.kept)
		s.kept, s.sizes = nil, nil
		if !s.done {
			return nil
		}
		l.slots = l.slots[1:]
	}
	return nil
}

// emit hands one envelope to the caller.
func (l *lister) emit(p []byte) error {
	err := l.c.decodeEnvelope(p, &l.env)
	if err != nil && !errors.Is(err, ErrNotEnvelope) {
		l.c.fail(err)
		return err
	}
	if err != nil {
		err = fmt.Errorf("envelope %v: %w", l.env.ID, err)
	}
	l.want--
	if !l.yield(&l.env, err) {
		return errStopped
	}
	return nil
}

// A probe looks for envelopes behind a batch that came back empty.
type probe struct{ step int }

// probes is how many places of the remaining range are tried.
const probes = 16

// nextProbe returns the next id to ask from after an empty batch, or false if
// the message is to be taken as complete.
//
// An empty batch ends a message, except where the files of all the envelopes
// that it would have held are gone (deleted by hand, say, or delivered between
// scheduler and queue). Then ids further up may still answer: envelope ids are
// random, so places spread evenly over the rest of the range find them unless
// nearly everything is gone. This is worth the requests only where a first
// batch is empty, which is an oddity, or where the batch before was full to a
// limit that is known: more than one, since a queue in which all messages have
// one recipient never shows more.
func (l *lister) nextProbe(s *slot) (EvpID, bool) {
	if s.total > 0 && l.largest < 2 {
		return 0, false
	}
	if s.probe == nil {
		s.probe = &probe{}
	}
	if s.probe.step++; s.probe.step >= probes {
		return 0, false
	}
	room := uint64(s.from.Msg().Last()-s.from) + 1
	step := room / uint64(probes-s.probe.step+1)
	if step == 0 {
		return 0, false
	}
	s.from += EvpID(step)
	return s.from, true
}

// Sizes in the payload of LIST_ENVELOPES: an int and a u64.
const (
	intSize   = 4
	evpIDSize = 8
)

// envelopeID returns the id of the envelope in a payload of LIST_ENVELOPES,
// which is an int of flags, a time_t, the id, the letter s, the envelope's
// text and a NUL, without padding.
func (l *lister) envelopeID(p []byte) (EvpID, error) {
	at := intSize + l.c.layout.Time
	if len(p) < at+evpIDSize+2 {
		return 0, l.c.badSize(TypeListEnvelopes, len(p), at+evpIDSize+2)
	}
	return EvpID(l.c.layout.Order.Uint64(p[at:])), nil
}

// decodeEnvelope reads a payload of LIST_ENVELOPES into e.
func (c *Conn) decodeEnvelope(p []byte, e *Envelope) error {
	return c.layout.DecodeEnvelope(p, e)
}

// DecodeEnvelope reads the payload of a LIST_ENVELOPES frame into e. The error
// is a *ProtocolError if the frame is malformed, and wraps ErrNotEnvelope if
// only the text in it is; e.ID is set then.
func (l Layout) DecodeEnvelope(p []byte, e *Envelope) error {
	*e = Envelope{}
	head := intSize + l.Time + evpIDSize
	if len(p) < head+2 || p[head] != 's' {
		return &ProtocolError{Reason: "malformed LIST_ENVELOPES frame"}
	}
	text := p[head+1:]
	n := bytes.IndexByte(text, 0)
	if n < 0 {
		return &ProtocolError{Reason: "LIST_ENVELOPES text without its NUL"}
	}
	if n != len(text)-1 {
		return &ProtocolError{Reason: "LIST_ENVELOPES frame with data after its text"}
	}
	flags := Flags(l.Order.Uint32(p))
	e.NextTry = l.time(p[intSize:])
	e.ID = EvpID(l.Order.Uint64(p[intSize+l.Time:]))
	err := e.parse(text[:n])
	e.Flags |= flags
	return err
}
