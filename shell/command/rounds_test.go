package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smtpctl/protocol"
)

// TestRounds has one machine of many hang, fail, be slow, and come back, over all intervals:
// the others are asked in each round, which never takes longer than its interval; no machine
// has two questions at a time; one that cannot be reached is asked less and less often; and
// nothing is left at the end.
func TestRounds(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, time.Second, 2 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var hosts []string
			for i := range 40 {
				hosts = append(hosts, fmt.Sprintf("mx%d", i))
			}
			var mu sync.Mutex
			asked, busy := map[string]int{}, map[string]int{}
			var mode atomic.Value // of mx3
			mode.Store("answers")
			r := NewRounds(t.Context(), hosts, every, 4, func(ctx context.Context, host string) (int, error) {
				mu.Lock()
				asked[host]++
				if busy[host]++; busy[host] > 1 {
					t.Errorf("%s has two questions at a time", host)
				}
				n := asked[host]
				mu.Unlock()
				defer func() { mu.Lock(); busy[host]--; mu.Unlock() }()
				if host == "mx3" {
					switch mode.Load() {
					case "hangs":
						<-ctx.Done()
						return 0, ctx.Err()
					case "is slow":
						time.Sleep(roundWait + every/2)
					case "is down":
						return 0, protocol.ErrNotRunning
					case "refuses":
						return 0, errors.New("no such envelope")
					}
				}
				return n, nil
			})
			round := func() []Turn[int] {
				began := time.Now()
				turns := r.Next(t.Context())
				if took := time.Since(began); took > min(every, roundWait) {
					t.Fatalf("%v: a round took %v", every, took)
				}
				for i, turn := range turns {
					if turn.Host != hosts[i] || i != 3 && (!turn.Fresh || turn.Err != nil || turn.Late()) {
						t.Fatalf("%v: %+v", every, turn)
					}
				}
				time.Sleep(every - time.Since(began))
				return turns
			}
			for range 5 {
				if got := round()[3]; !got.Fresh || got.Err != nil {
					t.Fatalf("%+v", got)
				}
			}
			mode.Store("is down")
			before := asked["mx3"]
			for began := time.Now(); time.Since(began) < 60*time.Second; {
				if got := round()[3]; !errors.Is(got.Err, protocol.ErrNotRunning) || got.Failed.IsZero() || got.Value != before {
					t.Fatalf("%+v", got)
				}
			}
			if n := asked["mx3"] - before; n > 12 {
				t.Errorf("%v: a machine that is down was asked %d times in a minute", every, n)
			}
			mode.Store("answers")
			time.Sleep(roundRetryMost)
			if got := round()[3]; !got.Fresh || got.Err != nil {
				t.Errorf("%v: it is back: %+v", every, got)
			}
			mode.Store("refuses")
			before = asked["mx3"]
			for range 5 {
				if got := round()[3]; !got.Fresh || got.Err == nil {
					t.Errorf("%+v", got)
				}
			}
			if n := asked["mx3"] - before; n != 5 {
				t.Errorf("%v: a machine that refuses was asked %d times in 5 rounds", every, n)
			}
			mode.Store("is slow")
			if got := round()[3]; !got.Late() || got.Answered.IsZero() {
				t.Errorf("%v: %+v", every, got)
			}
			select {
			case <-r.Late():
			case <-time.After(2*roundWait + 2*every):
				t.Errorf("%v: nothing says that it has answered", every)
			}
			mode.Store("hangs")
			if got := round()[3]; !got.Fresh || !got.Late() || got.Value != asked["mx3"]-1 {
				t.Errorf("%v: %+v of %d", every, got, asked["mx3"])
			}
			for range 3 {
				began := time.Now()
				turns := r.Next(t.Context())
				if took := time.Since(began); took != 0 || !turns[3].Late() || turns[3].Fresh {
					t.Errorf("%v: a round waited %v for a machine that hangs already, %+v", every, took, turns[3])
				}
			}
			r.End()
		})
	}
}

// TestRoundsAllHang ends while all machines hang, more than are asked at a time: each is asked
// nevertheless.
func TestRoundsAllHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		r := NewRounds(t.Context(), make([]string, 50), time.Second, 4, func(ctx context.Context, _ string) (int, error) {
			asked.Add(1)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		r.Next(t.Context())
		synctest.Wait()
		if n := asked.Load(); n != 50 {
			t.Errorf("%d machines were asked", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.Next(ctx)
		r.End()
	})
}

// TestRoundsLoseNothing has machines answer and fail at times that have nothing to do with the
// rounds: each answer and each failure is told once, in its order.
func TestRoundsLoseNothing(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(1, uint64(every)))
			pause := func(most time.Duration) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(random.Int64N(int64(most)))
			}
			asked := map[string]int{}
			hosts := []string{"mx0", "mx1", "mx2", "mx3", "mx4"}
			r := NewRounds(t.Context(), hosts, every, 3, func(ctx context.Context, host string) (int, error) {
				mu.Lock()
				asked[host]++
				n := asked[host]
				mu.Unlock()
				time.Sleep(pause(3 * every))
				if n%5 == 0 {
					return 0, fmt.Errorf("failure %d", n)
				}
				return n, nil
			})
			told := map[string]int{}
			for range 500 {
				for _, turn := range r.Next(t.Context()) {
					if !turn.Fresh {
						continue
					}
					told[turn.Host]++
					n := told[turn.Host]
					if failed := n%5 == 0; failed && fmt.Sprint(turn.Err) != fmt.Sprintf("failure %d", n) || !failed && (turn.Err != nil || turn.Value != n) {
						t.Fatalf("%v: %s: %d, %v in place of answer %d", every, turn.Host, turn.Value, turn.Err, n)
					}
				}
				select {
				case <-r.Late():
				case <-time.After(pause(2 * every)):
				}
			}
			r.End()
			for _, host := range hosts {
				if told[host] < 50 || told[host] < asked[host]-2 {
					t.Errorf("%v: %s was asked %d times, and %d answers were told", every, host, asked[host], told[host])
				}
			}
		})
	}
}
