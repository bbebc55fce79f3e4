package protocol

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Action is something done to an envelope in the queue.
type Action int

// The actions. Schedule must not be sent for a suspended envelope: smtpd exits
// when it is resumed later (seen on 6.8.0p2 and 7.9.0p0). Nor must it be sent
// for one that is due, which smtpd has in its list of envelopes to deliver: a
// second time breaks that list (scheduler_ramqueue.c, rq_envelope_schedule; seen
// on 6.8.0p2 as a crash while relaying was paused).
const (
	PauseEnvelope Action = iota
	ResumeEnvelope
	RemoveEnvelope
	ScheduleEnvelope
)

var actions = [...]struct {
	name string
	kind Type
}{
	PauseEnvelope:    {"pause envelope", TypePauseEnvelope},
	ResumeEnvelope:   {"resume envelope", TypeResumeEnvelope},
	RemoveEnvelope:   {"remove", TypeRemove},
	ScheduleEnvelope: {"schedule", TypeSchedule},
}

// String returns the words of the command: pause envelope, remove and so on.
func (a Action) String() string { return actions[a].name }

// Act does one thing to each of the envelopes, with a window of requests in
// flight, and calls result for each in their order: ok says whether smtpd said
// OK. When an error ends it early, result has been called for the envelopes
// whose answers came; the next unconfirmed ones were sent to smtpd too, and
// whether it acted on them is not known; the others were not sent. If ctx ends,
// the answers to what was sent are still awaited for a moment.
func (c *Conn) Act(ctx context.Context, a Action, ids []EnvelopeID, result func(id EnvelopeID, ok bool)) (unconfirmed int, err error) {
	for _, id := range ids {
		if !id.Valid() {
			// smtpd would take it for a message id.
			return 0, &OpError{a.String(), fmt.Errorf("envelope id %v: the first 8 digits are all zero", id)}
		}
	}
	return c.act(ctx, a, len(ids), func(i int) uint64 { return uint64(ids[i]) }, func(i int, ok bool) { result(ids[i], ok) })
}

// ActMessages is Act for messages with all their envelopes, by one request for
// each. ok says whether at least one envelope was changed; how many is not said,
// and those that came a moment ago are among them, for a bounce is queued under
// the message that it reports. Unlike a listing it also reaches envelopes that
// have expired, or been removed, and wait for smtpd to see to that. Remove leaves
// those alone, but to pause or resume one breaks smtpd's list of them: that may
// only be done while nothing expires and nobody removes. Schedule is refused,
// since it has to look at each envelope first.
func (c *Conn) ActMessages(ctx context.Context, a Action, ids []MessageID, result func(id MessageID, ok bool)) (unconfirmed int, err error) {
	if a == ScheduleEnvelope {
		return 0, &OpError{a.String(), errors.New("not for a whole message")}
	}
	for _, id := range ids {
		if id == 0 {
			return 0, &OpError{a.String(), fmt.Errorf("message id %v: zero is not an id", id)}
		}
	}
	return c.act(ctx, a, len(ids), func(i int) uint64 { return uint64(ids[i]) }, func(i int, ok bool) { result(ids[i], ok) })
}

// act sends n requests and passes on their results by number.
func (c *Conn) act(ctx context.Context, a Action, n int, id func(int) uint64, result func(int, bool)) (unconfirmed int, err error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return 0, opError(ctx, a.String(), err)
	}
	defer end()
	window := c.actWindow()
	sent, done := 0, 0
	for done < n {
		for sent < n && sent-done < window && ctx.Err() == nil {
			if err := c.send(actions[a].kind, c.layout.appendUint64(c.num[:0], id(sent))); err != nil {
				return sent - done, opError(ctx, a.String(), err)
			}
			sent++
		}
		if sent == done {
			return 0, opError(ctx, a.String(), ctx.Err())
		}
		_, _, err := c.recv()
		var refused *failure
		if err != nil && !errors.As(err, &refused) {
			return sent - done, opError(ctx, a.String(), err)
		}
		result(done, err == nil)
		done++
	}
	return 0, nil
}

// actWindow is how many actions may be in flight.
func (c *Conn) actWindow() int {
	if c.pace.fixed > 0 {
		return c.pace.fixed
	}
	return actWindow
}

// An ActPlan says what an action on listed envelopes is to do with each.
type ActPlan struct {
	// Choose reports whether to act on an envelope; its arguments are those of a
	// listing.
	Choose func(*Envelope, error) bool
	// Sending, if set, is called with the ids that are to be acted on, in batches
	// and each once, before the requests for them are sent. It must not keep ids.
	Sending func(ids []EnvelopeID)
	// Result is called for each envelope that was acted on, as by Act.
	Result func(id EnvelopeID, ok bool)
}

// ActAll goes through the queue from a message on and does one thing to each
// envelope that the plan chooses, as soon as it is listed. When ctx ends it asks
// for no more and sends no more, and the answers to what was sent are still awaited
// for a moment.
func (c *Conn) ActAll(ctx context.Context, a Action, from MessageID, plan ActPlan) (unconfirmed int, err error) {
	return c.actListed(ctx, a, plan, func(l *lister) { l.nextPage, l.morePages, l.prove = from, true, true })
}

// ActIn is ActAll for the envelopes of some messages, whose ids must ascend.
func (c *Conn) ActIn(ctx context.Context, a Action, msgs []MessageID, plan ActPlan) (unconfirmed int, err error) {
	return c.actListed(ctx, a, plan, func(l *lister) { l.these(msgs) })
}

func (c *Conn) actListed(ctx context.Context, a Action, plan ActPlan, start func(*lister)) (int, error) {
	w := &acts{kind: actions[a].kind, window: c.actWindow(), most: fullActs, plan: plan}
	if a == RemoveEnvelope {
		w.most, w.last = fullRemovals, true
	}
	err := c.list(ctx, func(e *Envelope, err error) bool {
		if e.ID.Valid() && plan.Choose(e, err) {
			act := pendingAct{id: e.ID}
			if a == ScheduleEnvelope && e.Flags&(FlagPending|FlagHold) == FlagPending {
				act.due = e.NextTry
			}
			w.todo = append(w.todo, act)
		}
		return true
	}, func(l *lister) {
		l.acts = w
		start(l)
	})
	if err != nil {
		err = opError(ctx, a.String(), err)
	}
	return len(w.waiting), err
}

// An acts does something to envelopes while a listing goes on. A nil one does
// nothing.
type acts struct {
	kind    Type
	window  int
	most    int  // how many may wait to be sent
	last    bool // send when the listing is done, or no more may wait
	flush   bool // send all that waits before more is listed
	todo    []pendingAct
	told    int          // how many of todo plan.Sending has been told of
	waiting []EnvelopeID // sent and not answered
	plan    ActPlan
}

// A pendingAct is an envelope to act on.
type pendingAct struct {
	id  EnvelopeID
	due int64 // if it is to be scheduled, when it is due; else 0
}

// DueMargin is how many seconds before an envelope is due schedule must leave it
// alone: more than pass between the look at it and smtpd's work on the request.
const DueMargin = 5

// Due reports whether smtpd delivers the envelope at once or very soon anyway, or
// would if relaying were not paused.
func (e *Envelope) Due(now int64) bool {
	return e.Flags&(FlagPending|FlagHold) == FlagPending && e.NextTry <= now+DueMargin
}

// How many envelopes may wait before the listing is held up. Removals wait until
// it is done, 16 bytes each: smtpd's queue process deletes files for each, some ten
// times as slowly as it lists, and the rest of the listing would wait for that.
const (
	fullActs     = 4096
	fullRemovals = 1 << 18
)

func (w *acts) idle() bool  { return w == nil || len(w.todo) == 0 && len(w.waiting) == 0 }
func (w *acts) waits() bool { return w != nil && len(w.waiting) > 0 }
func (w *acts) full() bool  { return w != nil && (w.flush || len(w.todo) >= w.most) }

// send sends what the window has room for: while more are coming many at once,
// which wakes smtpd's processes up less often.
func (w *acts) send(c *Conn, more bool) {
	if w == nil {
		return
	}
	w.flush = w.last && (len(w.todo) >= w.most || w.flush && len(w.todo) > 0)
	if more && !w.flush && (w.last || len(w.todo) < w.window/2 || len(w.waiting) > w.window/2) {
		return
	}
	for len(w.todo) > 0 && len(w.waiting) < w.window {
		w.tell()
		id, due := w.todo[0].id, w.todo[0].due
		w.todo = w.todo[1:]
		w.told--
		if due != 0 && due <= time.Now().Unix()+DueMargin {
			w.plan.Result(id, true) // smtpd delivers it by itself now
			continue
		}
		// An EnvelopeID always fits into a frame.
		_ = c.send(w.kind, c.layout.appendUint64(c.num[:0], uint64(id)))
		w.waiting = append(w.waiting, id)
	}
}

// tellBatch is how many ids plan.Sending is told of at once.
const tellBatch = 1024

// tell tells plan.Sending of more of what waits if it has not been told of the
// first.
func (w *acts) tell() {
	if w.told > 0 {
		return
	}
	w.told = min(len(w.todo), tellBatch)
	if w.plan.Sending == nil {
		return
	}
	ids := make([]EnvelopeID, w.told)
	for i := range ids {
		ids[i] = w.todo[i].id
	}
	w.plan.Sending(ids)
}

// answered takes one OK, or the error that a FAIL is.
func (w *acts) answered(err error) error {
	var refused *failure
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	id := w.waiting[0]
	w.waiting = w.waiting[1:]
	w.plan.Result(id, err == nil)
	return nil
}

// finish awaits the answers to what was sent, if a listing ended early for a
// reason that leaves the connection in order, and returns that reason.
func (w *acts) finish(c *Conn, reason error) error {
	for w.waits() {
		f, _, err := c.recv()
		if f.Type != TypeOK && f.Type != TypeFail {
			if err != nil {
				break
			}
			continue
		}
		if err := w.answered(err); err != nil {
			break
		}
	}
	return reason
}
