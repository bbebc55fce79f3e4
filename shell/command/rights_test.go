package command

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRights has 20 machines work, so many at a time, in every way in which one can use its right:
// no more work at a time than may, as many as may do when all want to, whoever lends or waits makes
// room for others and comes back, and at the end every place is free.
func TestRights(t *testing.T) {
	const machines = 20
	works := map[string]func(ctx context.Context, r *Right, work func()){
		"ends": func(_ context.Context, r *Right, work func()) { work(); r.Leave() },
		"aside": func(_ context.Context, r *Right, work func()) {
			work()
			r.Aside(func() { time.Sleep(time.Minute) })
			work()
			r.Leave()
		},
		"silent": func(ctx context.Context, r *Right, work func()) {
			r.Lend()
			r.Lend()
			time.Sleep(time.Hour)
			r.Heard(ctx)
			work()
			r.Leave()
		},
		"silent to its end": func(_ context.Context, r *Right, _ func()) {
			r.Lend()
			time.Sleep(time.Hour)
			if !r.Leave() || r.Leave() {
				panic("not lent, or lent twice")
			}
		},
		"silent aside": func(_ context.Context, r *Right, work func()) {
			r.Lend()
			r.Aside(func() { time.Sleep(time.Hour) })
			work()
			r.Leave()
		},
		"heard all the time": func(ctx context.Context, r *Right, work func()) {
			for range 5 {
				work()
				r.Heard(ctx)
			}
			r.Leave()
		},
	}
	for _, n := range []int{0, 1, 2, 3, 16, 17, machines} {
		for name, use := range works {
			for _, cut := range []time.Duration{24 * 365 * time.Hour, 0, time.Second + 1, time.Hour + 1} { // Ctrl-C
				synctest.Test(t, func(t *testing.T) {
					may := n
					if may == 0 {
						may = UsualParallel
					}
					ctx, cancel := context.WithTimeout(t.Context(), cut)
					defer cancel()
					hosts := make([]string, machines)
					for i := range hosts {
						hosts[i] = fmt.Sprint("mx", i)
					}
					var mu sync.Mutex
					now, most, done := 0, 0, 0
					work := func() {
						if ctx.Err() != nil {
							return // as a command does that is interrupted
						}
						mu.Lock()
						now++
						most = max(most, now)
						mu.Unlock()
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
						mu.Lock()
						now--
						mu.Unlock()
					}
					rights := RightsOf(n, hosts)
					var wg sync.WaitGroup
					for _, r := range rights {
						wg.Go(func() {
							if r.Take(ctx) {
								use(ctx, r, work)
								mu.Lock()
								done++
								mu.Unlock()
							}
						})
					}
					wg.Wait()
					if most > may || cut > 24*time.Hour && (done != machines || most != may && name != "silent to its end") {
						t.Errorf("%d at a time, %s, until %v: %d worked at a time, %d ended", n, name, cut, most, done)
					}
					if len(rights[0].places) != 0 {
						t.Errorf("%d at a time, %s, until %v: %d places are not free", n, name, cut, len(rights[0].places))
					}
				})
			}
		}
	}
}

// TestRightsForgone has machines forgo their rights before they begin, while they work, and after
// their end: each works, and holds up nobody.
func TestRightsForgone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rights := RightsOf(1, []string{"before", "during", "after", "last"})
		rights[0].Forgo()
		for i, want := range []bool{true, true, false, false} {
			r := rights[i]
			if !r.Take(t.Context()) {
				t.Fatal("not taken")
			}
			if i == 1 {
				r.Forgo()
			}
			if i < 2 && len(r.places) != 0 {
				t.Errorf("%s: has a place", r.host)
			}
			if lent := r.Leave(); lent != want {
				t.Errorf("%s: lent: %v", r.host, lent)
			}
			r.Forgo()
			if len(r.places) != 0 {
				t.Errorf("%s: %d places are not free", r.host, len(r.places))
			}
		}
	})
}

// TestRightsQuiet measures silence: only of a machine that works, and from its last word.
func TestRightsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRights(1).Of("mx1")
		check := func(what string, want time.Duration) {
			t.Helper()
			time.Sleep(time.Minute)
			if got := r.Quiet(); got != want {
				t.Errorf("%s: quiet for %v, want %v", what, got, want)
			}
		}
		check("not begun", 0)
		r.Take(t.Context())
		check("works", time.Minute)
		r.Heard(t.Context())
		check("heard", time.Minute)
		r.Lend()
		check("lent", 2*time.Minute)
		r.Heard(t.Context())
		check("heard again", time.Minute)
		r.Leave()
		check("left", 0)
	})
}
