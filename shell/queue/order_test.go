package queue

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/shell/selector"
)

// randomEnvelopes returns envelopes of which many are alike in each field.
func randomEnvelopes(r *rand.Rand, n int) []protocol.Envelope {
	out := make([]protocol.Envelope, n)
	for i := range out {
		out[i] = protocol.Envelope{
			ID: protocol.EnvelopeID(i+1) << 32, Flags: []protocol.Flags{protocol.FlagPending, protocol.FlagInflight, protocol.FlagHold}[r.IntN(3)],
			Created: 1e9 + r.Int64N(50), NextTry: r.Int64N(1000) - 100, Retry: r.IntN(5),
			Sender:    protocol.Address{User: fmt.Sprint("user", r.IntN(200)), Domain: "Example.COM"},
			Dest:      protocol.Address{User: fmt.Sprint("someone.", r.IntN(n)), Domain: fmt.Sprintf("d%d.example", r.IntN(20))},
			ErrorLine: strings.Repeat("x", r.IntN(400)) + strings.Repeat("\xff", r.IntN(2)),
		}
	}
	return out
}

// TestOrder orders envelopes by every field: with enough memory as show queue sort= does,
// with less by the beginnings of texts, and it says so.
func TestOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	envelopes := randomEnvelopes(r, 3*orderPart/2)
	for i, f := range selector.Sorted() {
		if f.Measure != nil {
			continue // see TestOrderOfMail
		}
		for j, key := range []string{f.Name, "-" + f.Name} {
			for k, bytes := range []int{16 << 20, 60_000, 2000, 16} {
				if !fulltest.Takes(i+j+k, 4) {
					continue
				}
				o := newOrder(context.Background(), nil, key, 1<<20, bytes)
				for i := range envelopes {
					if ok, err := o.Add(&envelopes[i]); !ok || err != nil {
						t.Fatal(ok, err)
					}
				}
				note := o.Note()
				got := o.Sorted()
				if len(got) != len(envelopes) {
					t.Fatalf("%s: %d of %d", key, len(got), len(envelopes))
				}
				most := 1 << 20
				if note != "" {
					fmt.Sscanf(note, "by the first %d bytes", &most)
				}
				if o.texts != nil && len(o.texts.bytes) > max(bytes, 512) {
					t.Errorf("%s: %d bytes, want %d at most", key, len(o.texts.bytes), bytes)
				}
				want := make([]uint32, len(envelopes))
				for i := range want {
					want[i] = uint32(i)
				}
				slices.SortFunc(want, func(a, b uint32) int {
					n := f.Compare(&envelopes[a], &envelopes[b])
					if f.Text != nil {
						cut := func(i uint32) string { s := f.Text(&envelopes[i]); return s[:min(len(s), most)] }
						n = strings.Compare(cut(a), cut(b))
					}
					if key[0] == '-' {
						n = -n
					}
					return cmp.Or(n, cmp.Compare(a, b))
				})
				if !slices.Equal(got, want) {
					t.Errorf("%s in %d bytes (%q): not in order", key, bytes, note)
				}
				if f.Number != nil && note != "" || f.Name == "domain" && bytes == 16<<20 && note != "" || f.Name == "to" && bytes < 60_001 && note == "" {
					t.Errorf("%s in %d bytes: note %q", key, bytes, note)
				}
			}
		}
	}
}

// TestTextSetBounded numbers texts without an end, with bounds for their number and for
// their bytes.
func TestTextSetBounded(t *testing.T) {
	t.Parallel()
	numbers := 0
	s := newTextSet(1000, 1<<20, func([]uint32) { numbers++ })
	for i := range 100_000 {
		s.add(fmt.Appendf(nil, "%06d@example.org", i))
	}
	if len(s.at) > 1000 || len(s.table) > 4096 || s.whole() || numbers == 0 {
		t.Errorf("%d texts, a table of %d, cut to %d bytes", len(s.at), len(s.table), textCuts[s.cut])
	}
	if textCuts[s.cut] != 4 {
		t.Errorf("cut to %d bytes, want 4: there are a thousand beginnings so long", textCuts[s.cut])
	}
}

// BenchmarkOrder orders a million envelopes of which no two go to the same address.
func BenchmarkOrder(b *testing.B) {
	for b.Loop() {
		o := NewOrder(context.Background(), nil, "to")
		var e protocol.Envelope
		for i := range 1_000_000 {
			e.Dest = protocol.Address{User: fmt.Sprint("user", i*7919%1_000_000), Domain: "example.org"}
			o.Add(&e)
		}
		b.ReportMetric(float64(textCuts[o.texts.cut]), "bytes-compared")
		if n := len(o.Sorted()); n != 1_000_000 {
			b.Fatal(n)
		}
	}
}
