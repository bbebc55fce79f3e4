package across

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A barrier gathers the questions of all machines into one. Each share of a command asks its
// question through the barrier, and waits. Once every share has asked or ended, whoever prints their
// items puts one question to the user, who has then seen what the command would do on each machine.
type barrier struct {
	all     chan struct{} // closed when no share is running
	decided chan struct{} // closed when the user has answered

	mu      sync.Mutex // guards the rest
	running int        // the number of shares that have neither ended nor asked
	asked   int        // the number of shares that have asked
	yes     bool       // the user has agreed
	refused bool       // the user has not agreed
}

func newBarrier(n int) *barrier {
	return &barrier{running: n, all: make(chan struct{}), decided: make(chan struct{})}
}

// ended says that a share has ended, whether or not it has asked.
func (b *barrier) ended() { b.less(false) }

// less says that one share less is running, because it asks or has ended.
func (b *barrier) less(asks bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if asks {
		b.asked++
	}
	if b.running--; b.running == 0 {
		select {
		case <-b.all:
		default:
			close(b.all)
		}
	}
}

// ask waits until every share has asked or ended and the user has answered, and reports whether
// the user has agreed. It returns false at once if the user has answered before, since that
// answer was to another question.
func (b *barrier) ask(ctx context.Context, sh *share) bool {
	select {
	case <-b.decided:
		return false
	default:
	}
	sh.right.Aside(func() {
		b.less(true)
		select {
		case <-b.decided:
		case <-ctx.Done():
		}
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running++
	return b.yes && ctx.Err() == nil
}

// put asks the user if any share has asked, after it has printed what the command would do on each
// machine. It is called once, by the goroutine that prints, when all is closed.
func (b *barrier) put(ctx context.Context, c *command.Call, shares []*share) {
	b.mu.Lock()
	n := b.asked
	b.mu.Unlock()
	if n == 0 {
		return
	}
	for _, sh := range shares {
		for line := range strings.Lines(sh.errs.Take()) {
			c.Warnf("%s", render.Safe(sh.host+": "+strings.TrimRight(line, "\n")))
		}
	}
	yes := c.Confirm(ctx, fmt.Sprintf("%s on %s?", c.Verb(), render.Plural(n, "host")))
	b.mu.Lock()
	b.yes, b.refused = yes, !yes
	b.mu.Unlock()
	close(b.decided)
}
