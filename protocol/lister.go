package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// errStopped means that the caller of a listing has ended its loop.
var errStopped = errors.New("stopped")

// A lister walks the queue with a window of requests in flight.
//
// smtpd answers LIST_ENVELOPES with a batch of envelopes of one message, 256 at most
// unless smtpd.conf says otherwise. smtpd leaves envelopes whose files have vanished
// out of a batch, so that a full batch may come back short, even empty, although more
// envelopes follow.
//
// Therefore the lister repeats the request, beginning after the last envelope, until an
// empty batch comes. Where an empty batch may not be the end, the lister then probes
// higher ids: see nextProbe. The second request is saved where every message is known
// to have one envelope (see singleRecipientMessages), or where the folder of a message
// shows that it has no more (see Options.IsLast).
//
// Until the answers for one message are complete, the answers for later messages are
// buffered, so that envelopes come out in order.
type lister struct {
	c     *Conn
	ctx   context.Context
	now   time.Time // of the last answer
	yield func(*Envelope, error) bool
	// isLast reports whether no envelope of a message that is wanted follows; it may be nil.
	isLast func(EnvelopeID) bool

	slots   []*slot   // messages being listed, in order; the first one is not buffered
	asked   []request // the LIST_ENVELOPES in flight, in order
	closing int       // how many of them are expected to find nothing

	ids           []MessageID // messages not requested yet
	only          []MessageID // if filtered, the wanted messages of the pages to come
	filtered      bool
	pages         pager
	digestPending bool // a GET_DIGEST is in flight

	tryShortcut bool // find out whether oneEach is true
	oneEach     bool // every message has one envelope
	limited     bool // request only about want envelopes
	want        int  // how many are still wanted

	acts *actionQueue // the actions on the listed envelopes, or nil

	fullBatch     int // the smallest batch that may have been full
	bufferedBytes int // size of the payloads buffered in slots
	env           Envelope
}

// A request is a LIST_ENVELOPES in flight.
type request struct {
	s      *slot
	at     time.Time
	closes bool // it is expected to find no more envelopes
}

// A slot is one message being listed.
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

// shortcutFrom is how many messages must be listed at once to make it worth finding out
// whether every message has one envelope, which takes some 80 round trips. It is not worth it
// where these take long.
const shortcutFrom = 512

// smallBatch is the largest batch after which the message's folder is read to see
// whether there are more envelopes. After a larger batch another request is cheaper.
const smallBatch = 16

// leastBurst is the smallest window that is refilled by halves, and mostBurst is how many
// requests of a window must be free at most before it is refilled.
const (
	leastBurst = 16
	mostBurst  = quietWindow / 2
)

// manyMessages is the number of messages from which on the lister first finds out which
// of them are in the queue. A request for a message that is not in the queue costs as
// many requests as there are probes.
const manyMessages = 1024

// listOnly makes the lister list the given messages, whose ids ascend.
func (l *lister) listOnly(msgs []MessageID) {
	if len(msgs) < manyMessages {
		l.ids = msgs
		return
	}
	l.only, l.filtered = msgs, true
	l.listFrom(msgs[0])
}

// listFrom makes the lister list all messages from an id on.
func (l *lister) listFrom(from MessageID) {
	most := 1
	if l.c.pace.distant() {
		most = distantPages
	}
	l.pages.begin(from, most)
	l.tryShortcut = most == 1
}

// listSome makes the lister list messages from an id on, and request only about as many
// envelopes as are wanted.
func (l *lister) listSome(from MessageID, want int) {
	l.pages.begin(from, 1)
	l.limited, l.want = true, want
}

// wanted returns the ids of a page that are to be listed, and overwrites the page.
func (l *lister) wanted(page []MessageID) []MessageID {
	if !l.filtered {
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
		l.pages.stop()
		return out
	}
	l.pages.skip(l.only[0])
	return out
}

// add starts to list a message at the given envelope id.
func (l *lister) add(from EnvelopeID) {
	l.slots = append(l.slots, &slot{from: from})
	l.ask(l.slots[len(l.slots)-1], from)
}

func (l *lister) ask(s *slot, from EnvelopeID) {
	s.batch, s.bytes = 0, 0
	closes := s.tried > 0 || s.last > 0 && s.last < l.leastFull()
	if closes {
		l.closing++
	}
	l.asked = append(l.asked, request{s, l.now, closes})
	// The payload of an EnvelopeID always fits into a frame, so send cannot fail.
	_ = l.c.send(TypeListEnvelopes, l.c.layout.appendUint64(l.c.num[:0], uint64(from)))
}

func (l *lister) run() error {
	for {
		l.refill()
		if len(l.asked) == 0 && l.pages.idle() && !l.digestPending && l.acts.idle() {
			return nil
		}
		f, last, err := l.c.recv()
		if f.Type == TypeOK || f.Type == TypeFail && l.acts.awaitsAnswers() {
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

// refill keeps the window full. It waits until half of the window is free and then
// refills it at once, because smtpd's processes wake each other up less often for
// requests that arrive together.
func (l *lister) refill() {
	l.acts.send(l.c, len(l.asked) > 0 || !l.pages.idle())
	window, inFlight := l.c.pace.window(l.now), len(l.asked)
	if l.c.pace.distant() {
		inFlight -= l.closing
	}
	if low := inFlight <= window-min(window/2, mostBurst); (low || window < leastBurst) && !l.acts.full() {
		for ; len(l.ids) > 0 && inFlight < window && l.bufferedBytes < l.c.pace.holdLimit(); inFlight++ {
			if l.limited && len(l.slots) >= l.want {
				return
			}
			l.add(l.ids[0].First())
			l.ids = l.ids[1:]
		}
	}
	for from, ok := l.pages.request(len(l.ids)); ok; from, ok = l.pages.request(len(l.ids)) {
		_ = l.c.send(TypeListMessages, l.c.layout.appendUint32(nil, uint32(from)))
	}
	// To a distant smtpd the first sample is on its way with the first page, and none is once
	// all has been requested: the listing would wait for it.
	sample := len(l.asked) > 0
	if l.c.pace.distant() {
		sample = len(l.ids) > 0 || !l.pages.ended()
	}
	if sample && !l.digestPending && l.c.pace.shouldSample(l.now) {
		l.digestPending = true
		_ = l.c.send(TypeGetDigest, nil)
	}
}

func (l *lister) gotDigest(p []byte) error {
	l.digestPending = false
	d, err := l.c.decodeDigest(p)
	if err == nil {
		l.c.pace.observe(l.now, d)
	}
	return err
}

func (l *lister) gotPage(p []byte) error {
	ids, err := l.c.decodeMessages(p, l.pages.expects())
	if err != nil {
		return err
	}
	l.pages.got(ids)
	if l.tryShortcut {
		l.tryShortcut = false
		if len(ids) >= shortcutFrom {
			if _, l.oneEach, err = l.c.singleRecipientMessages(l.ctx, func([]MessageID) bool { return true }); err != nil {
				return err
			}
		}
	}
	if ids = l.pages.take(); len(ids) > 0 {
		l.ids = append(l.ids[:len(l.ids):len(l.ids)], l.wanted(ids)...)
	}
	return nil
}

// gotEnvelope processes one envelope of the batch that is being received.
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
	l.bufferedBytes += len(p)
	return nil
}

// endBatch decides at the end of a batch whether the message may have more envelopes,
// and if so requests them.
func (l *lister) endBatch() error {
	s, at := l.asked[0].s, l.asked[0].at
	if l.asked[0].closes {
		l.closing--
	}
	l.asked = l.asked[1:]
	l.now = time.Now()
	l.c.pace.onResponse(l.now, at, s.batch, s.bytes)
	ended := s.last+s.batch > 0 && s.from&0xffffffff == 0 // past the last possible id
	switch {
	case ended:
	case l.oneEach && s.batch == 1 && s.last == 0:
	case s.batch > 0 && s.batch <= smallBatch && l.isLast != nil && l.isLast(s.from-1):
	case s.batch > 0:
		if s.last > 0 {
			// More envelopes came after the batch before, so that batch may have been
			// full.
			l.fullBatch = max(l.fullBatch, s.last)
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

// release emits the envelopes that were buffered behind a message that is now complete.
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
		l.bufferedBytes -= len(s.kept)
		s.kept, s.sizes = nil, nil
		if !s.done {
			return nil
		}
		l.slots = l.slots[1:]
	}
	return nil
}

// emit hands one envelope to the caller of the listing.
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

// The limits of nextProbe.
const (
	probes       = 16  // places in a message that are tried
	defaultBatch = 256 // smtpd's max-evp-batch-size
)

// nextProbe returns the next id from which to list after an empty batch, or false if
// the message is to be considered complete.
//
// An empty batch ends a message, except where the files of all envelopes that it would
// have contained are gone, for example deleted by hand or delivered between the work of
// scheduler and queue. Then higher ids may still have envelopes. Ids are random, so
// probes spread evenly over the remaining range miss nothing in messages of up to as
// many batches as there are probes. The lister probes after an empty first batch, and
// after an empty batch whose predecessor may have been full: that is, was as large as a
// batch that others followed, or as large as smtpd's default limit.
func (l *lister) nextProbe(s *slot) (EnvelopeID, bool) {
	if s.last > 0 && s.last < l.leastFull() && s.tried == 0 {
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

// leastFull returns how many envelopes a batch has at least that may have been full.
func (l *lister) leastFull() int {
	if l.fullBatch > 0 {
		return min(defaultBatch, l.fullBatch)
	}
	return defaultBatch
}
