// Package conformance checks that an smtpd speaks the control protocol as this
// project takes it to be spoken. It runs unchanged against the simulation and
// against the smtpd of every release.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
)

// A Target is an smtpd to check. Its mta is paused, its queue empty, and it has
// a table "aliases" that can be read again.
type Target struct {
	Socket string
	// Send makes the smtpd accept one message with so many recipients.
	Send func(recipients int)
}

type suite struct {
	*testing.T
	Target
}

var ctx = context.Background()

// Run runs all checks, each with an empty queue.
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
		if _, err := c.Act(ctx, protocol.RemoveEnvelope, ids, func(protocol.EvpID, bool) {}); err != nil {
			s.Fatal(err)
		}
	}
	c.Close()
}

func (s *suite) ids(list func(func(*protocol.Envelope, error) bool)) []protocol.EvpID {
	s.Helper()
	var out []protocol.EvpID
	for e, err := range list {
		if err != nil {
			s.Fatal(err)
		}
		out = append(out, e.ID)
	}
	return out
}

// Queue puts one message with so many recipients into the queue, and waits until
// it is there.
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
func (s *suite) flags(c *protocol.Conn) map[protocol.EvpID]protocol.Flags {
	s.Helper()
	out := map[protocol.EvpID]protocol.Flags{}
	for e, err := range c.Envelopes(ctx) {
		if err != nil {
			s.Fatal(err)
		}
		out[e.ID] = e.Flags
	}
	return out
}

// act does something to envelopes and returns to how many smtpd said OK.
func (s *suite) act(c *protocol.Conn, a protocol.Action, ids ...protocol.EvpID) int {
	s.Helper()
	n := 0
	if _, err := c.Act(ctx, a, ids, func(_ protocol.EvpID, ok bool) {
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

func (s *suite) pauses() {
	c := s.dial()
	for _, sub := range []protocol.Subsystem{protocol.MDA, protocol.SMTP} {
		s.want("pause", c.Pause(ctx, sub), nil)
		s.want("pause again is refused", errors.Is(c.Pause(ctx, sub), protocol.ErrRefused), true)
		st, err := c.Status(ctx)
		s.want("status", err, nil)
		s.want(sub.String()+" is paused", st.Paused(sub), true)
		s.want("resume", c.Resume(ctx, sub), nil)
		s.want("resume again is refused", errors.Is(c.Resume(ctx, sub), protocol.ErrRefused), true)
	}
	s.want("pausing a paused mta is refused", errors.Is(c.Pause(ctx, protocol.MTA), protocol.ErrRefused), true)
}

func (s *suite) digest() {
	c := s.dial()
	before, err := c.Digest(ctx)
	s.want("digest", err, nil)
	s.Queue(2)
	after, err := c.Digest(ctx)
	s.want("digest", err, nil)
	s.want("enqueued", after.Enqueued-before.Enqueued, 2)
	if now := time.Now().Unix(); after.Timestamp < now-5 || after.Timestamp > now+5 || after.Startup > now || after.Startup < now-3600 {
		s.Errorf("startup %d, timestamp %d, now %d", after.Startup, after.Timestamp, now)
	}
}

func (s *suite) stats() {
	c := s.dial()
	s.Queue(3)
	stats := map[string]protocol.Stat{}
	for st, err := range c.Stats(ctx) {
		if err != nil {
			s.Fatal(err)
		}
		if _, twice := stats[st.Key]; twice {
			s.Errorf("%s comes twice", st.Key)
		}
		stats[st.Key] = st
	}
	s.want("scheduler.envelope", stats["scheduler.envelope"].Value, 3)
	if n := stats["control.session"].Value; n < 1 || n > 3 { // others may be closing
		s.Errorf("control.session: %d", n)
	}
	up := stats["uptime"]
	s.want("uptime is a time", up.Kind, protocol.StatTimestamp)
	if ago := time.Now().Unix() - up.Value; ago < 0 || ago > 3600 {
		s.Errorf("smtpd started %d seconds ago", ago)
	}
}

func (s *suite) reports() {
	c := s.dial()
	for _, r := range []protocol.Report{protocol.Hosts, protocol.Relays, protocol.Routes, protocol.HostStats, protocol.Blocks} {
		for line, err := range c.Lines(ctx, r) {
			if err != nil {
				s.Fatalf("%s: %v", r.Name, err)
			}
			if line == "" || strings.ContainsAny(line, "\x00\n") {
				s.Errorf("%s: line %q", r.Name, line)
			}
		}
	}
}

func (s *suite) blocks() {
	c := s.dial()
	list := func() (out []string) {
		for line, err := range c.Lines(ctx, protocol.Blocks) {
			if err != nil {
				s.Fatal(err)
			}
			out = append(out, line)
		}
		slices.Sort(out)
		return out
	}
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	s.want("block", c.Block(ctx, four, "a.example"), nil)
	s.want("block", c.Block(ctx, six, "b.example"), nil)
	s.want("blocks", list(), []string{"192.0.2.1 -> a.example", "[2001:db8::1] -> b.example"})
	s.want("unblock", c.Unblock(ctx, four, "a.example"), nil)
	s.want("unblock what is not there", c.Unblock(ctx, four, "z.example"), nil)
	s.want("unblock", c.Unblock(ctx, six, "b.example"), nil)
	s.want("blocks", len(list()), 0)
}

func (s *suite) acknowledged() {
	c := s.dial()
	for _, b := range protocol.TraceBits {
		s.want("trace "+b.Name, c.Trace(ctx, b.Mask, true), nil)
		s.want("untrace "+b.Name, c.Trace(ctx, b.Mask, false), nil)
	}
	for _, b := range protocol.ProfileBits {
		s.want("profile "+b.Name, c.Profile(ctx, b.Mask, true), nil)
		s.want("unprofile "+b.Name, c.Profile(ctx, b.Mask, false), nil)
	}
	s.want("log verbose", c.Verbose(ctx, true), nil)
	s.want("log brief", c.Verbose(ctx, false), nil)
	s.want("resume a route that is not there", c.ResumeRoute(ctx, 123456), nil)
	s.want("resume all routes", c.ResumeRoute(ctx, 0), nil)
}

func (s *suite) tables() {
	c := s.dial()
	s.want("update table aliases", c.UpdateTable(ctx, "aliases"), nil)
	for _, name := range []string{"nosuchtable", strings.Repeat("x", 2047)} {
		if err := c.UpdateTable(ctx, name); !errors.Is(err, protocol.ErrRefused) {
			s.Errorf("update table %.12s: %v, want it refused", name, err)
		}
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
	var last protocol.EvpID
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

// batches lists a message of more envelopes than one batch holds.
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
	var msgs []protocol.MsgID
	for m, err := range c.Messages(ctx, ids[2].Msg()) {
		if err != nil {
			s.Fatal(err)
		}
		msgs = append(msgs, m)
	}
	s.want("messages", msgs, []protocol.MsgID{ids[2].Msg(), ids[4].Msg(), ids[6].Msg()})
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
	// New mail is due, and what is due must not be scheduled again.
	s.want("schedule what is not there", s.act(c, protocol.ScheduleEnvelope, ids[0]+1<<32), 0)
	s.want("still there, as the mta is paused", len(s.ids(c.Envelopes(ctx))), 2)
}

func (s *suite) removes() {
	c := s.dial()
	s.Queue(3)
	ids := s.ids(c.Envelopes(ctx))
	s.want("removed", s.act(c, protocol.RemoveEnvelope, ids[1]), 1)
	s.want("removed again", s.act(c, protocol.RemoveEnvelope, ids[1]), 0)
	s.want("left", s.ids(c.Envelopes(ctx)), []protocol.EvpID{ids[0], ids[2]})
}

// byMessage sends ids of messages, which the client never does for envelopes.
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
	var order []protocol.EvpID
	_, err := c.Act(ctx, protocol.PauseEnvelope, ids, func(id protocol.EvpID, ok bool) {
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

// raw opens a connection without a client.
func (s *suite) raw() net.Conn {
	s.Helper()
	nc, err := net.Dial("unix", s.Socket)
	if err != nil {
		s.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(5 * time.Second))
	return nc
}

// ask sends a frame and returns the type of the first one that comes back, 0
// if none does.
func (s *suite) ask(nc net.Conn, t protocol.Type, version uint32, payload []byte) protocol.Type {
	s.Helper()
	f, err := exchange(nc, protocol.Frame{Type: t, PeerID: version, Payload: payload})
	if err != nil {
		return 0
	}
	return f.Type
}

func exchange(nc net.Conn, f protocol.Frame) (protocol.Frame, error) {
	l := protocol.HostLayout()
	b, err := l.AppendFrame(nil, f)
	if err != nil {
		return protocol.Frame{}, err
	}
	if _, err := nc.Write(b); err != nil {
		return protocol.Frame{}, err
	}
	return protocol.NewFrameReader(nc, l).Next()
}

// version speaks a later version: the answer is a FAIL with smtpd's own.
func (s *suite) version() {
	nc := s.raw()
	defer nc.Close()
	f, err := exchange(nc, protocol.Frame{Type: protocol.TypeShowStatus, PeerID: protocol.Version + 1})
	s.want("error", err, nil)
	s.want("answer", f.Type, protocol.TypeFail)
	s.want("version", f.PeerID, protocol.Version)
}

// unknownType sends a type that smtpd does not know: nothing comes back.
func (s *suite) unknownType() {
	nc := s.raw()
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(300 * time.Millisecond))
	s.want("answer", s.ask(nc, 18, protocol.Version, nil), protocol.Type(0))
	c := s.dial()
	_, err := c.Status(ctx)
	s.want("status", err, nil)
}

// connectionLimit opens as many connections as one user may have, and one more.
func (s *suite) connectionLimit() {
	const limit = 32
	time.Sleep(100 * time.Millisecond) // for those of earlier checks to be closed
	for i := range limit {
		nc := s.raw()
		defer nc.Close()
		if got := s.ask(nc, protocol.TypeShowStatus, protocol.Version, nil); got != protocol.TypeShowStatus {
			s.Fatalf("connection %d: %v", i+1, got)
		}
	}
	nc := s.raw()
	defer nc.Close()
	s.want("one more", s.ask(nc, protocol.TypeShowStatus, protocol.Version, nil), protocol.Type(0))
}
