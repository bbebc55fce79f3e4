package browse

import (
	"context"
	"time"
)

// The bounds of the patience with a machine that says nothing.
const (
	watchEvery = 250 * time.Millisecond
	lendAfter  = time.Second     // after that another machine may be listed meanwhile
	slowAfter  = 2 * time.Second // after that the screen says so
)

// begin waits for the right to work, and carries out jobs meanwhile, which need none. It returns
// false if ctx ends. With one machine it returns at once.
func (s *source) begin(ctx context.Context) bool {
	for s.right != nil {
		select {
		case s.right.Free() <- struct{}{}:
			s.right.Taken()
			return true
		case j := <-s.jobs:
			s.carryOut(ctx, j)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// leave gives the right to work back.
func (s *source) leave() {
	if s.right != nil {
		s.right.Leave()
	}
}

// heard records that the machine has said something. If its right was lent, heard waits for it.
func (s *source) heard(ctx context.Context) {
	if s.right != nil {
		s.right.Heard(ctx)
	}
}

// watch lends the rights of machines that say nothing, so that none holds up the others, until ctx
// ends.
func (w *worker) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, s := range w.sources {
				if s.right.Quiet() >= lendAfter {
					s.right.Lend()
				}
			}
		}
	}
}

// slow returns for how long the machine has said nothing, in whole seconds, or 0 if that is
// not long.
func (s *source) slow() time.Duration {
	if s.right == nil {
		return 0
	}
	if quiet := s.right.Quiet(); quiet >= slowAfter {
		return quiet.Truncate(time.Second)
	}
	return 0
}
