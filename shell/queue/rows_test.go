package queue

import (
	"context"
	"strings"
	"testing"

	"smtpctl/protocol"
)

// TestSorterBounded sorts envelopes without an end: what is held has a bound,
// with and without a limit, and a small limit never reaches it.
func TestSorterBounded(t *testing.T) {
	t.Parallel()
	e := protocol.Envelope{ErrorLine: strings.Repeat("x", 15000)}
	for limit, bound := range map[int]bool{0: true, 1 << 30: true, 10: false} {
		s := newSorter(context.Background(), nil, "age", limit)
		var err error
		for i := 0; i < 2*maxSorted/15000 && err == nil; i++ {
			e.ID = protocol.EnvelopeID(i)
			err = s.add(&e)
		}
		if (err != nil) != bound {
			t.Errorf("limit %d: %d envelopes kept, %v", limit, len(s.kept), err)
		}
	}
	counted := Tops{}
	for i := range 10 {
		counted.Add(strings.Repeat("x", maxTopText) + strings.Repeat("y", i))
	}
	if len(counted) != 2 || counted[Others] != 9 {
		t.Errorf("%d texts are told apart, %d are others", len(counted), counted[Others])
	}
}
