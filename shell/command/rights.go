package command

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Times of what is said about machines that are slow.
const (
	// WaitingAfter is how long a person waits for machines until it is said for which.
	WaitingAfter = time.Second
	waitingEvery = 200 * time.Millisecond
)

// waitingNamed is how many machines are named for which a command waits.
const waitingNamed = 2

// Rights are how many machines may work at the same time.
type Rights struct{ places chan struct{} }

// NewRights returns n rights, or UsualParallel if n is 0.
func NewRights(n int) *Rights { return &Rights{make(chan struct{}, cmp.Or(n, UsualParallel))} }

// A Right is the right of a machine to work. A machine that has it lends it while it waits for
// others (Aside), or when it says nothing (Lend), as the caller finds: another one works in its
// place. When it has waited, or is heard again, it needs a place again, for which it waits.
type Right struct {
	host   string
	places chan struct{}
	state  atomic.Int32
	made   time.Time
	since  atomic.Int64 // when the machine last did something, in nanoseconds after made
}

// The states of a right.
const (
	rightQueued  int32 = iota // the machine has not begun
	rightHeld                 // it works in a place
	rightLent                 // it works without a place, because it says nothing
	rightForgone              // it has not begun, and will work without a place
	rightLeft                 // it waits for other machines, or has ended
)

// Of returns the right of a machine.
func (rs *Rights) Of(host string) *Right {
	return &Right{host: host, places: rs.places, made: time.Now()}
}

// RightsOf returns the right of each host, of which n have a place at the same time, as NewRights
// takes it.
func RightsOf(n int, hosts []string) []*Right {
	all := NewRights(n)
	rights := make([]*Right, len(hosts))
	for i, host := range hosts {
		rights[i] = all.Of(host)
	}
	return rights
}

// Hold calls f with the right held, for which it waits.
func (r *Right) Hold(f func()) {
	r.Take(context.Background())
	defer r.Leave()
	f()
}

// Aside calls f, during which another machine may work in the place of the caller.
func (r *Right) Aside(f func()) {
	r.Leave()
	defer r.Take(context.Background())
	f()
}

// Take waits until the machine may work. It returns false if ctx ends before.
func (r *Right) Take(ctx context.Context) bool {
	select {
	case r.places <- struct{}{}:
		r.Taken()
		return true
	case <-ctx.Done():
		return false
	}
}

// Free returns a channel that takes a value when the machine may work, for a caller that waits for
// other things, too. Taken must be called then.
func (r *Right) Free() chan<- struct{} { return r.places }

// Taken says that Free has taken a value.
func (r *Right) Taken() {
	r.active()
	if r.state.CompareAndSwap(rightQueued, rightHeld) || r.state.CompareAndSwap(rightLeft, rightHeld) {
		return
	}
	r.state.Store(rightLent)
	<-r.places
}

// Leave gives up the right, which may be taken again. It reports whether the right was lent.
func (r *Right) Leave() (lent bool) {
	was := r.state.Swap(rightLeft)
	if was == rightHeld {
		<-r.places
	}
	return was == rightLent || was == rightForgone
}

// Lend lets another machine work in the place of this one, if it has one.
func (r *Right) Lend() {
	if r.state.CompareAndSwap(rightHeld, rightLent) {
		<-r.places
	}
}

// Forgo is Lend, and if the machine has not begun, it will work without a place.
func (r *Right) Forgo() {
	if !r.state.CompareAndSwap(rightQueued, rightForgone) {
		r.Lend()
	}
}

// Heard takes note that the machine does something. If its right was lent, Heard waits until it
// may work again, or ctx ends.
func (r *Right) Heard(ctx context.Context) {
	r.active()
	if r.state.Load() != rightLent {
		return
	}
	select {
	case r.places <- struct{}{}:
		r.state.Store(rightHeld)
		r.active()
	case <-ctx.Done():
	}
}

func (r *Right) active() { r.since.Store(int64(time.Since(r.made))) }

// Idle returns for how long the machine has done nothing.
func (r *Right) Idle() time.Duration { return time.Since(r.made) - time.Duration(r.since.Load()) }

// Quiet is Idle for a machine that works, and 0 for one that does not.
func (r *Right) Quiet() time.Duration {
	if s := r.state.Load(); s != rightHeld && s != rightLent {
		return 0
	}
	return r.Idle()
}

// waitingFor says which machines work, and how many have not begun.
func waitingFor(rights []*Right) string {
	var names []string
	queued := 0
	for _, r := range rights {
		switch r.state.Load() {
		case rightHeld, rightLent:
			names = append(names, r.host)
		case rightQueued, rightForgone:
			queued++
		}
	}
	if len(names) == 0 {
		return ""
	}
	text := "waiting for "
	switch more := len(names) - waitingNamed; {
	case len(names) == 1:
		text += names[0]
	case more == 0:
		text += names[0] + " and " + names[1]
	case more == 1:
		text += strings.Join(names[:waitingNamed], ", ") + " and 1 other"
	default:
		text += fmt.Sprintf("%s and %d others", strings.Join(names[:waitingNamed], ", "), more)
	}
	if queued > 0 {
		text += fmt.Sprintf(", %d not begun", queued)
	}
	return text
}

// SayWaiting shows on the terminal for which machines a command waits, once it has waited for
// WaitingAfter. It ends with the first call of stop.
func SayWaiting(c *Call, rights []*Right) (stop func()) {
	p := c.Progress(c.Verb()+": working", 0)
	if p == nil {
		return func() {}
	}
	done := make(chan struct{})
	begun := time.Now()
	go func() {
		tick := time.NewTicker(waitingEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if now.Sub(begun) >= WaitingAfter {
					p.Say(waitingFor(rights))
				}
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		p.End()
	})
}
