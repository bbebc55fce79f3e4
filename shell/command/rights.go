package command

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Times of what is said about machines that are slow.
const (
	// WaitingAfter is how long a person waits for machines until it is said for which.
	WaitingAfter = 3 * time.Second
	waitingEvery = 200 * time.Millisecond
)

// waitingNamed is how many machines are named for which a command waits.
const waitingNamed = 2

// A Right is the right of a machine to work. So many machines as NewRights was told have it at
// the same time.
type Right struct {
	host  string
	all   chan struct{}
	state atomic.Int32
	since atomic.Int64 // when the machine last did something, in nanoseconds of time.Time.UnixNano
}

// The states of a right.
const (
	rightQueued int32 = iota // the machine has not begun
	rightHeld                // it works
	rightAside               // it waits for other machines, or has ended
)

// NewRights returns a right for each host, of which n are held at the same time, or UsualParallel
// if n is 0.
func NewRights(n int, hosts []string) []*Right {
	if n == 0 {
		n = UsualParallel
	}
	all := make(chan struct{}, n)
	rights := make([]*Right, len(hosts))
	for i, host := range hosts {
		rights[i] = &Right{host: host, all: all}
		rights[i].Active()
	}
	return rights
}

// Hold calls f with the right held, for which it waits.
func (r *Right) Hold(f func()) {
	r.Take()
	defer r.Leave()
	f()
}

// Aside calls f, during which another machine may work in the place of the caller.
func (r *Right) Aside(f func()) {
	r.Leave()
	defer r.Take()
	f()
}

// Take waits until the machine may work.
func (r *Right) Take() {
	r.all <- struct{}{}
	r.state.Store(rightHeld)
	r.Active()
}

// Leave gives the right to another machine.
func (r *Right) Leave() {
	r.state.Store(rightAside)
	<-r.all
}

// Active takes note that the machine does something.
func (r *Right) Active() { r.since.Store(time.Now().UnixNano()) }

// Idle returns for how long the machine has done nothing.
func (r *Right) Idle() time.Duration { return time.Duration(time.Now().UnixNano() - r.since.Load()) }

// waitingFor says which machines work, and how many have not begun.
func waitingFor(rights []*Right) string {
	var names []string
	queued := 0
	for _, r := range rights {
		switch r.state.Load() {
		case rightHeld:
			names = append(names, r.host)
		case rightQueued:
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
