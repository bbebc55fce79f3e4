package browse

import "smtpctl/protocol"

// picks are the marks of all machines.
type picks struct {
	of    []marks // by machine; those of the last ones may be missing
	count int     // of all
}

// marks returns the marks of a machine.
func (p *picks) marks(machine int) *marks {
	for len(p.of) <= machine {
		p.of = append(p.of, marks{})
	}
	return &p.of[machine]
}

// has reports whether an envelope is marked.
func (p *picks) has(e envelope) bool { return e.machine < len(p.of) && p.of[e.machine].has(e.id) }

// toggle marks an envelope, or unmarks it if it is marked. It does nothing and returns false
// if maxToggled envelopes of all machines have been toggled already.
func (p *picks) toggle(e envelope) bool {
	others := 0
	for m := range p.of {
		if m != e.machine {
			others += len(p.of[m].toggled)
		}
	}
	m := p.marks(e.machine)
	if !m.toggled[e.id] && others+len(m.toggled) >= maxToggled {
		return false
	}
	p.count -= m.count
	done := m.toggle(e.id)
	p.count += m.count
	return done
}

// set marks the envelopes of a listing, and no others. Of a machine that has not been listed to
// its end, what is listed later is not marked.
func (p *picks) set(l *listing) {
	p.clear()
	for m := range 1 + len(l.others) {
		ids, n := l.of(m), l.countOf(m)
		if n == 0 {
			continue
		}
		if l.known < l.machines {
			ids = ids.first(n)
		}
		p.marks(m).set(ids)
		p.count += n
	}
}

// are reports whether just the envelopes of a listing are marked, by set.
func (p *picks) are(l *listing) bool {
	for m := range 1 + len(l.others) {
		n := l.countOf(m)
		if n == 0 {
			continue
		}
		if m >= len(p.of) || p.of[m].count != n || len(p.of[m].toggled) > 0 || p.of[m].all != l.of(m) && l.known == l.machines {
			return false
		}
	}
	return p.count == l.count() && p.count > 0
}

// clear removes all marks.
func (p *picks) clear() { *p = picks{} }

// ids returns the marked envelopes of a machine in ascending order.
func (p *picks) ids(machine int) []protocol.EnvelopeID {
	if machine >= len(p.of) {
		return nil
	}
	return p.of[machine].ids()
}

// machines returns the machines of which envelopes are marked, and the ids of those in ascending
// order.
func (p *picks) machines() ([]int, map[int][]protocol.EnvelopeID) {
	var machines []int
	ids := map[int][]protocol.EnvelopeID{}
	for m := range p.of {
		if p.of[m].count > 0 {
			machines, ids[m] = append(machines, m), p.of[m].ids()
		}
	}
	return machines, ids
}
