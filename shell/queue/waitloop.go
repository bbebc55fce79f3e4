package queue

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A condition is what wait waits for.
type condition struct {
	// look asks one machine.
	look func(ctx context.Context, c *command.Call) (seen, error)
	// holds decides on what all machines have said. state says how things are if it does not
	// hold.
	holds func(all []seen) (ok bool, state string)
	// sure is how many looks in a row must find that it holds, if there are several machines.
	sure int
}

// A seen is what one machine has said of a condition.
type seen struct {
	server string           // the name of the machine, or "" if there is only one
	n      int              // selected envelopes
	files  int              // selected envelope files that smtpd does not list
	first  string           // the id of the first of those
	stats  map[string]int64 // statistics
	said   string           // warnings
}

// waitUntil makes a condition the handler of a command.
func waitUntil(of func(c *command.Call) condition) func(context.Context, *command.Call) error {
	return func(ctx context.Context, c *command.Call) error { return waitFor(ctx, c, of(c)) }
}

// waitGrace is how long the look that begins when the time is over may take.
const waitGrace = time.Second

// waitFor checks a condition again and again until it holds or the time is over, whatever the
// machines do meanwhile. It ends when one of them fails.
func waitFor(ctx context.Context, c *command.Call, cond condition) error {
	limit, err := waitLimit(c)
	if err != nil {
		return err
	}
	hosts, sure := c.Meant(), max(cond.sure, 1)
	switch {
	case c.Hosts() == nil:
		hosts, sure = []string{c.Server()}, 1
	case len(hosts) == 0:
		if ok, _ := cond.holds(nil); ok {
			return nil
		}
		return noneMeant(c)
	}
	deadline := time.Now().Add(limit)
	p := c.Progress(c.Verb()+": waiting", 0)
	defer p.End()
	p.Next("gives up", deadline)
	rounds := command.NewRounds(ctx, hosts, waitEvery, c.Opts.Parallel, func(ctx context.Context, host string) (seen, error) {
		return lookAt(ctx, c, host, cond)
	})
	defer rounds.End()
	// The condition is decided on once each machine has answered anew.
	all, fresh := make([]seen, len(hosts)), make([]bool, len(hosts))
	state := "there was no answer yet"
	for held := 0; ; {
		start := time.Now()
		look, cancel := context.WithDeadline(ctx, later(deadline, start).Add(waitGrace))
		turns := rounds.Next(look)
		cancel()
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("%s: %w: %s", command.PathOf(c), cause, state)
		}
		var errs []error
		var silent []string
		for i := range turns {
			t := &turns[i]
			switch {
			case t.Fresh && t.Err != nil:
				errs = append(errs, t.Err)
			case t.Fresh:
				all[i], fresh[i] = t.Value, true
				for line := range strings.Lines(t.Value.said) {
					c.Warnf("%s", render.Safe(t.Host+": "+strings.TrimSpace(line)))
				}
			}
			if !fresh[i] {
				silent = append(silent, t.Host)
			}
		}
		switch len(errs) {
		case 0:
		case 1:
			return errs[0]
		default:
			return &command.SeveralError{Errs: errs}
		}
		rest := max(waitEvery, waitShare*time.Since(start))
		left := ""
		if len(silent) > 0 {
			if c.Hosts() != nil {
				left = "no answer yet from " + command.BoundNames(silent)
				p.Say(c.Verb() + ": " + left)
			}
			rest = waitEvery
		} else {
			clear(fresh)
			ok, now := cond.holds(all)
			if ok {
				if held++; held >= sure {
					return nil
				}
				continue
			}
			held, state = 0, now
			p.Say(c.Verb() + ": " + state)
		}
		if over := time.Until(deadline); over <= 0 {
			err := fmt.Errorf("%s: timed out after %v: %s", command.PathOf(c), limit, state)
			if left != "" {
				err = fmt.Errorf("%w; %s", err, left)
			}
			return err
		} else if rest > over {
			rest = over + time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-rounds.Late():
		case <-time.After(rest):
		}
	}
}

// noneMeant is the error of a call that would wait for envelopes of several machines, where the
// last listing showed none of any.
func noneMeant(c *command.Call) error {
	return fmt.Errorf("%s: %s, so there is nothing to wait for", command.PathOf(c), NothingListed(c))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lookAt asks one machine.
func lookAt(ctx context.Context, c *command.Call, host string, cond condition) (s seen, err error) {
	if c.Hosts() == nil {
		return cond.look(ctx, c)
	}
	err = c.OnHost(ctx, c, host, func(ctx context.Context, one *command.Call) error {
		said := quieten(one)
		s, err = cond.look(ctx, one)
		s.server, s.said = host, said.String()
		return err
	})
	return s, err
}

// quieten makes a call, which runs beside others, keep its warnings and print nothing.
func quieten(c *command.Call) *command.Held {
	said := &command.Held{}
	c.Out, c.Err, c.Listing = command.NewOutput(io.Discard, false, render.NewStyle(false)), said, nil
	return said
}

// perMachine returns the numbers above 0 of machines with their names, such as
// ": mx1 (3), mx2 (1)", or "" for one machine alone.
func perMachine(all []seen, of func(s *seen) int) string {
	var parts []string
	for i := range all {
		if n := of(&all[i]); n > 0 && all[i].server != "" {
			parts = append(parts, fmt.Sprintf("%s (%d)", all[i].server, n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + command.BoundNames(parts)
}
