package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"slices"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// A tripConn is a connection on which everything takes round trips, which it counts instead of
// taking time: what was written goes to the other side only when a read has to wait, and that
// read ends when all of it has been answered.
type tripConn struct {
	net.Conn
	layout  protocol.Layout
	trips   int
	acted   int    // those in which an action was answered
	pending []byte // written and not sent
	answers []byte // come and not read

	late   bool // answers of one kind come after those of all others
	last   protocol.Type
	breaks int // the round trip whose answers are lost with the connection, 0 for none
}

func (c *tripConn) Write(p []byte) (int, error) {
	c.pending = append(c.pending, p...)
	return len(p), nil
}

func (c *tripConn) Read(p []byte) (int, error) {
	if len(c.answers) == 0 {
		if err := c.trip(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.answers)
	c.answers = c.answers[n:]
	return n, nil
}

func (c *tripConn) trip() error {
	awaited := 0
	for b := c.pending; len(b) > 0; awaited++ {
		_, n, err := c.layout.DecodeFrame(b)
		if err != nil || n == 0 {
			return fmt.Errorf("no frame was written: %x, %w", b[:min(16, len(b))], err)
		}
		b = b[n:]
	}
	if awaited == 0 {
		return errors.New("a read of what was not asked for")
	}
	c.trips++
	if _, err := c.Conn.Write(c.pending); err != nil {
		return err
	}
	c.pending = c.pending[:0]
	var ones, others []byte
	acted := 0
	for r := protocol.NewFrameReader(c.Conn, c.layout); awaited > 0; {
		f, err := r.Next()
		if err != nil {
			return err
		}
		if f.Type != protocol.TypeListEnvelopes || len(f.Payload) == 0 {
			awaited--
		}
		if f.Type == protocol.TypeOK {
			acted = 1
		}
		to := &others
		if c.late && (f.Type == c.last) {
			to = &ones
		}
		if *to, err = c.layout.AppendFrame(*to, f); err != nil {
			return err
		}
	}
	c.acted += acted
	if c.trips == c.breaks {
		c.Conn.Close()
		return net.ErrClosed
	}
	c.answers = append(others, ones...)
	return nil
}

// connectTrips returns a connection to a simulated smtpd with so many messages, that is as far
// as trip says.
func connectTrips(t *testing.T, cfg smtpdsim.Config, trip time.Duration, opts protocol.Options) (*smtpdsim.Server, *tripConn, *protocol.Conn) {
	t.Helper()
	s, socket := simtest.Start(t, cfg)
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	tc := &tripConn{Conn: nc, layout: protocol.HostLayout()}
	opts.Timeout = time.Minute
	c := protocol.NewConn(tc, opts)
	protocol.Patient(c)
	t.Cleanup(func() { c.Close() })
	if err := c.Distant(ctx, trip); err != nil {
		t.Fatal(err)
	}
	return s, tc, c
}

// actTrips are the round trips of the tests, with the largest window of actions for each.
var actTrips = []struct {
	trip time.Duration
	most int
}{{0, 64}, {20 * time.Millisecond, 464}, {100 * time.Millisecond, 2064}, {400 * time.Millisecond, 4096}}

// mostTrips returns how many round trips n actions may take: those until a window that begins
// with 64 and doubles has the largest size, and then one for each window.
func mostTrips(n, most int) int { return bits.Len(uint(most/64)) + (n+most-1)/most + 1 }

// TestFarAct removes envelopes of an smtpd that is far: in few round trips, each with its
// answer, in their order, whatever smtpd answers; a window that the user has chosen is kept.
func TestFarAct(t *testing.T) {
	for _, tt := range actTrips {
		for _, window := range []int{0, 1, 100} {
			t.Run(fmt.Sprint(tt.trip, window), func(t *testing.T) {
				t.Parallel()
				n := fulltest.Of(20_000, 9000)
				if window == 1 {
					n = 50
				}
				s, tc, c := connectTrips(t, smtpdsim.Config{Messages: n}, tt.trip, protocol.Options{Window: window})
				var all []protocol.EnvelopeID
				for i, e := range s.Envelopes() {
					if all = append(all, e.ID); i%100 == 7 {
						all = append(all, e.ID+1) // of which there is none
					}
				}
				next, good, bad := 0, 0, 0
				unconfirmed, err := c.Act(ctx, protocol.RemoveEnvelope, all, func(id protocol.EnvelopeID, ok bool) {
					if id != all[next] {
						t.Fatalf("%v was answered, want %v", id, all[next])
					}
					if next++; ok {
						good++
					} else {
						bad++
					}
				})
				if unconfirmed != 0 || err != nil || next != len(all) || bad != len(all)-n || len(s.Envelopes()) != 0 {
					t.Errorf("%d unconfirmed, %v, %d and %d answers of %d, %d left", unconfirmed, err, good, bad, len(all), len(s.Envelopes()))
				}
				want := mostTrips(len(all), tt.most)
				if window > 0 {
					want = (len(all) + window - 1) / window
				}
				if tc.trips > want {
					t.Errorf("%d round trips, want %d at most", tc.trips, want)
				}
			})
		}
	}
}

// TestFarActAll lists and acts at the same time, also where answers of one kind overtake those
// of another.
func TestFarActAll(t *testing.T) {
	for i, tt := range actTrips {
		for j, last := range []protocol.Type{0, protocol.TypeOK, protocol.TypeListEnvelopes, protocol.TypeGetDigest} {
			for k, a := range []protocol.Action{protocol.PauseEnvelope, protocol.RemoveEnvelope, protocol.ScheduleEnvelope} {
				if !fulltest.Takes(i+j+k, 4) {
					continue
				}
				t.Run(fmt.Sprint(tt.trip, last, a), func(t *testing.T) {
					t.Parallel()
					const n = 1200
					s, tc, c := connectTrips(t, smtpdsim.Config{}, tt.trip, protocol.Options{})
					all := fillSim(s, n, one)
					tc.late, tc.last = last != 0, last
					told, answered := 0, 0
					plan := protocol.ActPlan{
						Choose:  func(*protocol.Envelope, error) bool { return true },
						Sending: func(ids []protocol.EnvelopeID) { told += len(ids) },
						Result: func(id protocol.EnvelopeID, ok bool) {
							if answered++; answered > told || !ok {
								t.Fatalf("%v: %v, %d answers, %d announced", id, ok, answered, told)
							}
						},
					}
					unconfirmed, err := c.ActAll(ctx, a, 0, plan)
					if unconfirmed != 0 || err != nil || answered != len(all) || told != len(all) {
						t.Errorf("%d unconfirmed, %v, %d answers and %d announced of %d", unconfirmed, err, answered, told, len(all))
					}
					// Removals begin when all is listed, and so need no more round trips than by themselves.
					if want := mostTrips(len(all), tt.most); a == protocol.RemoveEnvelope && (len(s.Envelopes()) != 0 || tc.acted > want) {
						t.Errorf("%d left, %d round trips, want %d at most", len(s.Envelopes()), tc.acted, want)
					}
				})
			}
		}
	}
}

// TestFarActLost loses the connection with the answers of any round trip: what was answered was
// done, what was not sent was not, and what is in doubt is what follows the former.
func TestFarActLost(t *testing.T) {
	const n = 6000
	for _, tt := range actTrips {
		for breaks := 1; breaks <= mostTrips(n, tt.most); breaks += 1 + breaks/4 {
			t.Run(fmt.Sprint(tt.trip, breaks), func(t *testing.T) {
				t.Parallel()
				s, tc, c := connectTrips(t, smtpdsim.Config{Messages: n}, tt.trip, protocol.Options{})
				var all []protocol.EnvelopeID
				for _, e := range s.Envelopes() {
					all = append(all, e.ID)
				}
				tc.breaks = breaks
				done := 0
				unconfirmed, err := c.Act(ctx, protocol.RemoveEnvelope, all, func(_ protocol.EnvelopeID, ok bool) {
					if done++; !ok {
						t.Fatal("refused")
					}
				})
				if tc.trips < breaks { // all was done before
					if err != nil || unconfirmed != 0 || done != n {
						t.Errorf("%d done, %d unconfirmed, %v", done, unconfirmed, err)
					}
					return
				}
				if !errors.Is(err, protocol.ErrHangup) || unconfirmed == 0 || unconfirmed > tt.most {
					t.Errorf("%d done, %d unconfirmed, %v", done, unconfirmed, err)
				}
				var left []protocol.EnvelopeID
				for _, e := range s.Envelopes() {
					left = append(left, e.ID)
				}
				if !slices.Equal(left, all[done+unconfirmed:]) {
					t.Errorf("%d are left, want the last %d", len(left), n-done-unconfirmed)
				}
			})
		}
	}
}

// TestFarActInterrupted interrupts actions after any number of answers: no request is sent any
// more, and each that was sent gets its answer.
func TestFarActInterrupted(t *testing.T) {
	const n = 6000
	for _, tt := range actTrips {
		for _, after := range []int{1, 63, 64, 65, 200, 2000, n} {
			t.Run(fmt.Sprint(tt.trip, after), func(t *testing.T) {
				t.Parallel()
				s, tc, c := connectTrips(t, smtpdsim.Config{Messages: n}, tt.trip, protocol.Options{})
				var all []protocol.EnvelopeID
				for _, e := range s.Envelopes() {
					all = append(all, e.ID)
				}
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				done, sent := 0, 0
				unconfirmed, err := c.Act(ctx, protocol.RemoveEnvelope, all, func(protocol.EnvelopeID, bool) {
					if done++; done == after {
						cancel()
						sent = s.Requests(protocol.TypeRemove) + len(tc.pending)/24
					}
				})
				if after < n && !errors.Is(err, context.Canceled) || after == n && err != nil || unconfirmed != 0 || done > sent+2*tt.most || len(s.Envelopes()) != n-done {
					t.Errorf("%d done, %d sent before the end, %d unconfirmed, %d left, %v", done, sent, unconfirmed, len(s.Envelopes()), err)
				}
				if _, err := c.Status(context.Background()); err != nil {
					t.Errorf("the connection is out of order: %v", err)
				}
			})
		}
	}
}
