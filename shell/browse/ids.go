package browse

import (
	"slices"
	"sort"

	"smtpctl/protocol"
)

// idPart is how many ids stand together: a list grows without being copied.
const idPart = 8192

// An idList holds ids in ascending order, in 8 bytes each.
type idList struct {
	parts [][]protocol.EnvelopeID
	n     int
}

// add appends an id.
func (l *idList) add(id protocol.EnvelopeID) {
	if l.n%idPart == 0 {
		l.parts = append(l.parts, make([]protocol.EnvelopeID, 0, idPart))
	}
	last := &l.parts[len(l.parts)-1]
	*last = append(*last, id)
	l.n++
}

// at returns an id by its index.
func (l *idList) at(i int) protocol.EnvelopeID { return l.parts[i/idPart][i%idPart] }

// search returns the index of the first id that is not below another.
func (l *idList) search(id protocol.EnvelopeID) int {
	return sort.Search(l.n, func(i int) bool { return l.at(i) >= id })
}

// has reports whether an id is in the list.
func (l *idList) has(id protocol.EnvelopeID) bool {
	i := l.search(id)
	return i < l.n && l.at(i) == id
}

// maxToggled is how many envelopes can be marked one by one.
const maxToggled = 50_000

// marks are the envelopes of a list that are marked: those of a whole list but for
// single ones, or single ones.
type marks struct {
	all     *idList // nil for none
	toggled map[protocol.EnvelopeID]bool
	count   int
}

// has reports whether an envelope is marked.
func (m *marks) has(id protocol.EnvelopeID) bool {
	return (m.all != nil && m.all.has(id)) != m.toggled[id]
}

// toggle marks an envelope or takes its mark away. It reports whether it could.
func (m *marks) toggle(id protocol.EnvelopeID) bool {
	if !m.toggled[id] && len(m.toggled) >= maxToggled {
		return false
	}
	if m.has(id) {
		m.count--
	} else {
		m.count++
	}
	if m.toggled[id] {
		delete(m.toggled, id)
		return true
	}
	if m.toggled == nil {
		m.toggled = map[protocol.EnvelopeID]bool{}
	}
	m.toggled[id] = true
	return true
}

// set marks just the envelopes of a list.
func (m *marks) set(all *idList) { *m = marks{all: all, count: all.n} }

// clear takes all marks away.
func (m *marks) clear() { *m = marks{} }

// ids returns the marked envelopes, ascending.
func (m *marks) ids() []protocol.EnvelopeID {
	out := make([]protocol.EnvelopeID, 0, m.count)
	if m.all != nil {
		for _, part := range m.all.parts {
			for _, id := range part {
				if !m.toggled[id] {
					out = append(out, id)
				}
			}
		}
	}
	for id := range m.toggled {
		if m.all == nil || !m.all.has(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
