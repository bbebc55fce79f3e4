package browse

import (
	"bytes"
	"context"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A pass is one listing of what is wished.
type pass struct {
	wish   wish
	walk   *queue.Walk
	out    *listing
	order  *queue.Order
	groups *queue.Groups
	notes  *bytes.Buffer // what its mail says
	spent  time.Duration
	shown  bool // it shows what it has as it comes
	n      int
	told   time.Time
}

// next returns the pass that is to be gone on with, a new one if the wish is another
// or old; nil if there is nothing to list.
func (w *worker) next(ctx context.Context, p *pass) *pass {
	w.mu.Lock()
	old := w.list != nil && w.list.done && time.Since(w.list.at) > max(reloadMin, w.list.took*reloadShare)
	x, again := w.wish, w.again || p == nil && old
	w.again = false
	first := w.list == nil
	w.mu.Unlock()
	switch {
	case x.call == nil:
		return nil
	case !again:
		return p
	}
	call := *x.call
	notes := &bytes.Buffer{}
	call.Err = notes
	walk, err := queue.NewWalk(ctx, &call)
	if err != nil {
		w.end(nil, err)
		return nil
	}
	p = &pass{wish: x, walk: walk, notes: notes, out: &listing{gen: x.gen, ids: &idList{}}, shown: first && x.sort == "" && x.by == ""}
	if x.sort != "" {
		p.order = queue.NewOrder(ctx, &call, x.sort, maxSorted)
	}
	if x.by != "" {
		p.groups = queue.NewGroups(ctx, &call, x.by, maxGroups)
	}
	if p.shown {
		w.mu.Lock()
		w.list = p.out
		w.mu.Unlock()
	}
	return p
}

// step goes on with a pass until it ends, which it reports, or something is wanted.
func (w *worker) step(ctx context.Context, p *pass) bool {
	start := time.Now()
	var bad error
	done, err := p.walk.Go(ctx, func(e *protocol.Envelope) bool {
		bad = w.take(p, e)
		return bad == nil && !w.wants()
	})
	p.spent += time.Since(start)
	switch {
	case bad != nil:
		err = bad
	case err == nil && !done:
		w.note(nil)
		return false
	}
	if ctx.Err() == nil {
		w.end(p, err)
	}
	return true
}

// take takes an envelope into a pass.
func (w *worker) take(p *pass, e *protocol.Envelope) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.n++
	w.looked = p.n
	if p.groups == nil {
		p.out.ids.add(e.ID)
	}
	if p.n <= firstRows && p.groups == nil && p.order == nil {
		w.keep(e)
	}
	if time.Since(p.told) > tellEvery || p.n == firstRows/4 {
		p.told = time.Now()
		poke(w.changed)
	}
	switch {
	case p.order != nil:
		return p.order.Add(e)
	case p.groups != nil:
		return p.groups.Add(e)
	}
	return nil
}

// end publishes what a pass has found, or says why it found nothing.
func (w *worker) end(p *pass, err error) {
	if protocol.Unreachable(err) {
		w.note(err)
		w.mu.Lock()
		w.again = true
		w.mu.Unlock()
		return
	}
	w.note(nil)
	w.mu.Lock()
	w.failed = ""
	if err != nil {
		w.failed = render.Safe(render.Bound(err.Error(), render.MaxMessage))
	} else if p != nil && p.notes.Len() > 0 {
		w.failed = render.Safe(render.Bound(firstLine(p.notes.String()), render.MaxMessage))
	}
	if p == nil {
		p = &pass{out: &listing{gen: w.wish.gen, ids: &idList{}}}
	}
	if p.order != nil {
		p.out.sorted = p.order.Sorted()
	}
	if p.groups != nil {
		p.out.groups = p.groups.Sorted()
	}
	p.out.done, p.out.at, p.out.took = true, time.Now(), p.spent
	if p.out.gen == w.wish.gen {
		w.list = p.out
	}
	w.mu.Unlock()
	poke(w.changed)
}
