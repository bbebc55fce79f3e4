package queue

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
)

// Keep makes the order one of so many that MergeOrders will merge: what it compares stays after
// Sorted, and its texts take that part of the memory.
func (o *Order) Keep(of int) {
	o.keep = true
	if o.texts != nil {
		o.texts.mostTexts, o.texts.mostBytes = max(o.texts.mostTexts/of, leastTexts), max(o.texts.mostBytes/of, leastBytes)
	}
}

// The least bounds of the texts of one of many orders.
const (
	leastTexts = 1 << 10
	leastBytes = 1 << 15
)

// MergeOrders merges orders for which Keep and Sorted have been called; nil ones are empty. It
// returns each envelope as the number of those in the orders before its own and of those that
// were added before it, and what Note says of the result. Equal envelopes keep their order.
func MergeOrders(orders []*Order) (merged []uint32, note string) {
	m := merging{}
	n, cut, whole := 0, 0, true
	for i, o := range orders {
		if o == nil {
			continue
		}
		if o.texts != nil {
			cut, whole = max(cut, o.texts.cut), whole && o.texts.whole()
		}
		if len(o.sorted) > 0 {
			m.of = append(m.of, &mergedOrder{o: o, place: i, before: uint32(n)})
		}
		n += o.n
	}
	for _, part := range m.of {
		part.cut = textCuts[cut]
	}
	if !whole {
		note = fmt.Sprintf("by the first %d bytes", textCuts[cut])
	}
	merged = make([]uint32, 0, n)
	heap.Init(&m)
	for len(m.of) > 1 {
		first := m.of[0]
		merged = append(merged, first.before+first.o.sorted[first.next])
		if first.next++; first.next == len(first.o.sorted) {
			heap.Pop(&m)
		} else {
			heap.Fix(&m, 0)
		}
	}
	for _, last := range m.of {
		for _, i := range last.o.sorted[last.next:] {
			merged = append(merged, last.before+i)
		}
	}
	return merged, note
}

// A mergedOrder is an order while it is merged.
type mergedOrder struct {
	o      *Order
	place  int    // among the orders
	before uint32 // envelopes in the orders before it
	next   int    // index of the first envelope in o.sorted that has not been merged
	cut    int    // how many bytes of each text are compared
}

// merging is a heap of orders, that with the first envelope on top.
type merging struct{ of []*mergedOrder }

func (m *merging) Len() int           { return len(m.of) }
func (m *merging) Less(i, j int) bool { return m.of[i].compare(m.of[j]) < 0 }
func (m *merging) Swap(i, j int)      { m.of[i], m.of[j] = m.of[j], m.of[i] }
func (m *merging) Push(x any)         { m.of = append(m.of, x.(*mergedOrder)) }
func (m *merging) Pop() any {
	last := m.of[len(m.of)-1]
	m.of = m.of[:len(m.of)-1]
	return last
}

// compare compares the next envelopes of two orders.
func (p *mergedOrder) compare(q *mergedOrder) int {
	n := 0
	if i, j := p.o.sorted[p.next], q.o.sorted[q.next]; p.o.texts != nil {
		n = bytes.Compare(p.o.textOf(i, p.cut), q.o.textOf(j, q.cut))
	} else {
		n = cmp.Compare(p.o.numberOf(i), q.o.numberOf(j))
	}
	if p.o.reverse {
		n = -n
	}
	return cmp.Or(n, cmp.Compare(p.place, q.place))
}

// textOf returns the beginning of the text of an envelope.
func (o *Order) textOf(i uint32, cut int) []byte {
	text := o.texts.text(o.keys[i/orderPart][i%orderPart])
	return text[:min(len(text), cut)]
}

// numberOf returns the number of an envelope.
func (o *Order) numberOf(i uint32) int64 {
	if o.small != nil {
		return o.least + int64(o.small[i])
	}
	return o.numbers[i/orderPart][i%orderPart]
}

// pack keeps the numbers in half the memory, if the range of them allows that.
func (o *Order) pack() {
	var most int64
	for p, part := range o.numbers {
		for i, n := range part {
			if p == 0 && i == 0 {
				o.least, most = n, n
			}
			o.least, most = min(o.least, n), max(most, n)
		}
	}
	if spread := uint64(most) - uint64(o.least); spread > 1<<32-1 {
		return
	}
	o.small = make([]uint32, 0, o.n)
	for p, part := range o.numbers {
		for _, n := range part {
			o.small = append(o.small, uint32(n-o.least))
		}
		o.numbers[p] = nil
	}
	o.numbers = nil
}

// JoinGroups adds up the groups of several machines, and returns them as Sorted does; nil ones
// are empty. Of more than most groups the smallest count as one, without terms. The groups of the
// machines stay as they are.
func JoinGroups(all []*Groups, most int) []Group {
	var sum *Groups
	for _, g := range all {
		if g == nil {
			continue
		}
		if sum == nil {
			sum = &Groups{&grouper{by: g.g.by, most: 1 << 30, groups: map[string]*group{}}}
		}
		one := &groupPart{groups: &grouper{groups: map[string]*group{}}}
		for key, known := range g.g.groups {
			copied := *known
			copied.ages, copied.errors = slices.Clone(known.ages), maps.Clone(known.errors)
			one.groups.groups[key] = &copied
		}
		(&groupPart{groups: sum.g}).Join(one)
	}
	if sum == nil {
		return nil
	}
	sorted := sum.Sorted()
	if len(sorted) <= most {
		return sorted
	}
	rest := Group{Name: Others}
	kept := sorted[:0]
	for _, g := range sorted {
		if len(kept) < most-1 && g.Name != Others {
			kept = append(kept, g)
			continue
		}
		if rest.Count == 0 || g.Oldest < rest.Oldest {
			rest.Oldest = g.Oldest
		}
		rest.Count += g.Count
		rest.Tries = max(rest.Tries, g.Tries)
	}
	return append(kept, rest)
}
