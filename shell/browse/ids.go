package browse

import (
	"slices"
	"sort"

	"smtpctl/protocol"
)

// idPart is how many ids each part of an idList holds. A list grows by a part, without copying
// the ids that it has.
const idPart = 8192

// An idList holds envelope ids in ascending order, in 8 bytes each. It is not safe for
// concurrent use.
type idList struct {
	parts [][]protocol.EnvelopeID
	n     int
}

// add appends an id, which must be greater than all ids before it.
func (l *idList) add(id protocol.EnvelopeID) {
	if l.n%idPart == 0 {
		l.parts = append(l.parts, make([]protocol.EnvelopeID, 0, idPart))
	}
	last := &l.parts[len(l.parts)-1]
	*last = append(*last, id)
	l.n++
}

// count returns how many ids the list holds; none if l is nil.
func (l *idList) count() int {
	if l == nil {
		return 0
	}
	return l.n
}

// first returns a list of the first n ids.
func (l *idList) first(n int) *idList {
	out := &idList{}
	for i := range n {
		out.add(l.at(i))
	}
	return out
}

// at returns the id at index i, from 0. It panics if there is none.
func (l *idList) at(i int) protocol.EnvelopeID { return l.parts[i/idPart][i%idPart] }

// search returns the index of the first id that is not less than id, or n if there is none.
func (l *idList) search(id protocol.EnvelopeID) int {
	return sort.Search(l.n, func(i int) bool { return l.at(i) >= id })
}

// has reports whether the list contains an id.
func (l *idList) has(id protocol.EnvelopeID) bool {
	i := l.search(id)
	return i < l.n && l.at(i) == id
}

// maxToggled is how many envelopes can be marked or unmarked one by one.
const maxToggled = 50_000

// marks holds which envelopes are marked: those in all, except that the ids in toggled are
// marked if all lacks them and not marked if all has them.
type marks struct {
	all     *idList // the list that was marked as a whole; nil if none was
	toggled map[protocol.EnvelopeID]bool
	count   int
}

// has reports whether an envelope is marked.
func (m *marks) has(id protocol.EnvelopeID) bool {
	return (m.all != nil && m.all.has(id)) != m.toggled[id]
}

// toggle marks an envelope, or unmarks it if it is marked. It does nothing and returns false
// if maxToggled envelopes have been toggled already.
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

// set marks the envelopes of a list, and no others.
func (m *marks) set(all *idList) { *m = marks{all: all, count: all.n} }

// ids returns the marked envelopes in ascending order.
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
