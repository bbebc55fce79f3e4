package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A fakeMachine is an smtpd that counts.
type fakeMachine struct {
	d    protocol.Digest
	mode string // of how it answers
	turn command.Turn[protocol.Digest]
}

// work lets some seconds pass: each has the same mail.
func (f *fakeMachine) work(seconds float64) {
	n := uint64(10 * seconds)
	f.d.Connects, f.d.Disconnects = f.d.Connects+n, f.d.Disconnects+n
	f.d.Enqueued, f.d.Dequeued, f.d.Delivered = f.d.Enqueued+n, f.d.Dequeued+n, f.d.Delivered+n
}

// restart starts smtpd again, which finds its queue.
func (f *fakeMachine) restart() {
	f.d = protocol.Digest{Startup: f.d.Startup + 1, Enqueued: f.d.Queued()}
}

// answer makes the turn of a round at a time.
func (f *fakeMachine) answer(now time.Time) {
	t := &f.turn
	t.Fresh = false
	switch f.mode {
	case "up":
		t.Value, t.Answered, t.Fresh, t.Err, t.Asked = f.d, now, true, nil, time.Time{}
	case "down":
		if t.Err == nil {
			t.Failed, t.Fresh = now, true
		}
		t.Err, t.Asked = errors.New(t.Host+": connect: smtpd does not seem to be running"), time.Time{}
	case "late":
		if t.Asked.IsZero() {
			t.Asked = now
		}
	}
}

// TestFleetSums has machines go down, hang, come back and be restarted in a thousand rounds, at
// several intervals: the totals and the numbers of envelopes of the sums neither fall nor jump, no increase and no rate is
// above what the machines do together, and what each has done is in the totals.
func TestFleetSums(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, time.Second, time.Minute} {
		r := rand.New(rand.NewPCG(1, uint64(every)))
		hosts := []string{"mx1", "mx2", "mx3", "mx4"}
		m := newFleet(hosts, every)
		fakes := make([]*fakeMachine, len(hosts))
		delivered := make([]uint64, len(hosts)) // by each in all
		for i, host := range hosts {
			fakes[i] = &fakeMachine{d: protocol.Digest{Startup: 1, Enqueued: 5000, Dequeued: 1000, Delivered: 900}, mode: "up"}
			fakes[i].turn.Host, delivered[i] = host, 900
		}
		now := time.Now()
		each := uint64(10 * every.Seconds())
		var before sample
		for n := range 1000 {
			now = now.Add(every)
			var turns []command.Turn[protocol.Digest]
			for i, f := range fakes {
				if f.mode != "stopped" {
					f.work(every.Seconds())
					delivered[i] += each
				}
				if n > 0 && r.IntN(20) == 0 {
					f.mode = []string{"up", "down", "late", "up"}[r.IntN(4)]
					if f.mode == "up" && r.IntN(2) == 0 {
						f.restart()
					}
				}
				f.answer(now)
				turns = append(turns, f.turn)
			}
			m.take(now, turns)
			if len(m.sum.samples) == 0 {
				continue
			}
			s := m.sum.samples[len(m.sum.samples)-1]
			if s.queued != 4000*uint64(len(hosts)) || s.clients != 0 {
				t.Fatalf("%v, round %d: %d envelopes, %d clients", every, n, s.queued, s.clients)
			}
			late := max(3, uint64(gapLeast/every)) // how many intervals may count as one
			if most := uint64(len(hosts)) * each * late; s.gained.Delivered > most || s.gained.Enqueued > most || s.gained.Connects > most {
				t.Fatalf("%v, round %d: %d delivered, %d enqueued in one interval", every, n, s.gained.Delivered, s.gained.Enqueued)
			}
			for _, series := range monitored() {
				if series.gained != nil && n > 0 && series.total(&s) < series.total(&before) {
					t.Fatalf("%v, round %d: the total of %s falls from %d to %d", every, n, series.name, series.total(&before), series.total(&s))
				}
			}
			before = s
			for i := range plotted {
				if got, most := rate(m.sum.points, i), float64(len(hosts)*10)*1.1; len(m.sum.points) > 0 && got > most {
					t.Fatalf("%v, round %d: %v a second, at most %v are possible", every, n, got, most)
				}
			}
			for i := range m.machines {
				if a := &m.machines[i]; a.known && a.counted.Delivered > delivered[i] {
					t.Fatalf("%v, round %d: %s has delivered %d, and is counted with %d", every, n, a.name, delivered[i], a.counted.Delivered)
				}
			}
		}
	}
}

// TestFleetScreen draws the screens of few and many machines in all states on screens of all
// sizes, with each key: never more lines than there are rows, never wider than the screen; the
// keys are named; what is down comes first, and the order does not change by itself.
func TestFleetScreen(t *testing.T) {
	for _, n := range []int{2, 5, 60} {
		var hosts []string
		for i := range n {
			hosts = append(hosts, fmt.Sprintf("admin@relay%d.mail.example.com", i))
		}
		m := newFleet(hosts, time.Second)
		m.keys = make(chan string)
		fakes := make([]*fakeMachine, n)
		for i := range fakes {
			fakes[i] = &fakeMachine{d: protocol.Digest{Startup: 1, Enqueued: 1 << 33, Delivered: 7}, mode: []string{"up", "up", "down", "late"}[i%4]}
			fakes[i].turn.Host = hosts[i]
		}
		now := time.Now().Add(-time.Hour) // late ones are late at once
		for round := range 8 {
			var turns []command.Turn[protocol.Digest]
			now = now.Add(time.Second)
			for _, f := range fakes {
				f.work(1)
				f.answer(now)
				turns = append(turns, f.turn)
			}
			m.take(now, turns)
			for _, size := range append(sizes, [2]int{80, 4}, [2]int{60, 8}, [2]int{24, 5}) {
				for _, key := range []string{"s", "n", "n", "p", "p", "p", "down", "x", "up", "s"} {
					m.turn(key)
					for _, color := range []bool{false, true} {
						lines := m.screenLines(size[0], size[1], render.NewStyle(color))
						text := strings.Join(lines, "\n")
						if len(lines) > size[1] {
							t.Fatalf("%d machines, key %s: %d lines on %v:\n%s", n, key, len(lines), size, text)
						}
						for _, line := range lines {
							if w := render.Width(escapes().ReplaceAllString(line, "")); w > size[0] {
								t.Fatalf("%d machines, key %s: %d columns on %v: %q", n, key, w, size, line)
							}
						}
						if size[0] >= 40 && !strings.Contains(text, "q ends") {
							t.Fatalf("no keys on %v:\n%s", size, text)
						}
						if size[1] < 12 || round == 0 || m.shown < n {
							continue
						}
						for _, want := range []string{"SERVER", "STATE", "SERIES", "envelopes"} {
							if !strings.Contains(text, want) {
								t.Fatalf("%d machines: no %q on %v:\n%s", n, want, size, text)
							}
						}
						if size[0] >= plotMinCols && size[1] >= 24 && round > 2 && !strings.Contains(text, "a second, ") {
							t.Fatalf("%d machines: no plot on %v:\n%s", n, size, text)
						}
						if first := escapes().ReplaceAllString(lines[2], ""); n > 2 && !strings.Contains(first, " down ") {
							t.Fatalf("the first is %q on %v", first, size)
						}
					}
				}
			}
		}
		m.turn("s")
		seen := map[int]bool{}
		for range n + 1 {
			m.turn("n")
			seen[m.shown] = true
		}
		if len(seen) != n+1 || m.shown != n {
			t.Errorf("n leads to %d of %d, and then to %d", len(seen), n+1, m.shown)
		}
	}
}
