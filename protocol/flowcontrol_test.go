package protocol

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	now := time.Now()
	idle := func() *flowControl {
		p := &flowControl{}
		p.observe(now, Digest{})
		p.observe(now, Digest{Timestamp: 1, Removed: 7})
		return p
	}
	if n := (&flowControl{}).window(now); n != busyWindow {
		t.Errorf("at first %d, want %d", n, busyWindow)
	}
	if n := (&flowControl{fixed: 7}).window(now); n != 7 {
		t.Errorf("fixed %d, want 7", n)
	}
	p := idle()
	if n := p.window(now); n != quietWindow {
		t.Errorf("idle %d, want %d", n, quietWindow)
	}
	p.observe(now, Digest{Enqueued: 1})
	if n := p.window(now); n != busyWindow {
		t.Errorf("busy %d, want %d", n, busyWindow)
	}
	if n := p.window(now.Add(busyFor)); n != quietWindow {
		t.Errorf("a while later %d, want %d", n, quietWindow)
	}

	p = idle()
	p.window(now)
	p.onResponse(now, now, 50, 50<<10)
	if n := p.window(now); n != quietEnvelopes/50 {
		t.Errorf("with 50 envelopes in an answer %d", n)
	}
	p.onResponse(now, now, 1, 1<<20)
	if n := p.window(now); n != leastWindow {
		t.Errorf("with answers of a megabyte %d", n)
	}

	p = idle()
	p.window(now)
	for range 100 {
		p.onResponse(now, now.Add(-time.Second), 1, 500)
	}
	if n := p.window(now); n != leastWindow {
		t.Errorf("after slow answers %d", n)
	}
	for range 500 {
		p.onResponse(now, now, 1, 500)
	}
	if n := p.window(now); n != quietWindow {
		t.Errorf("after quick answers again %d", n)
	}
}

// TestPaceOfTrips holds the window open where answers are late only because smtpd is far
// away, and no further than it may be.
func TestPaceOfTrips(t *testing.T) {
	for _, trip := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
		p := flowControl{trip: trip}
		now := time.Now()
		p.observe(now, Digest{})
		p.observe(now, Digest{})
		for range 5000 {
			p.window(now)
			p.onResponse(now.Add(trip+time.Millisecond), now, 1, 400)
		}
		want := min(quietWindow+int(trip/perEnvelope), distantWindow)
		if got := p.window(now); got != want {
			t.Errorf("trip %v: a window of %d, want %d", trip, got, want)
		}
		for range 8 { // round trips, in each of which all answers are late
			for range 200 {
				p.onResponse(now.Add(2*(trip+slowAnswer)), now, 1, 400)
			}
			now = now.Add(trip)
		}
		if got := p.window(now); got > quietWindow {
			t.Errorf("trip %v: a window of %d to an smtpd that is slow", trip, got)
		}
	}
}

// TestActFlow opens the window of actions as far as the round trip allows, and closes it while
// answers are late, once for each window that was sent.
func TestActFlow(t *testing.T) {
	for _, tt := range []struct {
		trip           time.Duration
		fixed          int
		most, schedule int
	}{
		{0, 0, 64, 64}, {0, 7, 7, 7}, {distantTrip, 0, 84, 84}, {20 * time.Millisecond, 0, 464, 464}, {100 * time.Millisecond, 0, 2064, 1024},
		{100 * time.Millisecond, 300, 300, 300}, {400 * time.Millisecond, 0, 4096, 1024}, {time.Hour, 0, 4096, 1024},
	} {
		c := &Conn{pace: flowControl{trip: tt.trip, fixed: tt.fixed}}
		for a, most := range map[Action]int{RemoveEnvelope: tt.most, PauseEnvelope: tt.most, ScheduleEnvelope: tt.schedule} {
			f, now := c.flow(a), time.Now()
			// window sends a whole window at once, and takes the answers that long after it.
			window := func(after time.Duration) (sent int) {
				sent = f.window()
				for range sent {
					f.onSend(now)
				}
				now = now.Add(after)
				for range sent {
					f.onAnswer(now)
				}
				return sent
			}
			if n := window(tt.trip); n != min(actWindow, most) && tt.fixed == 0 {
				t.Errorf("%v, %v: begins with %d", tt, a, n)
			}
			for range 10 {
				window(2 * tt.trip)
			}
			if n := f.window(); n != most {
				t.Errorf("%v, %v: a window of %d, want %d", tt, a, n, most)
			}
			if tt.fixed > 0 || tt.trip < distantTrip {
				if window(time.Minute); f.window() != most {
					t.Errorf("%v, %v: %d after late answers", tt, a, f.window())
				}
				continue
			}
			for n := most; n > leastWindow; n = max(n/2, leastWindow) {
				if window(2*tt.trip + 2*slowAnswer); f.window() > n/2+1 {
					t.Fatalf("%v, %v: %d after late answers to %d", tt, a, f.window(), n)
				}
			}
			for range 20 {
				window(tt.trip)
			}
			if n := f.window(); n != most || len(f.sent) != 0 {
				t.Errorf("%v, %v: a window of %d again, %d in flight", tt, a, n, len(f.sent))
			}
		}
	}
}
