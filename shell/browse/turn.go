package browse

import (
	"context"
	"sync/atomic"
	"time"
)

// The bounds of the patience with a machine that says nothing.
const (
	watchEvery = 250 * time.Millisecond
	lendAfter  = time.Second     // after that another machine may be listed meanwhile
	slowAfter  = 2 * time.Second // after that the screen says so
)

// The states of a turn.
const (
	idle int32 = iota
	working
	lent // another source has the turn, because the machine says nothing
)

// A turn is the right of a source to work at the same time as others. Turns are as many as the
// channel of the worker has room for. A source whose machine says nothing does not keep its
// turn, so that no machine holds up the others.
type turn struct {
	state atomic.Int32
	news  atomic.Int64 // how often the machine has said something
	quiet atomic.Int64 // nanoseconds for which the machine has said nothing, as watch has seen it

	// Only watch uses the fields below.
	seen  int64
	since time.Time
}

// begin waits for a turn, and carries out jobs meanwhile, which need none. It returns false if
// ctx ends. With one machine there are no turns, and it returns at once.
func (s *source) begin(ctx context.Context) bool {
	for s.w.turns != nil {
		select {
		case s.w.turns <- struct{}{}:
			s.turn.news.Add(1)
			s.turn.state.Store(working)
			return true
		case j := <-s.jobs:
			s.carryOut(ctx, j)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// end gives the turn back.
func (t *turn) end(turns chan struct{}) {
	if t.state.Swap(idle) == working {
		<-turns
	}
}

// heard records that the machine has said something. If the turn was lent, heard waits for
// another one.
func (s *source) heard(ctx context.Context) {
	if s.w.turns == nil {
		return
	}
	s.turn.news.Add(1)
	if s.turn.state.Load() != lent {
		return
	}
	select {
	case s.w.turns <- struct{}{}:
		s.turn.state.Store(working)
	case <-ctx.Done():
	}
}

// watch lends the turns of machines that say nothing, until ctx ends.
func (w *worker) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, s := range w.sources {
				s.turn.watch(now, w.turns)
			}
		}
	}
}

// watch looks whether the machine has said something since the last call.
func (t *turn) watch(now time.Time, turns chan struct{}) {
	if n := t.news.Load(); n != t.seen || t.state.Load() == idle || t.since.IsZero() {
		t.seen, t.since = n, now
	}
	quiet := now.Sub(t.since)
	t.quiet.Store(int64(quiet))
	if quiet >= lendAfter && t.state.CompareAndSwap(working, lent) {
		<-turns
	}
}

// slow returns for how long the machine has said nothing, in whole seconds, or 0 if that is
// not long.
func (t *turn) slow() time.Duration {
	if quiet := time.Duration(t.quiet.Load()); quiet >= slowAfter {
		return quiet.Truncate(time.Second)
	}
	return 0
}
