package shell

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smtpctl/shell/command"
)

// Times of what is said about machines that are slow.
const (
	waitingAfter = 3 * time.Second
	waitingEvery = 200 * time.Millisecond
)

// waitingNamed is how many machines are named for which a command waits.
const waitingNamed = 2

// A slot is the right of a machine to work. So many machines as newSlots was told have it at
// the same time.
type slot struct {
	host  string
	all   chan struct{}
	state atomic.Int32
	since atomic.Int64 // when the machine last did something, in nanoseconds of time.Time.UnixNano
}

// The states of a slot.
const (
	slotQueued int32 = iota // the machine has not begun
	slotHeld                // it works
	slotAside               // it waits for other machines, or has ended
)

// newSlots returns a slot for each host, of which n are held at the same time, or command.UsualParallel
// if n is 0.
func newSlots(n int, hosts []string) []*slot {
	if n == 0 {
		n = command.UsualParallel
	}
	all := make(chan struct{}, n)
	slots := make([]*slot, len(hosts))
	for i, host := range hosts {
		slots[i] = &slot{host: host, all: all}
		slots[i].active()
	}
	return slots
}

// hold calls f with the slot held, for which it waits.
func (s *slot) hold(f func()) {
	s.take()
	defer s.leave()
	f()
}

// aside calls f, during which another machine may work in the place of the caller.
func (s *slot) aside(f func()) {
	s.leave()
	defer s.take()
	f()
}

func (s *slot) take() {
	s.all <- struct{}{}
	s.state.Store(slotHeld)
	s.active()
}

func (s *slot) leave() {
	s.state.Store(slotAside)
	<-s.all
}

// active takes note that the machine does something.
func (s *slot) active() { s.since.Store(time.Now().UnixNano()) }

// idle returns for how long the machine has done nothing.
func (s *slot) idle() time.Duration { return time.Duration(time.Now().UnixNano() - s.since.Load()) }

// waitingFor says which machines work, and how many have not begun.
func waitingFor(slots []*slot) string {
	var names []string
	queued := 0
	for _, s := range slots {
		switch s.state.Load() {
		case slotHeld:
			names = append(names, s.host)
		case slotQueued:
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

// sayWaiting shows on the terminal for which machines a command waits, once it has waited for
// waitingAfter. It ends with the first call of stop.
func sayWaiting(c *command.Call, slots []*slot) (stop func()) {
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
				if now.Sub(begun) >= waitingAfter {
					p.Say(waitingFor(slots))
				}
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		p.End()
	})
}
