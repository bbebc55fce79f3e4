package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// Limits of the texts, such as addresses and errors, that an order keeps for
// comparison.
const (
	orderTexts = 1 << 19
	orderBytes = 10 << 20
)

// orderPart is how many keys are stored together, so that more can be added without
// copying.
const orderPart = 8192

// An Order sorts envelopes as sort= does, in little memory: 4 bytes for each envelope,
// 12 more while envelopes are added, and up to 18 megabytes for the texts. It stores no
// envelopes, but identifies them by the order in which they were added.
type Order struct {
	field   *selector.Field
	reverse bool
	mail    *mailReader // for the order of what messages hold, else nil
	n       int
	numbers [][]int64  // of the envelopes, where numbers are compared
	texts   *textSet   // else nil
	keys    [][]uint32 // numbers of the texts of the envelopes, in texts

	// For MergeOrders:
	keep   bool
	sorted []uint32 // the result of Sorted
	small  []uint32 // numbers without least, if that is possible
	least  int64
}

// NewOrder returns an order for a name of SortKeys, with - before it for the reverse.
func NewOrder(ctx context.Context, c *command.Call, key string) *Order {
	return newOrder(ctx, c, key, orderTexts, orderBytes)
}

// newOrder is NewOrder with bounds for the texts.
func newOrder(ctx context.Context, c *command.Call, key string, mostTexts, mostBytes int) *Order {
	name, reverse := strings.CutPrefix(key, "-")
	o := &Order{field: selector.Find(selector.Sorted(), name), reverse: reverse}
	if o.field.Measure != nil {
		o.mail = newMailReader(ctx, c)
	}
	if o.field.Text != nil {
		o.texts = newTextSet(mostTexts, mostBytes, func(numbers []uint32) {
			for _, part := range o.keys {
				for i, key := range part {
					part[i] = numbers[key]
				}
			}
		})
	}
	return o
}

// Add adds an envelope, and reports whether it is part of the order. An envelope whose
// message has gone is not.
func (o *Order) Add(e *protocol.Envelope) (bool, error) {
	switch {
	case o.texts != nil:
		o.keys = addKey(o.keys, o.n, o.texts.add([]byte(o.field.Text(e))))
	case o.mail != nil:
		size, err := o.field.Measure(o.mail, e)
		if err != nil {
			o.mail.failed(err)
			return false, o.mail.err
		}
		o.numbers = addKey(o.numbers, o.n, size)
	default:
		o.numbers = addKey(o.numbers, o.n, o.field.Number(e))
	}
	o.n++
	return true, nil
}

// addKey appends the n-th key.
func addKey[K any](parts [][]K, n int, key K) [][]K {
	if n%orderPart == 0 {
		parts = append(parts, make([]K, 0, orderPart))
	}
	last := &parts[len(parts)-1]
	*last = append(*last, key)
	return parts
}

// Sorted returns the envelopes in their order, each as the number of envelopes that
// were added before it. Equal envelopes keep their order. No envelope can be added
// afterwards.
func (o *Order) Sorted() []uint32 {
	if !o.keep {
		return o.sort()
	}
	if o.sorted = o.sort(); o.texts == nil {
		o.pack()
	}
	return o.sorted
}

// sort does the work of Sorted.
func (o *Order) sort() []uint32 {
	if o.texts != nil {
		return o.sortedTexts()
	}
	sorted := make([]uint32, o.n)
	for i := range sorted {
		sorted[i] = uint32(i)
	}
	key := func(i uint32) int64 { return o.numbers[i/orderPart][i%orderPart] }
	slices.SortFunc(sorted, func(a, b uint32) int {
		n := cmp.Compare(key(a), key(b))
		if o.reverse {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a, b))
	})
	if !o.keep {
		o.numbers = nil
	}
	return sorted
}

// sortedTexts is Sorted for texts, of which many are equal: it counts how many
// envelopes come before those of each text.
func (o *Order) sortedTexts() []uint32 {
	o.texts.table = nil
	ranks := o.texts.ranks()
	place := func(key uint32) uint32 {
		if o.reverse {
			return uint32(len(ranks)-1) - ranks[key]
		}
		return ranks[key]
	}
	before := make([]uint32, len(ranks)+1)
	for _, part := range o.keys {
		for _, key := range part {
			before[place(key)+1]++
		}
	}
	for i := 1; i < len(before); i++ {
		before[i] += before[i-1]
	}
	sorted := make([]uint32, o.n)
	i := uint32(0)
	for _, part := range o.keys {
		for _, key := range part {
			at := &before[place(key)]
			sorted[*at] = i
			*at++
			i++
		}
	}
	if !o.keep {
		o.keys = nil
	}
	return sorted
}

// Note says how the order differs from that of sort= because its memory is limited; it
// is "" if there is no difference.
func (o *Order) Note() string {
	if o.texts == nil || o.texts.whole() {
		return ""
	}
	return fmt.Sprintf("by the first %d bytes", textCuts[o.texts.cut])
}
