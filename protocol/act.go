package protocol

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Action is a change that smtpd makes to an envelope in its queue on request.
type Action int

// The actions.
//
// ScheduleEnvelope must never reach a suspended envelope: smtpd exits when that
// envelope is resumed later (seen on 6.8.0p2 and 7.9.0p0). Nor may it reach an envelope
// that is due: the scheduler would put it into its list of envelopes to deliver twice,
// which corrupts the list (scheduler_ramqueue.c, rq_envelope_schedule; 6.8.0p2 crashed
// while relaying was paused).
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

// String returns the words of the command that takes the action, such as "pause
// envelope".
func (a Action) String() string { return actions[a].name }

// Act takes the action on each of the envelopes, with a window of requests in flight.
// It calls result once for each answered envelope, in the order of ids; ok reports
// whether smtpd answered OK.
//
// When an error ends Act early, result has been called for the envelopes whose answers
// had arrived. The next unconfirmed envelopes had been sent to smtpd as well, and
// whether smtpd acted on them is unknown; requests for the remaining envelopes were
// never sent. When ctx ends, Act waits a moment for the answers to requests already
// sent. The errors are those of [Conn].
func (c *Conn) Act(ctx context.Context, a Action, ids []EnvelopeID, result func(id EnvelopeID, ok bool)) (unconfirmed int, err error) {
	for _, id := range ids {
		if !id.Valid() {
			// An id whose upper half is zero would be taken for a message id.
			return 0, &OpError{a.String(), fmt.Errorf("envelope id %v: the first 8 digits are all zero", id)}
		}
	}
	return c.act(ctx, a, len(ids), func(i int) uint64 { return uint64(ids[i]) }, func(i int, ok bool) { result(ids[i], ok) })
}

// ActMessages takes the action on all envelopes of each message, with one request for
// each message. ok reports whether smtpd changed at least one envelope of the message;
// smtpd does not say how many.
//
// Danger: to pause or resume a message of which an envelope has expired or been removed
// corrupts smtpd's list of such envelopes. Unlike a listing, the request reaches these
// envelopes while they wait for smtpd to process them. Call ActMessages with
// PauseEnvelope or ResumeEnvelope only while nothing expires and nobody removes mail;
// RemoveEnvelope leaves such envelopes alone. ScheduleEnvelope is refused, because each
// envelope must be checked before it is scheduled.
//
// The request also reaches envelopes that were queued a moment ago: a bounce is queued
// under the id of the message that it reports.
func (c *Conn) ActMessages(ctx context.Context, a Action, ids []MessageID, result func(id MessageID, ok bool)) (unconfirmed int, err error) {
	if a == ScheduleEnvelope {
		return 0, &OpError{a.String(), errors.New("cannot be sent for a whole message")}
	}
	for _, id := range ids {
		if id == 0 {
			return 0, &OpError{a.String(), fmt.Errorf("message id %v: zero is not an id", id)}
		}
	}
	return c.act(ctx, a, len(ids), func(i int) uint64 { return uint64(ids[i]) }, func(i int, ok bool) { result(ids[i], ok) })
}

// act sends n requests, whose payloads id returns, and passes on their results by
// number.
func (c *Conn) act(ctx context.Context, a Action, n int, id func(int) uint64, result func(int, bool)) (unconfirmed int, err error) {
	return c.several(ctx, a.String(), actions[a].kind, a, n, func(i int) []byte { return c.layout.appendUint64(c.num[:0], id(i)) },
		func(i int, _ []byte, err error) error {
			result(i, err == nil)
			return nil
		})
}

// several sends n requests of a kind, as many of them in flight as of the action like. It calls
// answer with the payload of each answer, or with the error that stands for a FAIL; an error of
// answer ends it. The next unconfirmed requests had been sent as well.
func (c *Conn) several(ctx context.Context, op string, kind Type, like Action, n int, payload func(int) []byte, answer func(i int, payload []byte, refused error) error) (unconfirmed int, err error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return 0, opError(ctx, op, err)
	}
	defer end()
	flow := c.flow(like)
	now := time.Now()
	sent, done := 0, 0
	for done < n {
		for sent < n && sent-done < flow.window() && ctx.Err() == nil {
			if err := c.send(kind, payload(sent)); err != nil {
				return sent - done, opError(ctx, op, err)
			}
			flow.onSend(now)
			sent++
		}
		if sent == done {
			return 0, opError(ctx, op, ctx.Err())
		}
		f, _, err := c.recv()
		var refused *failure
		if err != nil && !errors.As(err, &refused) {
			return sent - done, opError(ctx, op, err)
		}
		now = time.Now()
		flow.onAnswer(now)
		if err := answer(done, f.Payload, err); err != nil {
			return sent - done, opError(ctx, op, err)
		}
		done++
	}
	return 0, nil
}

// An ActPlan says what an action is to do with each envelope of a listing.
type ActPlan struct {
	// Choose reports whether to act on an envelope. Its arguments are those that a
	// listing yields.
	Choose func(*Envelope, error) bool
	// Sending, if set, is called before requests are sent, with the ids that they are
	// for: in batches, and once for each id. Sending must not keep the slice.
	Sending func(ids []EnvelopeID)
	// Result is called once for each envelope that was acted on, as by Act.
	Result func(id EnvelopeID, ok bool)
}

// ActAll lists the queue from a message on and takes the action on each envelope that
// the plan chooses, as soon as the envelope is listed. When ctx ends, ActAll stops
// listing and sending, and waits a moment for the answers to requests already sent.
// unconfirmed and err are as for Act.
func (c *Conn) ActAll(ctx context.Context, a Action, from MessageID, plan ActPlan) (unconfirmed int, err error) {
	return c.actListed(ctx, a, plan, func(l *lister) { l.listFrom(from) })
}

// ActIn is ActAll for the envelopes of the given messages, whose ids must ascend.
func (c *Conn) ActIn(ctx context.Context, a Action, msgs []MessageID, plan ActPlan) (unconfirmed int, err error) {
	return c.actListed(ctx, a, plan, func(l *lister) { l.listOnly(msgs) })
}

func (c *Conn) actListed(ctx context.Context, a Action, plan ActPlan, start func(*lister)) (int, error) {
	w := &actionQueue{kind: actions[a].kind, maxQueued: maxActions, plan: plan}
	if a == RemoveEnvelope {
		w.maxQueued, w.deferSends = maxRemovals, true
	}
	err := c.list(ctx, func(e *Envelope, err error) bool {
		if e.ID.Valid() && plan.Choose(e, err) {
			act := queuedAction{id: e.ID}
			if a == ScheduleEnvelope && e.Flags&(FlagPending|FlagHold) == FlagPending {
				act.due = e.NextTry
			}
			w.queued = append(w.queued, act)
		}
		return true
	}, func(l *lister) {
		w.flow = c.flow(a)
		l.acts = w
		start(l)
	})
	if err != nil {
		err = opError(ctx, a.String(), err)
	}
	return len(w.unanswered), err
}

// An actionQueue takes an action on envelopes while a listing goes on. The methods of a
// nil actionQueue do nothing.
type actionQueue struct {
	kind       Type
	flow       actFlow
	maxQueued  int  // largest length of queued
	deferSends bool // send only when the listing has ended, or queued is full
	flushing   bool // send all of queued before the listing continues
	queued     []queuedAction
	announced  int          // how many of queued plan.Sending has been called with
	unanswered []EnvelopeID // sent and not answered
	plan       ActPlan
}

// A queuedAction is an envelope whose request has not been sent yet.
type queuedAction struct {
	id  EnvelopeID
	due int64 // for schedule, when the envelope is due; otherwise 0
}

// DueMargin is how many seconds before it is due an envelope must no longer be
// scheduled. The margin is longer than the time between the check of an envelope and
// smtpd's work on the request.
const DueMargin = 5

// Due reports whether smtpd delivers the envelope at once or within DueMargin anyway,
// or would do so if relaying were not paused. now is in seconds since 1970.
func (e *Envelope) Due(now int64) bool {
	return e.Flags&(FlagPending|FlagHold) == FlagPending && e.NextTry <= now+DueMargin
}

// How many envelopes may be queued before the listing has to wait. Removals are queued
// until the listing has ended, at 16 bytes each: smtpd's queue process deletes the
// files of each one, some ten times as slowly as it lists, and the rest of the listing
// would wait for that.
const (
	maxActions  = 4096
	maxRemovals = 1 << 18
)

func (w *actionQueue) idle() bool          { return w == nil || len(w.queued) == 0 && len(w.unanswered) == 0 }
func (w *actionQueue) awaitsAnswers() bool { return w != nil && len(w.unanswered) > 0 }
func (w *actionQueue) full() bool          { return w != nil && (w.flushing || len(w.queued) >= w.maxQueued) }

// send sends as many requests as the window has room for. While more envelopes are
// coming, it sends many at once, which wakes smtpd's processes up less often.
func (w *actionQueue) send(c *Conn, more bool) {
	if w == nil {
		return
	}
	w.flushing = w.deferSends && (len(w.queued) >= w.maxQueued || w.flushing && len(w.queued) > 0)
	half := w.flow.window() / 2
	if more && !w.flushing && (w.deferSends || len(w.queued) < half || len(w.unanswered) > half) {
		return
	}
	for len(w.queued) > 0 && len(w.unanswered) < w.flow.window() {
		w.announce() // which may take long
		now := time.Now()
		id, due := w.queued[0].id, w.queued[0].due
		w.queued = w.queued[1:]
		w.announced--
		if due != 0 && due <= now.Unix()+DueMargin {
			w.plan.Result(id, true) // the envelope is due, and smtpd delivers it without a request
			continue
		}
		// The payload of an EnvelopeID always fits into a frame, so send cannot fail.
		_ = c.send(w.kind, c.layout.appendUint64(c.num[:0], uint64(id)))
		w.flow.onSend(now)
		w.unanswered = append(w.unanswered, id)
	}
}

// announceBatch is how many ids plan.Sending is called with at once, and mostActions where
// smtpd is far: what it does may take a round trip.
const announceBatch = 1024

// announce calls plan.Sending with the next batch of queued ids, unless the first of
// them has been announced.
func (w *actionQueue) announce() {
	if w.announced > 0 {
		return
	}
	w.announced = announceBatch
	if w.flow.adapts() {
		w.announced = mostActions
	}
	w.announced = min(len(w.queued), w.announced)
	if w.plan.Sending == nil {
		return
	}
	ids := make([]EnvelopeID, w.announced)
	for i := range ids {
		ids[i] = w.queued[i].id
	}
	w.plan.Sending(ids)
}

// answered processes one answer: an OK, or the error that stands for a FAIL.
func (w *actionQueue) answered(err error) error {
	var refused *failure
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	id := w.unanswered[0]
	w.unanswered = w.unanswered[1:]
	w.flow.onAnswer(time.Now())
	w.plan.Result(id, err == nil)
	return nil
}

// finish waits for the answers to requests already sent, where a listing ended early
// for a reason that leaves the connection usable. It returns that reason.
func (w *actionQueue) finish(c *Conn, reason error) error {
	for w.awaitsAnswers() {
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
