package queue

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// deal divides envelopes among machines, some of which may have none.
func deal(r *rand.Rand, envelopes []protocol.Envelope, machines int) [][]protocol.Envelope {
	parts := make([][]protocol.Envelope, machines)
	for _, e := range envelopes {
		m := r.IntN(machines)
		parts[m] = append(parts[m], e)
	}
	if machines > 2 {
		parts[0] = append(parts[0], parts[1]...)
		parts[1] = nil
	}
	return parts
}

// TestMergeOrders merges the orders of several machines by every field: the result is the one
// order of all their envelopes or, with less memory, one by the beginnings of texts, which it says.
func TestMergeOrders(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	all := randomEnvelopes(r, 1200)
	for i, f := range selector.Sorted() {
		if f.Measure != nil {
			continue // numbers like others
		}
		for j, key := range []string{f.Name, "-" + f.Name} {
			for k, machines := range []int{1, 2, 5} {
				for l, most := range []int{16 << 20, 300_000, 4000} {
					if !fulltest.Takes(i+j+k+l, 4) {
						continue
					}
					one := newOrder(context.Background(), nil, key, 1<<20, 16<<20)
					var orders []*Order
					var flat []protocol.Envelope
					for _, part := range deal(r, all, machines) {
						o := newOrder(context.Background(), nil, key, 1<<20, most)
						o.keep = true
						for i := range part {
							o.Add(&part[i])
							one.Add(&part[i])
						}
						flat = append(flat, part...)
						o.Sorted()
						orders = append(orders, o)
					}
					orders = append(orders, nil)
					got, note := MergeOrders(orders)
					if again, _ := MergeOrders(orders); !slices.Equal(got, again) {
						t.Errorf("%s of %d: a second merge differs", key, machines)
					}
					if note == "" {
						if want := one.Sorted(); !slices.Equal(got, want) {
							t.Errorf("%s of %d, %d bytes: another order than that of all", key, machines, most)
						}
						continue
					}
					cut := 0
					fmt.Sscanf(note, "by the first %d bytes", &cut)
					seen := make([]bool, len(flat))
					var before []byte
					for i, n := range got {
						text := []byte(f.Text(&flat[n]))
						text = text[:min(cut, len(text))]
						if c := bytes.Compare(before, text); i > 0 && (c > 0 && key == f.Name || c < 0 && key != f.Name) {
							t.Fatalf("%s of %d, %s: %q before %q", key, machines, note, before, text)
						}
						before, seen[n] = text, true
					}
					if len(got) != len(flat) || slices.Contains(seen, false) {
						t.Errorf("%s of %d: %d of %d", key, machines, len(got), len(flat))
					}
				}
			}
		}
	}
}

// TestJoinGroups adds up the groups of several machines by every field: they are those of all
// envelopes, and stay as they are for the next time.
func TestJoinGroups(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	all := randomEnvelopes(r, fulltest.Of(400, 120))
	c := &command.Call{}
	for _, name := range GroupNames() {
		if selector.Find(selector.Grouped(), name).Group.Mail != nil {
			continue
		}
		one := NewGroups(context.Background(), c, name, 1<<20)
		parts := []*Groups{nil}
		for _, part := range deal(r, all, 5) {
			g := NewGroups(context.Background(), c, name, 1<<20)
			for i := range part {
				g.Add(&part[i])
				one.Add(&part[i])
			}
			parts = append(parts, g)
		}
		want := one.Sorted()
		for range 2 {
			got := JoinGroups(parts, 1<<20)
			if len(got) != len(want) {
				t.Fatalf("by %s: %d groups, expected %d", name, len(got), len(want))
			}
			for i := range got {
				got[i].Error, want[i].Error = "", "" // of several that are as frequent
				if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
					t.Errorf("by %s: %v, expected %v", name, got[i], want[i])
				}
			}
		}
		few := JoinGroups(parts, 3)
		n := 0
		for _, g := range few {
			n += g.Count
		}
		if len(few) > 3 || n != len(all) || len(want) > 3 && (few[2].Name != Others || few[2].Terms != nil) {
			t.Errorf("by %s: %v", name, few)
		}
	}
}
