package browse

import (
	"bytes"
	"context"
	"runtime/debug"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A pass is one run through the queue for a wish. Only its source uses it.
type pass struct {
	wish   wish
	walk   *queue.Walk
	out    *listing
	order  *queue.Order
	groups *queue.Groups
	notes  *bytes.Buffer // the warnings of the walk
	spent  time.Duration
	since  time.Time // when the current step began
	shown  bool      // the list on the screen grows while the pass runs
	batch  []protocol.EnvelopeID
	n      int // how many envelopes the pass has found
	told   time.Time
}

// batchSize is how many ids are published together. The screen can be drawn between two
// batches.
const batchSize = 256

// next returns the pass to continue: p itself, or a new one if the wish has changed or its
// list is too old. It returns nil if there is nothing to list.
func (s *source) next(ctx context.Context, p *pass) *pass {
	s.w.mu.Lock()
	old := s.list != nil && s.list.done && time.Since(s.list.at) > max(reloadMin, s.list.took*reloadShare)
	x, again := s.w.wish, s.again || p == nil && old
	s.again = false
	first := s.list == nil || !s.list.done && s.list.ids.n == 0
	s.w.mu.Unlock()
	switch {
	case x.call == nil, !x.lists(s.n):
		return nil
	case !again:
		return p
	}
	call := s.of(x.call)
	notes := &bytes.Buffer{}
	call.Err = notes
	walk, err := queue.NewWalk(ctx, call)
	if err != nil {
		s.end(nil, err)
		return nil
	}
	if s.w.several() {
		walk.Heard = func() { s.heard(ctx) }
	}
	p = &pass{wish: x, walk: walk, notes: notes, batch: make([]protocol.EnvelopeID, 0, batchSize), out: &listing{gen: x.gen, ids: &idList{}}, shown: first && x.sort == "" && x.by == ""}
	if x.sort != "" {
		p.order = queue.NewOrder(ctx, call, x.sort)
		if s.w.several() {
			p.order.Keep(len(s.w.sources))
			p.out.order = p.order
		}
	}
	if x.by != "" {
		p.groups = queue.NewGroups(ctx, call, x.by, s.w.mostGroups())
	}
	total := 0
	if conn, err := s.c.Conn(ctx); err == nil && walk.All() {
		if d, err := conn.Digest(ctx); err == nil {
			total = int(d.Queued())
		}
	}
	s.progress.begin(total)
	debug.SetMemoryLimit(softLimit + softEnvelope*s.w.total())
	if p.shown {
		s.w.mu.Lock()
		s.list = p.out
		s.w.compose()
		s.w.mu.Unlock()
	}
	return p
}

// step continues a pass until the pass ends or the source has something else to do. It reports
// whether the pass has ended.
func (s *source) step(ctx context.Context, p *pass) bool {
	p.since = time.Now()
	var bad error
	done, err := p.walk.Go(ctx, func(e *protocol.Envelope) bool {
		bad = s.take(p, e)
		return bad == nil && !s.wants()
	})
	p.spent += time.Since(p.since)
	s.publish(p)
	switch {
	case bad != nil:
		err = bad
	case err == nil && !done:
		s.note(nil)
		return false
	}
	if ctx.Err() == nil {
		s.end(p, err)
	}
	return true
}

// take adds an envelope to a pass.
func (s *source) take(p *pass, e *protocol.Envelope) error {
	p.n++
	switch {
	case p.groups != nil:
		if err := p.groups.Add(e); err != nil {
			return err
		}
	case p.order != nil:
		if ok, err := p.order.Add(e); err != nil || !ok {
			return err
		}
		p.batch = append(p.batch, e.ID)
	default:
		p.batch = append(p.batch, e.ID)
		if p.n <= max(firstRows/len(s.w.sources), minCached) {
			s.w.mu.Lock()
			s.keep(e)
			s.w.mu.Unlock()
		}
	}
	if p.n%batchSize == 0 || p.n == firstRows/4 {
		s.publish(p)
		s.way.give()
	}
	return nil
}

// publish adds the ids that the pass has found since the last call to its list, and updates
// the progress.
func (s *source) publish(p *pass) {
	s.w.mu.Lock()
	for _, id := range p.batch {
		p.out.ids.add(id)
	}
	s.w.mu.Unlock()
	p.batch = p.batch[:0]
	now := time.Now()
	s.progress.looked.Store(int64(p.walk.Looked()))
	s.progress.spent.Store(int64(p.spent + now.Sub(p.since)))
	if now.Sub(p.told) > tellEvery || p.n == firstRows/4 {
		p.told = now
		poke(s.w.changed)
	}
}

// end makes the listing of a pass the list on the screen, or records why there is none. p is
// nil if the pass could not begin. If smtpd cannot be reached, the wish is listed again later.
func (s *source) end(p *pass, err error) {
	if protocol.Unreachable(err) {
		s.note(err)
		s.w.mu.Lock()
		s.again = true
		s.w.mu.Unlock()
		return
	}
	s.note(nil)
	if p != nil && p.order != nil {
		p.out.sorted, p.out.note = p.order.Sorted(), p.order.Note()
	}
	s.w.mu.Lock()
	s.failed = ""
	if err != nil {
		s.failed = s.says(err, render.MaxMessage)
	} else if p != nil && p.notes.Len() > 0 {
		s.failed = render.Safe(render.Bound(firstLine(p.notes.String()), render.MaxMessage))
	}
	if p == nil {
		p = &pass{out: &listing{gen: s.w.wish.gen, ids: &idList{}}}
	}
	if p.groups != nil {
		if p.out.grouped = p.groups; !s.w.several() {
			p.out.groups = p.groups.Sorted()
		}
	}
	p.out.done, p.out.at, p.out.took = true, time.Now(), p.spent
	if p.out.gen == s.w.wish.gen {
		s.list = p.out
		s.w.compose()
	}
	s.w.mu.Unlock()
	poke(s.w.changed)
}
