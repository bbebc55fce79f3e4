package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A followLook is what one look at a machine has found.
type followLook struct {
	events []*command.Gathered
	sample []*command.Gathered // rows as wide as those that will come
	said   string
}

// A followRoom bounds how many envelopes are followed on all machines together.
type followRoom struct {
	listing atomic.Int64 // in the listings that are being made
	known   atomic.Int64 // kept since the last listings
}

// list takes room for an envelope of a listing. It reports false if there is none. Where there
// is only one machine, the room is nil, and the machine alone has a bound.
func (r *followRoom) list() bool { return r == nil || r.listing.Add(1) <= maxFollowed }

// listed gives back the room for a listing of n envelopes.
func (r *followRoom) listed(n int) {
	if r != nil {
		r.listing.Add(int64(-n))
	}
}

// keep takes room for so many envelopes more. It reports false if there is none.
func (r *followRoom) keep(more int) bool {
	return r == nil || r.known.Add(int64(more)) <= maxFollowed
}

// runFollowAcross is runFollow for several machines, in one stream. What the machines have found
// in one round is printed in the order in which they are named. A machine that is down, or does
// not answer, holds up no other.
func runFollowAcross(ctx context.Context, c *command.Call) error {
	hosts, g := c.Meant(), command.NewGatherer(c, "server")
	if len(hosts) == 0 {
		return noneMeant(c)
	}
	room, followers := &followRoom{}, map[string]*follower{}
	for _, host := range hosts {
		followers[host] = &follower{known: map[protocol.EnvelopeID]*followed{}, room: room}
	}
	rounds := command.NewRounds(ctx, hosts, followEvery, c.Opts.Parallel, func(ctx context.Context, host string) (followLook, error) {
		return followers[host].lookOn(ctx, c, g, host)
	})
	defer rounds.End()
	told := map[string]bool{} // machines that could not be reached from the start
	for {
		turns := rounds.Next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var errs []error
		for i := range turns {
			t := &turns[i]
			if t.Err != nil && t.Answered.IsZero() {
				errs = append(errs, t.Err)
			}
		}
		if len(errs) == len(hosts) {
			return &command.SeveralError{Errs: errs}
		}
		for i := range turns {
			if t := &turns[i]; t.Fresh {
				if err := printLook(c, g, t, told); err != nil {
					return err
				}
			}
		}
		if err := c.Out.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-rounds.Late():
		case <-time.After(followEvery):
		}
	}
}

// printLook prints what a machine has answered.
func printLook(c *command.Call, g *command.Gatherer, t *command.Turn[followLook], told map[string]bool) error {
	var tooMany *tooManyError
	switch {
	case errors.As(t.Err, &tooMany):
		return t.Err
	case t.Err != nil && !told[t.Host]:
		told[t.Host] = true
		c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v: trying again", t.Err)))
	}
	if t.Err != nil {
		return nil
	}
	for line := range strings.Lines(t.Value.said) {
		c.Warnf("%s", render.Safe(t.Host+": "+strings.TrimSpace(line)))
	}
	for _, row := range t.Value.sample {
		g.Measure(row)
	}
	for _, row := range t.Value.events {
		if err := g.Print(row); err != nil {
			return err
		}
	}
	return nil
}

// lookOn looks once at one of several machines, unless the last look was not long ago.
func (f *follower) lookOn(ctx context.Context, c *command.Call, g *command.Gatherer, host string) (out followLook, err error) {
	began := time.Now()
	if began.Before(f.next) {
		return out, nil
	}
	err = c.OnHost(ctx, c, host, func(ctx context.Context, one *command.Call) error {
		said := quieten(one)
		g.From(one, host, func(row *command.Gathered) {
			if f.measuring {
				out.sample = append(out.sample, row)
			} else {
				out.events = append(out.events, row)
			}
		})
		if f.c == nil {
			if f.t, err = listedTarget(ctx, one, selectionIn(one)); err != nil {
				return err
			}
		}
		f.c = one
		f.makeLines()
		err := f.look(ctx)
		out.said = said.String()
		return err
	})
	f.next = time.Now().Add(max(followEvery-time.Since(began), followShare*time.Since(began)))
	return out, err
}
