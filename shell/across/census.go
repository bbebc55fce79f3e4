package across

import (
	"context"
	"fmt"
	"sync"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A census adds up how many envelopes a command has selected on all machines, for --expect,
// before the command changes anything on any of them. If a machine fails before it has counted,
// the sum is not known, and nothing is done on any machine.
type census struct {
	c     *command.Call
	hosts int // the number of machines

	mu      sync.Mutex      // guards the rest
	counted map[string]bool // the machines that have counted or ended
	sum     int             // the number of envelopes selected on them
	failed  string          // the first machine that has failed; "" if none has
	decided chan struct{}   // closed when every machine has counted or ended
	err     error           // why nothing is done, once decided is closed; nil if the sum is right
}

func newCensus(c *command.Call, hosts int) *census {
	return &census{c: c, hosts: hosts, counted: map[string]bool{}, decided: make(chan struct{})}
}

// count adds the number of envelopes selected on a machine, and waits until every other machine
// has counted or ended. If it returns an error, nothing must be done on the machine.
func (s *census) count(ctx context.Context, sh *share, n int) (err error) {
	s.note(sh.host, n, nil)
	sh.right.Aside(func() {
		select {
		case <-s.decided:
			err = s.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	})
	return err
}

// ended says that the command has ended on a machine, whether or not the machine has counted. A
// machine that has not counted and has no error has selected nothing.
func (s *census) ended(host string, err error) { s.note(host, 0, err) }

// note adds the number of a machine unless the machine has counted or ended before.
func (s *census) note(host string, n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted[host] {
		return
	}
	s.counted[host] = true
	s.sum += n
	if err != nil && s.failed == "" {
		s.failed = host
	}
	if len(s.counted) < s.hosts {
		return
	}
	switch {
	case s.c.Opts.Expect < 0:
	case s.failed != "":
		s.err = fmt.Errorf("%s: nothing done on any machine: without %s it is not known how many envelopes are selected, and --expect is given", command.PathOf(s.c), s.failed)
	case s.sum != s.c.Opts.Expect:
		s.err = fmt.Errorf("%s: %s selected on %d machines, %d expected: nothing done on any of them", command.PathOf(s.c), render.Plural(s.sum, "envelope"), s.hosts, s.c.Opts.Expect)
	}
	close(s.decided)
}
