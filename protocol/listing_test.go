package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/spool"
)

// fillSim puts messages of so many recipients each into a simulation, and
// returns the ids of their envelopes.
func fillSim(s *smtpdsim.Server, messages int, recipients func(i int) int) []protocol.EnvelopeID {
	r := rand.New(rand.NewPCG(1, 2))
	var all []protocol.EnvelopeID
	var es []smtpdsim.Envelope
	for i := range messages {
		msg := uint64(i*4099+1) << 32
		for range recipients(i) {
			id := protocol.EnvelopeID(msg | uint64(r.Uint32()))
			if !slices.Contains(all[max(0, len(all)-20):], id) {
				all = append(all, id)
				es = append(es, smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600})
			}
		}
	}
	s.Add(es...)
	slices.Sort(all)
	return all
}

func one(int) int { return 1 }

// some is mostly one recipient, now and then more.
func some(i int) int {
	if i%9 == 0 {
		return 2 + i%5
	}
	return 1
}

// TestListing lists queues of many shapes with small and large batches and
// windows: nothing is missing, nothing comes twice, and all is in order.
func TestListing(t *testing.T) {
	for _, evpBatch := range []int{1, 2, 3, 256} {
		for _, window := range []int{1, 2, 7, 64} {
			for _, shape := range [][]int{{}, {1}, {1, 1, 1}, {5}, {1, 2, 3, 4, 5, 6, 7}, {300, 1, 256, 257}, {2, 2, 2, 2}} {
				name := fmt.Sprintf("batch %d, window %d, shape %v", evpBatch, window, shape)
				s, c := connect(t, smtpdsim.Config{EvpBatch: evpBatch, MsgBatch: 3}, protocol.Options{Window: window})
				var want []protocol.EnvelopeID
				for m, n := range shape {
					for i := range n {
						id := protocol.EnvelopeID(uint64(m+1)<<60 | uint64(i*7919+1))
						want = append(want, id)
						s.Add(smtpdsim.Envelope{ID: id})
					}
				}
				if got := ids(t, c.Envelopes(ctx)); !slices.Equal(got, want) {
					t.Errorf("%s: got %d envelopes, want %d", name, len(got), len(want))
				}
				if st, err := c.Status(ctx); err != nil {
					t.Errorf("%s: the connection is out of order: %v, %v", name, st, err)
				}
			}
		}
	}
}

// TestListingWithHoles lists messages some of whose files have vanished.
func TestListingWithHoles(t *testing.T) {
	for _, tt := range []struct {
		name  string
		batch int
		n     int
		gone  func(i int) bool
	}{
		{"a short batch", 4, 20, func(i int) bool { return i%4 == 1 }},
		{"an empty first batch", 4, 40, func(i int) bool { return i < 4 }},
		{"an empty batch after two", 4, 40, func(i int) bool { return 8 <= i && i < 12 }},
		{"two empty batches and short ones", 4, 40, func(i int) bool { return 8 <= i && i < 16 || i%5 == 0 }},
		{"as smtpd has it, at first", 256, 700, func(i int) bool { return i < 256 }},
		{"as smtpd has it, in the middle", 256, 1500, func(i int) bool { return 256 <= i && i < 700 }},
	} {
		s, c := connect(t, smtpdsim.Config{EvpBatch: tt.batch}, protocol.Options{})
		s.Add(smtpdsim.Envelope{ID: 1<<32 | 1}, smtpdsim.Envelope{ID: 9<<32 | 1})
		want := 2
		for i := range tt.n {
			id := protocol.EnvelopeID(7<<32 | uint64(i)*(1<<32/uint64(tt.n)) + 1)
			s.Add(smtpdsim.Envelope{ID: id, Gone: tt.gone(i)})
			if !tt.gone(i) {
				want++
			}
		}
		if got := ids(t, c.Envelopes(ctx)); len(got) != want {
			t.Errorf("%s: %d envelopes, want %d", tt.name, len(got), want)
		}
	}
}

// TestListingAsksOnce lists long queues with small and large batches, with the
// queue's files at hand and without: nothing is missing, and where it can be
// known that a message has no more envelopes it is asked for only once.
func TestListingAsksOnce(t *testing.T) {
	for i, tt := range []struct {
		name       string
		recipients func(int) int
		spool      bool
		once       bool
	}{
		{"one recipient", one, false, true},
		{"one recipient, with files", one, true, true},
		{"some recipients", some, false, false},
		{"some recipients, with files", some, true, true},
	} {
		for j, batch := range []int{1, 2, 3, 256} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			t.Run(fmt.Sprintf("%s, batches of %d", tt.name, batch), func(t *testing.T) {
				t.Parallel()
				dir, opts := "", protocol.Options{}
				if tt.spool {
					dir = t.TempDir()
					opts.IsLast = spool.Open(dir).IsLastEnvelope
				}
				s, c := connect(t, smtpdsim.Config{EvpBatch: batch, Spool: dir}, opts)
				want := fillSim(s, 600, tt.recipients)
				if got := ids(t, c.Envelopes(ctx)); !slices.Equal(got, want) {
					t.Fatalf("%d envelopes, want %d", len(got), len(want))
				}
				asked := s.Requests(protocol.TypeListEnvelopes)
				least := 0
				for i := range 600 {
					least += (tt.recipients(i) + batch - 1) / batch
				}
				if tt.once && asked > least+len(want)/10 || !tt.once && asked < 2*600 {
					t.Errorf("%d requests, at least %d were needed", asked, least)
				}
			})
		}
	}
}

// TestListingWhileQueueChanges lists a queue while mail comes and goes: what is
// there all the time is listed, once and in order.
func TestListingWhileQueueChanges(t *testing.T) {
	for i, batch := range []int{1, 2, 3, 256} {
		for j, files := range []bool{false, true} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			dir, opts := "", protocol.Options{}
			if files {
				dir = t.TempDir()
				opts.IsLast = spool.Open(dir).IsLastEnvelope
			}
			s, c := connect(t, smtpdsim.Config{EvpBatch: batch, Spool: dir}, opts)
			stay := fillSim(s, fulltest.Of(600, 150), one)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				r := rand.New(rand.NewPCG(3, 4))
				other, err := protocol.Dial(ctx, s.Path(), protocol.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer other.Close()
				for {
					select {
					case <-stop:
						return
					default:
					}
					// A message of several recipients comes; another goes.
					msg := uint64(r.Uint32()|1) << 32
					var come []protocol.EnvelopeID
					for range 1 + r.IntN(7) {
						come = append(come, protocol.EnvelopeID(msg|uint64(r.Uint32())))
					}
					for _, id := range come {
						s.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600})
					}
					if r.IntN(2) == 0 {
						if _, err := other.Act(ctx, protocol.RemoveEnvelope, come, func(protocol.EnvelopeID, bool) {}); err != nil {
							t.Error(err)
							return
						}
					}
				}
			}()
			for range 3 {
				got := ids(t, c.Envelopes(ctx))
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Error("not in order, or not once")
				}
				missing := 0
				for _, id := range stay {
					if _, ok := slices.BinarySearch(got, id); !ok {
						missing++
					}
				}
				if missing > 0 {
					t.Errorf("batches of %d, files %v: %d of %d envelopes missing", batch, files, missing, len(stay))
				}
			}
			close(stop)
			<-done
		}
	}
}

// TestSingles asks whether each message has one envelope.
func TestSingles(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{MsgBatch: 100}, protocol.Options{})
	if _, _, ok, err := c.SingleRecipientMessages(ctx); ok || err != nil {
		t.Errorf("an empty queue: %v, %v", ok, err)
	}
	want := fillSim(s, 1000, one)
	got, inflight, ok, err := c.SingleRecipientMessages(ctx)
	if err != nil || !ok || inflight != 0 || len(got) != len(want) || got[0] != want[0].Msg() {
		t.Errorf("%d ids, %d in flight, %v, %v", len(got), inflight, ok, err)
	}
	s.Add(smtpdsim.Envelope{ID: want[500] + 1, Flags: protocol.FlagInflight})
	if _, _, ok, err := c.SingleRecipientMessages(ctx); ok || err != nil {
		t.Errorf("a message with two: %v, %v", ok, err)
	}
}

// TestActWhileListing acts on envelopes as they are listed.
func TestActWhileListing(t *testing.T) {
	for i, batch := range []int{1, 3, 256} {
		for j, window := range []int{0, 1, 7} {
			if !fulltest.Takes(i+j, 3) {
				continue
			}
			s, c := connect(t, smtpdsim.Config{EvpBatch: batch}, protocol.Options{Window: window})
			all := fillSim(s, 700, some)
			even := func(e *protocol.Envelope, _ error) bool { return e.ID%2 == 0 }
			done, told := map[protocol.EnvelopeID]bool{}, map[protocol.EnvelopeID]int{}
			count := func(id protocol.EnvelopeID, ok bool) {
				if done[id] = ok; told[id] != 1 {
					t.Errorf("%v: told of %d times before the answer", id, told[id])
				}
			}
			sending := func(ids []protocol.EnvelopeID) {
				for _, id := range ids {
					told[id]++
				}
			}
			if n, err := c.ActAll(ctx, protocol.PauseEnvelope, 0, protocol.ActPlan{Choose: even, Sending: sending, Result: count}); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			for _, e := range s.Envelopes() {
				paused := e.Flags&protocol.FlagSuspend != 0
				if paused != (e.ID%2 == 0) || paused != done[e.ID] {
					t.Fatalf("%v: paused %v, answer %v", e.ID, paused, done[e.ID])
				}
			}
			clear(done)
			clear(told)
			every := func(*protocol.Envelope, error) bool { return true }
			from := all[len(all)/2].Msg()
			if n, err := c.ActAll(ctx, protocol.RemoveEnvelope, from, protocol.ActPlan{Choose: every, Sending: sending, Result: count}); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			left := s.Envelopes()
			if len(left)+len(done) != len(all) || left[len(left)-1].ID.Msg() >= from {
				t.Errorf("%d removed, %d left of %d", len(done), len(left), len(all))
			}
			if n, err := c.ActIn(ctx, protocol.RemoveEnvelope, []protocol.MessageID{left[0].ID.Msg()}, protocol.ActPlan{Choose: every, Sending: sending, Result: count}); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			if got := s.Envelopes(); len(got) > 0 && got[0].ID.Msg() == left[0].ID.Msg() {
				t.Error("the first message is still there")
			}
			if _, err := c.Status(ctx); err != nil {
				t.Errorf("the connection is out of order: %v", err)
			}
		}
	}
}

// TestActMessages acts on whole messages.
func TestActMessages(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{}, protocol.Options{})
	all := fillSim(s, 100, some)
	var msgs []protocol.MessageID
	for _, id := range all {
		msgs = append(msgs, id.Msg())
	}
	msgs = append(slices.Compact(msgs), 0x7fffffff)
	ok, refused := 0, 0
	n, err := c.ActMessages(ctx, protocol.RemoveEnvelope, msgs, func(_ protocol.MessageID, yes bool) {
		if yes {
			ok++
		} else {
			refused++
		}
	})
	if n != 0 || err != nil || ok != 100 || refused != 1 || len(s.Envelopes()) != 0 {
		t.Errorf("%d unconfirmed, %v, %d ok, %d refused, %d left", n, err, ok, refused, len(s.Envelopes()))
	}
	for _, bad := range []struct {
		a   protocol.Action
		ids []protocol.MessageID
	}{{protocol.ScheduleEnvelope, msgs}, {protocol.RemoveEnvelope, []protocol.MessageID{1, 0}}} {
		if _, err := c.ActMessages(ctx, bad.a, bad.ids, nil); err == nil {
			t.Errorf("%v of %v was sent", bad.a, bad.ids[0])
		}
	}
}

// TestScheduleLeavesDueAlone wants everything scheduled; what is due, or is any
// moment, is not sent.
func TestScheduleLeavesDueAlone(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{}, protocol.Options{})
	now := time.Now().Unix()
	for i, next := range []int64{now - 9, now + 2, now + 3600} {
		s.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(7<<32 + i), Time: next})
	}
	done := 0
	every := func(*protocol.Envelope, error) bool { return true }
	if _, err := c.ActAll(ctx, protocol.ScheduleEnvelope, 0, protocol.ActPlan{Choose: every, Result: func(_ protocol.EnvelopeID, ok bool) { done++ }}); err != nil || done != 3 {
		t.Errorf("%d done, %v", done, err)
	}
	if n := s.Requests(protocol.TypeSchedule); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
