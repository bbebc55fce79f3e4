package browse

import (
	"context"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/queue"
)

// An envelope is known by its machine, whose number counts from 0, and its id: envelopes of two
// machines may have the same id.
type envelope struct {
	machine int
	id      protocol.EnvelopeID
}

// A listing is the result for a wish: that of one machine, or what was put together of those of
// several. While done is false, a source appends to ids of its own listing; the lock of the worker
// guards it.
type listing struct {
	gen    int
	ids    *idList   // of the first machine
	others []*idList // of the machines after it, nil for what has not been listed
	counts []int     // how many ids of each of several machines belong to the listing, which does not grow
	sorted []uint32  // the indexes of the envelopes in the order of the wish
	note   string    // how the order may be inexact, "" if it is exact
	groups []queue.Group
	done   bool
	took   time.Duration
	at     time.Time

	// A listing of one of several machines has what merge needs.
	order   *queue.Order
	grouped *queue.Groups
	// One of several machines says how many of them it is for, and how many it has to their end.
	machines, known int
}

// rows returns how many rows the listing shows for a wish.
func (l *listing) rows(w *wish) int {
	switch {
	case w.by != "":
		return len(l.groups)
	case w.sort != "":
		return len(l.sorted)
	}
	return l.count()
}

// of returns the ids of a machine, nil if it has not been listed.
func (l *listing) of(machine int) *idList {
	switch {
	case machine == 0:
		return l.ids
	case machine <= len(l.others):
		return l.others[machine-1]
	}
	return nil
}

// count returns how many envelopes the listing has.
func (l *listing) count() int {
	n := 0
	for m := range 1 + len(l.others) {
		n += l.countOf(m)
	}
	return n
}

// countOf returns how many envelopes of a machine the listing has.
func (l *listing) countOf(machine int) int {
	if l.counts != nil {
		return l.counts[machine]
	}
	return l.of(machine).count()
}

// envelope returns the envelope with an index, which counts from 0 through the machines, and there
// through the ids. It panics if there is none.
func (l *listing) envelope(i int) envelope {
	machine := 0
	for n := l.countOf(0); i >= n; n = l.countOf(machine) {
		i -= n
		machine++
	}
	return envelope{machine, l.of(machine).at(i)}
}

// search returns the index of an envelope, or of the first after where it would be.
func (l *listing) search(e envelope) int {
	i := 0
	for m := range e.machine {
		i += l.countOf(m)
	}
	if ids := l.of(e.machine); ids != nil {
		i += min(ids.search(e.id), l.countOf(e.machine))
	}
	return i
}

// compose puts together the listings of several machines, as far as they have come. Where they
// have to be merged, it leaves that to merge. The caller holds the lock.
func (w *worker) compose() {
	if !w.several() {
		w.list = w.sources[0].list
		return
	}
	switch l := w.composed(false); {
	case w.wish.sort == "" && w.wish.by == "":
		w.list = l
	case l.known > 0 || l.done:
		poke(w.merging)
	}
}

// composed returns a listing with the ids of all machines that have been listed or, with
// whole, of those that have been listed to their end. The caller holds the lock.
func (w *worker) composed(whole bool) *listing {
	l := &listing{gen: w.wish.gen, ids: &idList{}, others: make([]*idList, len(w.sources)-1), counts: make([]int, len(w.sources)), done: true}
	for m, s := range w.sources {
		if !w.wish.lists(m) {
			continue
		}
		l.machines++
		part := s.list
		if part == nil || !part.done {
			l.done = l.done && s.trouble != ""
		}
		if part == nil || whole && !part.done {
			continue
		}
		if part.done {
			l.known++
		}
		l.counts[m] = part.ids.n
		if m == 0 {
			l.ids = part.ids
		} else {
			l.others[m-1] = part.ids
		}
		if !part.at.IsZero() && (l.at.IsZero() || part.at.Before(l.at)) {
			l.at = part.at
		}
	}
	if l.at.IsZero() {
		l.at = time.Now()
	}
	return l
}

// mergeEvery is the least time between two merges, and mergeShare the same in multiples of the
// time that one took.
const (
	mergeEvery = 100 * time.Millisecond
	mergeShare = 10
)

// merge merges the orders or the groups of several machines each time that one of them has been
// listed, until ctx ends.
func (w *worker) merge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.merging:
		}
		began := time.Now()
		w.mu.Lock()
		l, x := w.composed(true), w.wish
		var orders []*queue.Order
		var grouped []*queue.Groups
		for m, s := range w.sources {
			if part := s.list; x.lists(m) && part != nil && part.done {
				orders, grouped = append(orders, part.order), append(grouped, part.grouped)
			}
		}
		w.mu.Unlock()
		switch {
		case x.by != "":
			l.groups = queue.JoinGroups(grouped, maxGroups)
		case x.sort != "":
			l.sorted, l.note = queue.MergeOrders(orders)
		default:
			continue
		}
		w.mu.Lock()
		if l.gen == w.wish.gen {
			w.list = l
		}
		w.mu.Unlock()
		poke(w.changed)
		select {
		case <-ctx.Done():
		case <-time.After(max(mergeEvery, mergeShare*time.Since(began))):
		}
	}
}
