package protocol_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestFind looks up envelopes of small messages and of one that takes several batches,
// those that are there and those that are not: it finds what one listing has, and takes far
// fewer requests than there are envelopes.
func TestFind(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	sim, path := simtest.Start(t, smtpdsim.Config{})
	there := map[protocol.EnvelopeID]bool{}
	for msg := range 40 {
		n := 1 + r.IntN(3)
		if msg == 7 {
			n = 900
		}
		for range n {
			id := protocol.EnvelopeID(uint64(msg+1)<<32 | uint64(1+r.Uint32()>>1))
			if there[id] {
				continue
			}
			there[id] = true
			sim.Add(smtpdsim.Envelope{ID: id, Text: fmt.Sprintf("version: 3\ntype: mta\nsender: a@x.example\nrcpt: r%d@y.example\ndest: r%d@y.example\nctime: 1\n", msg, msg)})
		}
	}
	conn, err := protocol.Dial(context.Background(), path, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	all := make([]protocol.EnvelopeID, 0, len(there))
	for id := range there {
		all = append(all, id)
	}
	for _, n := range []int{0, 1, 2, 30, 500, len(all)} {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		want := slices.Clone(all[:n])
		slices.Sort(want)
		asked := slices.Clone(want)
		for range 30 {
			asked = append(asked, protocol.EnvelopeID(uint64(1+r.IntN(60))<<32|uint64(1+r.Uint32())))
		}
		slices.Sort(asked)
		asked = slices.Compact(asked)
		want = slices.DeleteFunc(slices.Clone(asked), func(id protocol.EnvelopeID) bool { return !there[id] })
		before := sim.Requests(protocol.TypeListEnvelopes)
		var got []protocol.EnvelopeID
		for e, err := range conn.Find(context.Background(), asked) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Dest.User != fmt.Sprintf("r%d", e.ID.Msg()-1) {
				t.Errorf("envelope %v goes to %v", e.ID, e.Dest)
			}
			got = append(got, e.ID)
		}
		slices.Sort(got) // what is in a later batch comes later
		if !slices.Equal(got, want) {
			t.Errorf("%d of %d found, want %d", len(got), len(asked), len(want))
		}
		if sent := sim.Requests(protocol.TypeListEnvelopes) - before; sent > 120 {
			t.Errorf("%d requests for %d envelopes", sent, len(asked))
		}
	}
	// The loop is left, and the connection is in order.
	for range conn.Find(context.Background(), all[:1]) {
		break
	}
	slices.Sort(all)
	for range conn.Find(context.Background(), all) {
		break
	}
	if _, err := conn.Digest(context.Background()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range conn.Find(ctx, all) {
		if err == nil {
			t.Error("it goes on after its end")
		}
	}
}
