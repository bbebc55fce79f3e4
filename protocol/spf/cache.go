package spf

import (
	"context"
	"net/netip"
	"sync"
)

// The limits of a cache.
const (
	maxAsking = 200   // questions under way at once
	maxCached = 10000 // answers that are kept
)

// A question is what a resolver looks up: the TXT, MX, A or AAAA records of a name.
type question struct{ kind, name string }

// An answer is the result of a question.
type answer struct {
	done  chan struct{}
	texts []string
	addrs []netip.Addr
	err   error
}

// A cache looks up each question once, and several questions at a time.
type cache struct {
	resolver Resolver
	asking   chan struct{}
	wg       sync.WaitGroup

	mu    sync.Mutex
	known map[question]*answer
}

func newCache(r Resolver) *cache {
	return &cache{resolver: r, asking: make(chan struct{}, maxAsking), known: map[question]*answer{}}
}

// start starts the look-up for a question unless it has been started before.
func (c *cache) start(ctx context.Context, q question) *answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.known[q]; a != nil {
		return a
	}
	if len(c.known) >= maxCached {
		clear(c.known) // whoever waits for an answer has it
	}
	a := &answer{done: make(chan struct{})}
	c.known[q] = a
	c.wg.Go(func() {
		defer close(a.done)
		select {
		case c.asking <- struct{}{}:
			defer func() { <-c.asking }()
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		}
		switch q.kind {
		case "TXT":
			a.texts, a.err = c.resolver.TXT(ctx, q.name)
		case "MX":
			a.texts, a.err = c.resolver.MX(ctx, q.name)
		case "A":
			a.addrs, a.err = c.resolver.IPv4(ctx, q.name)
		case "AAAA":
			a.addrs, a.err = c.resolver.IPv6(ctx, q.name)
		}
	})
	return a
}

// get looks a question up and waits for the answer.
func (c *cache) get(ctx context.Context, kind, name string) *answer {
	a := c.start(ctx, question{kind, name})
	select {
	case <-a.done:
		return a
	case <-ctx.Done():
		return &answer{err: ctx.Err()}
	}
}
