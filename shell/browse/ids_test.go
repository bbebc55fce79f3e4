package browse

import (
	"testing"

	"smtpctl/protocol"
)

// TestMarks compares marks with a plain set.
func TestMarks(t *testing.T) {
	l := &idList{}
	for i := range 20_000 {
		l.add(protocol.EnvelopeID(2*i + 10))
	}
	var m marks
	m.toggle(10)
	m.toggle(11)
	m.toggle(10)
	if m.count != 1 || !m.has(11) || m.has(10) {
		t.Errorf("%+v", m)
	}
	m.set(l)
	m.toggle(12)
	m.toggle(13)
	ids := m.ids()
	if len(ids) != 20_000 || m.count != 20_000 || ids[0] != 10 || ids[1] != 13 || ids[2] != 14 {
		t.Errorf("%d ids, count %d, first %v", len(ids), m.count, ids[:3])
	}
}
