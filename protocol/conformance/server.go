package conformance

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
)

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
	for _, r := range []protocol.Report{protocol.Hosts, protocol.Relays, protocol.Routes, protocol.HostStats, protocol.PausedRoutes} {
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
		for line, err := range c.Lines(ctx, protocol.PausedRoutes) {
			if err != nil {
				s.Fatal(err)
			}
			out = append(out, line)
		}
		slices.Sort(out)
		return out
	}
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	s.want("block", c.PauseMTAFor(ctx, four, "a.example"), nil)
	s.want("block", c.PauseMTAFor(ctx, six, "b.example"), nil)
	s.want("blocks", list(), []string{"192.0.2.1 -> a.example", "[2001:db8::1] -> b.example"})
	s.want("unblock", c.ResumeMTAFor(ctx, four, "a.example"), nil)
	s.want("unblock what is not there", c.ResumeMTAFor(ctx, four, "z.example"), nil)
	s.want("unblock", c.ResumeMTAFor(ctx, six, "b.example"), nil)
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
	s.want("resume all routes", c.ResumeRoute(ctx, 0), protocol.ErrAllRoutes)
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
