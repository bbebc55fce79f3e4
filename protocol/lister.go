package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// errStopped means that the caller of a listing wants no more.
var errStopped = errors.New("stopped")

// A lister walks the queue with a window of requests in flight.
//
// smtpd answers LIST_ENVELOPES with a batch of at most so many envelopes of one
// message (256 unless smtpd.conf says otherwise). It leaves out of a batch the
// envelopes whose files have vanished, so a batch that had been full may be
// short, even empty, although more follow. So a message is asked for again from
// after its last envelope until nothing comes, and then, where that may not be
// the end, further up: see nextProbe. The second question is saved where all
// messages are known to have one envelope (see singles), or where a message's
// folder shows that it has no more (see Options.Last). While the
// answers for one message are not complete, those for later messages are kept
// back, so that envelopes come out in order.
type lister struct {
	c     *Conn
	ctx   context.Context
	now   time.Time // of the last answer
	yield func(*Envelope, error) bool

	slots []*slot   // messages being read, in order; the first one streams
	asked []request // the LIST_ENVELOPES in flight, in order

	ids       []MessageID // messages not asked for yet
	only      []MessageID // if some, those that are wanted of the pages to come
	some      bool
	nextPage  MessageID // where the next page of ids begins
	morePages bool
	paging    bool // a LIST_MESSAGES is in flight
	looking   bool // a GET_DIGEST is in flight

	prove   bool // find out whether single holds
	single  bool // each message has one envelope
	limited bool // ask only for about want envelopes
	want    int  // how many are still wanted

	acts *acts // what is done to the envelopes, or nil

	full int // the smallest batch that may have been full
	held int // bytes kept back in slots
	env  Envelope
}

// A request is a LIST_ENVELOPES in flight.
type request struct {
	s  *slot
	at time.Time
}

// A slot is one message being read.
type slot struct {
	from  EnvelopeID // lowest id not seen yet
	batch int        // envelopes in the batch being received
	bytes int        // in that batch
	last  int        // envelopes in the batch before it that was not empty, 0 if none
	tried int        // probes
	kept  []byte
	sizes []int // of the payloads in kept
	done  bool
}

// idBacklog is how many message ids may wait before the next page is asked for.
const idBacklog = 256

// holdLimit is how many bytes may be kept back before no new message is asked
// for until the first one is complete.
const holdLimit = 1 << 20

// proveFrom is how many messages must be listed at once for it to be worth
// finding out whether each has one envelope, which takes some 80 round trips.
const proveFrom = 512

// smallBatch is up to how many envelopes a message's folder is looked at to see
// whether there are more. For larger ones asking is cheaper.
const smallBatch = 16

// leastBurst is the smallest window that is filled by halves.
const leastBurst = 16

// manyMessages is from how many messages on it is found out first which of them
// are in the queue. To ask for one that is not takes as many requests as probes.
const manyMessages = 1024

// these makes it list some messages, whose ids ascend.
func (l *lister) these(msgs []MessageID) {
	if len(msgs) < manyMessages {
		l.ids = msgs
		return
	}
	l.only, l.some = msgs, true
	l.nextPage, l.morePages, l.prove = msgs[0], true, true
}

// wanted returns those of a page of ids, which it overwrites, that are wanted, and
// goes on with the first one beyond that page.
func (l *lister) wanted(page []MessageID) []MessageID {
	if !l.some {
		return page
	}
	out := page[:0]
	for _, id := range page {
		i, found := slices.BinarySearch(l.only, id)
		if found {
			out = append(out, id)
			i++
		}
		l.only = l.only[i:]
	}
	if len(l.only) == 0 {
		l.morePages = false
		return out
	}
	l.nextPage = l.only[0]
	return out
}

// add starts to read a message at the given envelope id.
func (l *lister) add(from EnvelopeID) {
	l.slots = append(l.slots, &slot{from: from})
	l.ask(l.slots[len(l.slots)-1], from)
}

func (l *lister) ask(s *slot, from EnvelopeID) {
	s.batch, s.bytes = 0, 0
	l.asked = append(l.asked, request{s, l.now})
	// An EnvelopeID always fits into a frame.
	_ = l.c.send(TypeListEnvelopes, l.c.layout.appendUint64(l.c.num[:0], uint64(from)))
}

func (l *lister) run() error {
	for {
		l.fill()
		if len(l.asked) == 0 && !l.paging && !l.looking && l.acts.idle() {
			return nil
		}
		f, last, err := l.c.recv()
		if f.Type == TypeOK || f.Type == TypeFail && l.acts.waits() {
			if err = l.acts.answered(err); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return l.acts.finish(l.c, err)
		}
		switch {
		case f.Type == TypeListMessages:
			err = l.gotPage(f.Payload)
		case f.Type == TypeGetDigest:
			err = l.gotDigest(f.Payload)
		case last:
			err = l.endBatch()
		default:
			err = l.gotEnvelope(f.Payload)
		}
		if err != nil {
			return err
		}
	}
}

// fill keeps the window full: once half of it is free it is filled in one go,
// since smtpd's processes wake each other up less often for requests that come
// together.
func (l *lister) fill() {
	l.acts.send(l.c, len(l.asked) > 0 || l.paging)
	window := l.c.pace.window(l.now)
	if low := len(l.asked) <= window/2; (low || window < leastBurst) && !l.acts.full() {
		for len(l.ids) > 0 && len(l.asked) < window && l.held < holdLimit {
			if l.limited && len(l.slots) >= l.want {
				return
			}
			l.add(l.ids[0].First())
			l.ids = l.ids[1:]
		}
	}
	if l.morePages && !l.paging && len(l.ids) < idBacklog {
		l.paging = true
		_ = l.c.send(TypeListMessages, l.c.layout.appendUint32(nil, uint32(l.nextPage)))
	}
	if len(l.asked) > 0 && !l.looking && l.c.pace.look(l.now) {
		l.looking = true
		_ = l.c.send(TypeGetDigest, nil)
	}
}

func (l *lister) gotDigest(p []byte) error {
	l.looking = false
	d, err := l.c.decodeDigest(p)
	if err == nil {
		l.c.pace.saw(l.now, d)
	}
	return err
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
	if l.prove {
		l.prove = false
		if len(ids) >= proveFrom {
			if _, l.single, err = l.c.singles(l.ctx, func([]MessageID) bool { return true }); err != nil {
				return err
			}
		}
	}
	l.nextPage = ids[len(ids)-1] + 1
	l.morePages = l.nextPage != 0
	l.ids = append(l.ids[:len(l.ids):len(l.ids)], l.wanted(ids)...)
	return nil
}

// gotEnvelope takes one envelope of the batch that is being received.
func (l *lister) gotEnvelope(p []byte) error {
	s := l.asked[0].s
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
	s.bytes += len(p)
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
	s, at := l.asked[0].s, l.asked[0].at
	l.asked = l.asked[1:]
	l.now = time.Now()
	l.c.pace.answered(l.now, at, s.batch, s.bytes)
	ended := s.last+s.batch > 0 && s.from&0xffffffff == 0 // past the last possible id
	switch {
	case ended:
	case l.single && s.batch == 1 && s.last == 0:
	case s.batch > 0 && s.batch <= smallBatch && l.c.isLast != nil && l.c.isLast(s.from-1):
	case s.batch > 0:
		if s.last > 0 {
			// More came after the batch before, so that may have been full.
			l.full = max(l.full, s.last)
		}
		s.last = s.batch
		l.ask(s, s.from)
		return nil
	default:
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

// Numbers of nextProbe.
const (
	probes       = 16  // places in a message that are tried
	defaultBatch = 256 // smtpd's max-evp-batch-size
)

// nextProbe returns the next id to ask from after an empty batch, or false if
// the message is to be taken as complete.
//
// An empty batch ends a message, except where the files of all the envelopes
// that it would have held are gone (deleted by hand, say, or delivered between
// scheduler and queue). Then ids further up may still answer. They are random,
// so asking at places spread evenly over the rest of the range misses nothing
// in messages of up to that many batches. It is done where the very first batch
// is empty, and where the last one may have been full: it was as large as one
// that others followed, or as smtpd's usual limit.
func (l *lister) nextProbe(s *slot) (EnvelopeID, bool) {
	limit := defaultBatch
	if l.full > 0 {
		limit = min(limit, l.full)
	}
	if s.last > 0 && s.last < limit && s.tried == 0 {
		return 0, false
	}
	room := uint64(s.from.Msg().Last()-s.from) + 1
	step := room / uint64(probes-s.tried)
	if s.tried++; s.tried >= probes || step == 0 {
		return 0, false
	}
	s.from += EnvelopeID(step)
	return s.from, true
}
