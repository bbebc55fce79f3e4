package protocol_test

import (
	"context"
	"fmt"
	"iter"
	"net"
	"slices"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// BenchmarkDistant lists the envelopes of an smtpd to which a round trip takes 100 ms, as
// if it were near, and as one that is not.
func BenchmarkDistant(b *testing.B) {
	const trip = 100 * time.Millisecond
	_, socket := simtest.Start(b, smtpdsim.Config{Seed: 1, Messages: 20000})
	for _, known := range []bool{false, true} {
		b.Run(map[bool]string{false: "as if near", true: "known"}[known], func(b *testing.B) {
			for range b.N {
				there, err := net.Dial("unix", socket)
				if err != nil {
					b.Fatal(err)
				}
				ours, theirs := net.Pipe()
				go simtest.Delay(there, theirs, trip/2)
				go simtest.Delay(theirs, there, trip/2)
				conn := protocol.NewConn(ours, protocol.Options{})
				if known {
					if err := conn.Distant(context.Background(), trip); err != nil {
						b.Fatal(err)
					}
				}
				for _, err := range conn.Envelopes(context.Background()) {
					if err != nil {
						b.Fatal(err)
					}
				}
				conn.Close()
				there.Close()
			}
		})
	}
}

// TestDistant lists queues of messages with one and with many recipients from an smtpd to which
// a round trip takes long: the same as from one that is near, also only a part, and only some
// messages. It takes few round trips.
func TestDistant(t *testing.T) {
	const trip = 30 * time.Millisecond
	for _, cfg := range []smtpdsim.Config{{Seed: 1}, {Seed: 2, Messages: 1}, {Seed: 3, Messages: 3000}, {Seed: 4, Messages: 400, Mixed: true}} {
		t.Run(fmt.Sprint(cfg.Messages, cfg.Mixed), func(t *testing.T) {
			t.Parallel()
			_, socket := simtest.Start(t, cfg)
			near, err := protocol.Dial(context.Background(), socket, protocol.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer near.Close()
			there, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := net.Pipe()
			go simtest.Delay(there, theirs, trip/2)
			go simtest.Delay(theirs, there, trip/2)
			far := protocol.NewConn(ours, protocol.Options{})
			defer far.Close()
			if err := far.Distant(context.Background(), trip); err != nil {
				t.Fatal(err)
			}
			var all []protocol.EnvelopeID
			var msgs []protocol.MessageID
			list := func(c *protocol.Conn, what string) (ids []protocol.EnvelopeID) {
				seq := map[string]iter.Seq2[*protocol.Envelope, error]{
					"all": c.Envelopes(context.Background()), "from the middle": c.EnvelopesFrom(context.Background(), 1<<31),
					"some messages": c.EnvelopesOf(context.Background(), msgs),
				}[what]
				for e, err := range seq {
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, e.ID)
				}
				return ids
			}
			for _, what := range []string{"all", "from the middle", "some messages"} {
				want := list(near, what)
				if what == "all" {
					all = want
					for i := 0; i < len(all); i += 2 {
						if m := all[i].Msg(); len(msgs) == 0 || msgs[len(msgs)-1] != m {
							msgs = append(msgs, m)
						}
					}
				}
				if got := list(far, what); !slices.Equal(got, want) {
					t.Errorf("%s: %d envelopes, want %d", what, len(got), len(want))
				}
			}
			n := 0
			for e, err := range far.EnvelopesLimit(context.Background(), 0, 10) {
				if err != nil || e.ID != all[n] {
					t.Fatalf("%v, %v", e.ID, err)
				}
				if n++; n == 10 {
					break
				}
			}
			if n != min(10, len(all)) {
				t.Errorf("%d envelopes of 10", n)
			}
		})
	}
}
