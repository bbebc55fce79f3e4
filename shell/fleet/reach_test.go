package fleet

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smtpctl/shell/command"
)

// TestLending connects to machines that all are far: unless the user has said how many work at the
// same time, others begin meanwhile, up to a bound. Near ones lend nothing. At the end every place
// is free.
func TestLending(t *testing.T) {
	for _, tt := range []struct {
		parallel, machines int
		takes              time.Duration
		want               int
	}{
		{0, 1, time.Hour, 1}, {0, 50, time.Hour, 50}, {0, 1000, time.Hour, command.UsualParallel + mostLent},
		{0, 50, lendAfter / 2, command.UsualParallel}, {0, 50, lendAfter, 0}, {1, 9, time.Hour, 1}, {3, 9, time.Hour, 3}, {16, 50, time.Hour, 16},
	} {
		synctest.Test(t, func(t *testing.T) {
			options := command.Options{Parallel: tt.parallel}
			rights := command.RightsOf(tt.parallel, make([]string, tt.machines))
			var mu sync.Mutex
			now, most := 0, 0
			(&Fleet{}).onEach(rights, options, make([]string, tt.machines), func(int, command.Options) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(tt.takes)
				mu.Lock()
				now--
				mu.Unlock()
			})
			if tt.want > 0 && most != tt.want || now != 0 {
				t.Errorf("%v: %d at the same time, %d at the end", fmt.Sprint(tt), most, now)
			}
			free := min(tt.machines, command.UsualParallel)
			if tt.parallel > 0 {
				free = tt.parallel
			}
			for _, r := range rights[:free] {
				if !r.Take(t.Context()) { // blocks, which synctest reports, if a place is taken
					t.Error("a place is taken")
				}
			}
		})
	}
}
