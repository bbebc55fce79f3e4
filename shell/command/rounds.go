package command

import (
	"context"
	"sync"
	"time"
)

// Times of rounds.
const (
	// roundWait is how long a round waits for the machines that it asks, if the rounds are
	// not closer together.
	roundWait = 2 * time.Second
	// A machine that could not be reached is asked again after roundRetry, and after twice
	// as long each time, but after roundRetryMost at the latest.
	roundRetry     = time.Second
	roundRetryMost = 8 * time.Second
)

// A Turn is what is known of one machine after a round.
type Turn[T any] struct {
	Host string
	// Value is the last answer, and Answered when it came, the zero time before the first.
	Value    T
	Answered time.Time
	// Fresh says that the last answer, or the error, came since the round before.
	Fresh bool
	// Err is why there was no answer the last time, nil after an answer, and Failed since
	// when it has been so.
	Err    error
	Failed time.Time
	// Asked is when the machine was asked, if it has not answered yet; otherwise the zero
	// time.
	Asked time.Time
}

// Late reports whether the machine has been asked and has not answered yet.
func (t *Turn[T]) Late() bool { return !t.Asked.IsZero() }

// Rounds ask several machines the same thing again and again. A machine that does not answer
// holds nobody up: the round ends without it, and it is asked again once it has answered or
// failed, so that it never has two questions at a time. Rounds must not be used from several
// goroutines at once.
type Rounds[T any] struct {
	ask    func(ctx context.Context, host string) (T, error)
	wait   time.Duration
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup
	rights *Rights
	heard  chan heard[T]
	late   chan struct{}
	early  []heard[T] // answers for the next round
	turns  []roundTurn[T]
}

// A heard is what a machine has answered.
type heard[T any] struct {
	i     int
	value T
	err   error
}

// A roundTurn is a Turn with what the rounds need beside it.
type roundTurn[T any] struct {
	Turn[T]
	failures int       // in a row, of reaching the machine
	slow     bool      // it was late the last time: the next round does not wait for it
	again    time.Time // it is not asked before
	right    *Right    // of the question under way
}

// NewRounds returns rounds for machines that are asked with ask, each in a goroutine of its
// own, parallel at a time, or UsualParallel if that is 0. ask must end soon after its context.
// every is how far the rounds are apart. End must be called.
func NewRounds[T any](ctx context.Context, hosts []string, every time.Duration, parallel int, ask func(ctx context.Context, host string) (T, error)) *Rounds[T] {
	r := &Rounds[T]{ask: ask, wait: min(every, roundWait), rights: NewRights(parallel), heard: make(chan heard[T], len(hosts)), late: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	for _, host := range hosts {
		r.turns = append(r.turns, roundTurn[T]{Turn: Turn[T]{Host: host}})
	}
	return r
}

// End gives up what is under way, and waits until it has ended.
func (r *Rounds[T]) End() {
	r.cancel()
	r.wg.Wait()
}

// Late returns a channel that gets a value when a machine has answered after the end of its
// round.
func (r *Rounds[T]) Late() <-chan struct{} { return r.late }

// All is Next, but it waits until each machine has answered or failed.
func (r *Rounds[T]) All(ctx context.Context) []Turn[T] { return r.next(ctx, nil) }

// Next asks all machines that are not being asked already, waits for those, and returns what
// is known of each machine, in the order of their names. If ctx ends, it returns at once. Every
// answer is the Value of a Fresh Turn once, and every failure its Err.
func (r *Rounds[T]) Next(ctx context.Context) []Turn[T] {
	timer := time.NewTimer(r.wait)
	defer timer.Stop()
	return r.next(ctx, timer.C)
}

// next is Next, but it waits no longer than until end has a value.
func (r *Rounds[T]) next(ctx context.Context, end <-chan time.Time) []Turn[T] {
	for i := range r.turns {
		r.turns[i].Fresh = false
	}
	for _, h := range r.early {
		r.put(h)
	}
	r.early = nil
	r.take()
	waiting := map[int]bool{}
	for i := range r.turns {
		if t := &r.turns[i]; !t.Late() && !time.Now().Before(t.again) {
			waiting[i] = !t.slow && !t.Fresh
			r.start(i)
		}
		if !waiting[i] {
			delete(waiting, i)
		}
	}
	for patient := true; patient && len(waiting) > 0; {
		select {
		case h := <-r.heard:
			r.put(h)
			delete(waiting, h.i)
		case <-end:
			patient = false
		case <-ctx.Done():
			patient = false
		}
	}
	r.take()
	out := make([]Turn[T], len(r.turns))
	for i := range r.turns {
		out[i] = r.turns[i].Turn
		if out[i].Late() {
			r.turns[i].slow = true
			r.turns[i].right.Forgo() // so that it does not keep others from being asked
		}
	}
	return out
}

// take takes the answers that have come.
func (r *Rounds[T]) take() {
	for {
		select {
		case h := <-r.heard:
			r.put(h)
		default:
			return
		}
	}
}

// put takes note of an answer, if the machine has not answered in this round already.
func (r *Rounds[T]) put(h heard[T]) {
	t := &r.turns[h.i]
	if t.Fresh {
		r.early = append(r.early, h)
		return
	}
	now := time.Now()
	t.slow = t.slow && now.Sub(t.Asked) > r.wait
	t.Asked, t.Fresh, t.right = time.Time{}, true, nil
	if h.err == nil {
		t.Value, t.Answered, t.Err, t.failures, t.again = h.value, now, nil, 0, time.Time{}
		return
	}
	if t.Err == nil {
		t.Failed = now
	}
	if t.Err = h.err; Status(h.err) != StatusUnreachable {
		t.failures = 0
		return
	}
	t.again = now.Add(min(roundRetry<<min(t.failures, 8), roundRetryMost))
	t.failures++
}

// start asks a machine.
func (r *Rounds[T]) start(i int) {
	t := &r.turns[i]
	t.Asked, t.right = time.Now(), r.rights.Of(t.Host)
	host, right := t.Host, t.right
	r.wg.Go(func() {
		h := heard[T]{i: i}
		if right.Take(r.ctx) {
			h.value, h.err = r.ask(r.ctx, host)
		} else {
			h.err = context.Cause(r.ctx)
		}
		r.heard <- h
		if right.Leave() {
			select {
			case r.late <- struct{}{}:
			default:
			}
		}
	})
}
