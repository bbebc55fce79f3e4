package suggest

import (
	"context"

	"smtpctl/shell/trace"
)

// A lane runs the fetches from one machine, one at a time.
type lane struct {
	cancel  context.CancelFunc
	current *job // the job that runs, nil if none does
	next    *job // the job that runs after current, nil for none
}

// A job is one fetch.
type job struct {
	run  func(context.Context)
	drop func() // called instead of run, with l.mu held, if another job takes its place
	long bool   // the job may run for long, so that the next job cancels it
}

// fetch runs a job in the background. While another job for the same machine runs, only the
// last job that was given to fetch waits; those before it are dropped.
func (l *Live) fetch(host string, j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lanes[host]
	if n == nil {
		n = &lane{}
		l.lanes[host] = n
	}
	if n.current == nil {
		l.start(n, j)
		return
	}
	if n.current.long {
		n.cancel()
	}
	if n.next != nil {
		n.next.drop()
	}
	n.next = j
}

// start runs a job, and then the job that waits. A panic of the job is recorded, and the
// prompt stays without these suggestions. l.mu is held.
func (l *Live) start(n *lane, j *job) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	n.cancel, n.current = cancel, j
	l.running.Go(func() {
		defer cancel()
		defer func() {
			if v := recover(); v != nil { // a prompt without completion is better than no prompt
				trace.Panic("completion", v)
			}
			l.mu.Lock()
			n.current = nil
			if next := n.next; next != nil {
				n.next = nil
				l.start(n, next)
			}
			l.mu.Unlock()
			l.changed()
		}()
		j.run(ctx)
	})
}
