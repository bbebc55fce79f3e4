// Package conformance checks that an smtpd speaks the control protocol as this project
// understands it. The same checks run against the simulation and against the smtpd of
// every release.
package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"smtpctl/protocol"
)

// A Target is an smtpd to check. Its mta is paused, its queue is empty, and it has a
// table "aliases" that can be reloaded.
type Target struct {
	Socket string
	// Send makes smtpd accept one message with the given number of recipients.
	Send func(recipients int)
}

type suite struct {
	*testing.T
	Target
}

var ctx = context.Background()

// Run runs all checks. Each begins with an empty queue.
func Run(t *testing.T, target Target) {
	for _, check := range []struct {
		name string
		run  func(*suite)
	}{
		{"status and pauses", (*suite).pauses},
		{"digest", (*suite).digest},
		{"stats", (*suite).stats},
		{"reports", (*suite).reports},
		{"blocks", (*suite).blocks},
		{"acknowledged", (*suite).acknowledged},
		{"tables", (*suite).tables},
		{"empty queue", (*suite).emptyQueue},
		{"listing", (*suite).listing},
		{"batches", (*suite).batches},
		{"listing from anywhere", (*suite).listingFrom},
		{"envelopes in flight or pending", (*suite).states},
		{"pause and resume envelope", (*suite).suspends},
		{"schedule", (*suite).schedules},
		{"remove", (*suite).removes},
		{"by message", (*suite).byMessage},
		{"missing ids", (*suite).missing},
		{"discover nothing", (*suite).discovers},
		{"pipelining", (*suite).pipelines},
		{"one connection", (*suite).oneConnection},
		{"version", (*suite).version},
		{"unknown type", (*suite).unknownType},
		{"connection limit", (*suite).connectionLimit},
	} {
		t.Run(check.name, func(t *testing.T) {
			s := &suite{T: t, Target: target}
			s.clear()
			check.run(s)
		})
	}
}

func (s *suite) dial() *protocol.Conn {
	s.Helper()
	c, err := protocol.Dial(ctx, s.Socket, protocol.Options{Timeout: 10 * time.Second})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	return c
}

// clear empties the queue.
func (s *suite) clear() {
	s.Helper()
	c := s.dial()
	if ids := s.ids(c.Envelopes(ctx)); len(ids) > 0 {
		if _, err := c.Act(ctx, protocol.RemoveEnvelope, ids, func(protocol.EnvelopeID, bool) {}); err != nil {
			s.Fatal(err)
		}
	}
	c.Close()
}

func (s *suite) ids(list func(func(*protocol.Envelope, error) bool)) []protocol.EnvelopeID {
	s.Helper()
	var out []protocol.EnvelopeID
	for e, err := range list {
		if err != nil {
			s.Fatal(err)
		}
		out = append(out, e.ID)
	}
	return out
}

// Queue puts one message with the given number of recipients into the queue, and waits
// until smtpd lists it.
func (s *suite) Queue(recipients int) {
	s.Helper()
	c := s.dial()
	defer c.Close()
	before := len(s.ids(c.Envelopes(ctx)))
	s.Send(recipients)
	for range 500 {
		if len(s.ids(c.Envelopes(ctx))) == before+recipients {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%d envelopes did not arrive", recipients)
}

// flags returns the flags of every envelope.
func (s *suite) flags(c *protocol.Conn) map[protocol.EnvelopeID]protocol.Flags {
	s.Helper()
	out := map[protocol.EnvelopeID]protocol.Flags{}
	for e, err := range c.Envelopes(ctx) {
		if err != nil {
			s.Fatal(err)
		}
		out[e.ID] = e.Flags
	}
	return out
}

// act takes an action on envelopes and returns for how many of them smtpd answered OK.
func (s *suite) act(c *protocol.Conn, a protocol.Action, ids ...protocol.EnvelopeID) int {
	s.Helper()
	n := 0
	if _, err := c.Act(ctx, a, ids, func(_ protocol.EnvelopeID, ok bool) {
		if ok {
			n++
		}
	}); err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *suite) want(what string, got, want any) {
	s.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (s *suite) emptyQueue() {
	c := s.dial()
	s.want("envelopes", len(s.ids(c.Envelopes(ctx))), 0)
}

func (s *suite) listing() {
	c := s.dial()
	for range 5 {
		s.Queue(3)
	}
	now := time.Now().Unix()
	var last protocol.EnvelopeID
	n := 0
	for e, err := range c.Envelopes(ctx) {
		if err != nil {
			s.Fatal(err)
		}
		n++
		if e.ID <= last || !e.ID.Valid() {
			s.Errorf("%v comes after %v", e.ID, last)
		}
		last = e.ID
		if e.Type != protocol.DeliverMTA || e.Sender.User == "" || e.Dest.Domain == "" || e.Source.Family() == "?" {
			s.Errorf("%+v", e)
		}
		if e.Created < now-60 || e.Created > now+1 || e.Flags&protocol.FlagPending == 0 {
			s.Errorf("created %d, now %d, flags %#x", e.Created, now, e.Flags)
		}
	}
	s.want("envelopes", n, 15)
}

// batches lists a message that has more envelopes than one batch.
func (s *suite) batches() {
	c := s.dial()
	s.Queue(600)
	s.Queue(1)
	s.Queue(256)
	ids := s.ids(c.Envelopes(ctx))
	s.want("envelopes", len(ids), 857)
	s.want("in order", slices.IsSorted(ids), true)
	s.want("each once", len(slices.Compact(ids)), 857)
}

func (s *suite) listingFrom() {
	c := s.dial()
	for range 4 {
		s.Queue(2)
	}
	ids := s.ids(c.Envelopes(ctx))
	for i, id := range ids {
		s.want("from a message", s.ids(c.EnvelopesFrom(ctx, id.Msg())), ids[i/2*2:])
		s.want("of a message", s.ids(c.MessageEnvelopes(ctx, id)), ids[i:i/2*2+2])
	}
	var asked []protocol.EnvelopeID
	for _, id := range ids {
		asked = append(asked, id-1, id, id+1) // the others are hardly there
	}
	s.want("found", s.ids(c.Find(ctx, asked)), ids)
	var msgs []protocol.MessageID
	for m, err := range c.Messages(ctx, ids[2].Msg()) {
		if err != nil {
			s.Fatal(err)
		}
		msgs = append(msgs, m)
	}
	s.want("messages", msgs, []protocol.MessageID{ids[2].Msg(), ids[4].Msg(), ids[6].Msg()})
}

func (s *suite) states() {
	c := s.dial()
	s.Queue(1)
	for _, f := range s.flags(c) {
		s.want("flags", f&(protocol.FlagPending|protocol.FlagInflight|protocol.FlagSuspend), protocol.FlagPending)
	}
}

func (s *suite) suspends() {
	c := s.dial()
	s.Queue(2)
	ids := s.ids(c.Envelopes(ctx))
	s.want("paused", s.act(c, protocol.PauseEnvelope, ids[0]), 1)
	s.want("paused again", s.act(c, protocol.PauseEnvelope, ids[0]), 0)
	f := s.flags(c)
	s.want("suspended", f[ids[0]]&protocol.FlagSuspend != 0, true)
	s.want("not suspended", f[ids[1]]&protocol.FlagSuspend != 0, false)
	s.want("resumed", s.act(c, protocol.ResumeEnvelope, ids...), 1)
	s.want("suspended", s.flags(c)[ids[0]]&protocol.FlagSuspend != 0, false)
}

func (s *suite) schedules() {
	c := s.dial()
	s.Queue(2)
	ids := s.ids(c.Envelopes(ctx))
	// New mail is due, and an envelope that is due must not be scheduled again.
	s.want("schedule what is not there", s.act(c, protocol.ScheduleEnvelope, ids[0]+1<<32), 0)
	s.want("still there, as the mta is paused", len(s.ids(c.Envelopes(ctx))), 2)
}

func (s *suite) removes() {
	c := s.dial()
	s.Queue(3)
	ids := s.ids(c.Envelopes(ctx))
	s.want("removed", s.act(c, protocol.RemoveEnvelope, ids[1]), 1)
	s.want("removed again", s.act(c, protocol.RemoveEnvelope, ids[1]), 0)
	s.want("left", s.ids(c.Envelopes(ctx)), []protocol.EnvelopeID{ids[0], ids[2]})
}

// byMessage sends requests by message id, which the client never sends for a single
// envelope.
func (s *suite) byMessage() {
	c := s.dial()
	s.Queue(3)
	s.Queue(1)
	ids := s.ids(c.Envelopes(ctx))
	msg := ids[1].Msg()
	n := 0
	for _, id := range ids {
		if id.Msg() == msg {
			n++
		}
	}
	raw := s.raw()
	defer raw.Close()
	l := protocol.HostLayout()
	id := make([]byte, 8)
	l.Order.PutUint64(id, uint64(msg))
	s.want("pause a message", s.ask(raw, protocol.TypePauseEnvelope, protocol.Version, id), protocol.TypeOK)
	for e, f := range s.flags(c) {
		s.want("suspended", f&protocol.FlagSuspend != 0, e.Msg() == msg)
	}
	s.want("pause it again", s.ask(raw, protocol.TypePauseEnvelope, protocol.Version, id), protocol.TypeFail)
	s.want("remove a message", s.ask(raw, protocol.TypeRemove, protocol.Version, id), protocol.TypeOK)
	s.want("left", len(s.ids(c.Envelopes(ctx))), 4-n)
}

func (s *suite) missing() {
	c := s.dial()
	for _, a := range []protocol.Action{protocol.PauseEnvelope, protocol.ResumeEnvelope, protocol.RemoveEnvelope, protocol.ScheduleEnvelope} {
		s.want(a.String(), s.act(c, a, 0x1234567812345678), 0)
	}
	s.want("envelopes of it", len(s.ids(c.MessageEnvelopes(ctx, 0x1234567800000000))), 0)
}

func (s *suite) discovers() {
	c := s.dial()
	n, err := c.DiscoverMessage(ctx, 0x12345678)
	s.want("discover a message", fmt.Sprint(n, err), "0 <nil>")
	n, err = c.DiscoverEnvelope(ctx, 0x1234567812345678)
	s.want("discover an envelope", fmt.Sprint(n, err), "0 <nil>")
}

func (s *suite) pipelines() {
	c := s.dial()
	s.Queue(200)
	ids := s.ids(c.Envelopes(ctx))
	var order []protocol.EnvelopeID
	_, err := c.Act(ctx, protocol.PauseEnvelope, ids, func(id protocol.EnvelopeID, ok bool) {
		if ok {
			order = append(order, id)
		}
	})
	s.want("pause", err, nil)
	s.want("answers in order", slices.Equal(order, ids), true)
	s.want("remove", s.act(c, protocol.RemoveEnvelope, ids...), 200)
}

func (s *suite) oneConnection() {
	c := s.dial()
	for range 200 {
		if _, err := c.Status(ctx); err != nil {
			s.Fatal(err)
		}
	}
	s.want("alive", c.Alive(), true)
}
