package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

var ctx = context.Background()

// connect connects to a simulated smtpd.
func connect(t testing.TB, cfg smtpdsim.Config, opts protocol.Options) (*smtpdsim.Server, *protocol.Conn) {
	t.Helper()
	s, path := simtest.Start(t, cfg)
	c, err := protocol.Dial(ctx, path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/file"
	os.WriteFile(file, nil, 0o600)
	for path, want := range map[string]error{
		dir + "/none": protocol.ErrNotRunning,
		file:          protocol.ErrNotRunning,
	} {
		if _, err := protocol.Dial(ctx, path, protocol.Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if _, err := protocol.Dial(ctx, "/"+strings.Repeat("x", 200), protocol.Options{}); err == nil || protocol.Unreachable(err) {
		t.Errorf("a path that is too long: %v", err)
	}
}

func TestPauseAndStatus(t *testing.T) {
	_, c := connect(t, smtpdsim.Config{}, protocol.Options{})
	for _, sub := range protocol.Subsystems {
		if err := c.Pause(ctx, sub); err != nil {
			t.Errorf("pause %v: %v", sub, err)
		}
		if err := c.Pause(ctx, sub); !errors.Is(err, protocol.ErrRefused) {
			t.Errorf("pause %v again: %v, want ErrRefused", sub, err)
		}
		if st, err := c.Status(ctx); err != nil || !st.Paused(sub) {
			t.Errorf("status of %v: %v, %v, want paused", sub, st, err)
		}
	}
	if err := c.Resume(ctx, protocol.MTA); err != nil {
		t.Error(err)
	}
	if st, _ := c.Status(ctx); st.Paused(protocol.MTA) || !st.Paused(protocol.MDA) {
		t.Errorf("status %v after resume mta", st)
	}
}

func TestBlocks(t *testing.T) {
	for _, l := range []protocol.Layout{{}, protocol.LayoutFor("openbsd", "amd64"), protocol.LayoutFor("linux", "s390x"), protocol.LayoutFor("darwin", "arm64")} {
		_, c := connect(t, smtpdsim.Config{Layout: l}, protocol.Options{Layout: l})
		for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
			if err := c.PauseMTAFor(ctx, netip.MustParseAddr(a), "x.example"); err != nil {
				t.Error(err)
			}
		}
		want := []string{"192.0.2.1 -> x.example", "[2001:db8::1] -> x.example"}
		var got []string
		for line, err := range c.Lines(ctx, protocol.PausedRoutes) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("blocks %q, want %q", got, want)
		}
	}
}

func TestStatsInEveryLayout(t *testing.T) {
	for _, l := range []protocol.Layout{
		{}, protocol.LayoutFor("linux", "386"), protocol.LayoutFor("openbsd", "386"),
		protocol.LayoutFor("openbsd", "arm"), protocol.LayoutFor("linux", "s390x"),
	} {
		_, c := connect(t, smtpdsim.Config{Layout: l, Messages: 3}, protocol.Options{Layout: l})
		got := map[string]int64{}
		for st, err := range c.Stats(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			got[st.Key] = st.Value
		}
		if got["scheduler.envelope"] != 3 || got["uptime"] < time.Now().Unix()-7200 {
			t.Errorf("stats %v", got)
		}
		if got := ids(t, c.Envelopes(ctx)); len(got) != 3 {
			t.Errorf("listed %v, want 3 envelopes", got)
		}
		if d, err := c.Digest(ctx); err != nil || d.Enqueued-d.Dequeued != 3 {
			t.Errorf("digest %+v, %v", d, err)
		}
	}
}

// ids reads a listing to its end.
func ids(t testing.TB, list func(func(*protocol.Envelope, error) bool)) []protocol.EnvelopeID {
	t.Helper()
	var got []protocol.EnvelopeID
	for e, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.ID)
	}
	return got
}

func TestListingStopsEarly(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{Messages: 5000}, protocol.Options{})
	for range 3 {
		n := 0
		for _, err := range c.Envelopes(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10 {
				break
			}
		}
		if _, err := c.Status(ctx); err != nil {
			t.Fatalf("after a listing that was left: %v", err)
		}
	}
	if n := s.Requests(protocol.TypeListEnvelopes); n > 3*2*(10+128) {
		t.Errorf("%d requests for 10 envelopes three times", n)
	}
	before := s.Requests(protocol.TypeListEnvelopes)
	if got := ids(t, c.EnvelopesLimit(ctx, 0, 10)); len(got) < 10 {
		t.Errorf("limit of 10 gave %d", len(got))
	}
	if n := s.Requests(protocol.TypeListEnvelopes) - before; n > 40 {
		t.Errorf("%d requests for a limit of 10", n)
	}
}

func TestAct(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{Messages: 500}, protocol.Options{})
	all := ids(t, c.Envelopes(ctx))
	good, bad := 0, 0
	unconfirmed, err := c.Act(ctx, protocol.RemoveEnvelope, append(all[:100:100], 1<<32|7), func(_ protocol.EnvelopeID, ok bool) {
		if ok {
			good++
		} else {
			bad++
		}
	})
	if good != 100 || bad != 1 || unconfirmed != 0 || err != nil {
		t.Errorf("%d removed, %d refused, %d unconfirmed, %v", good, bad, unconfirmed, err)
	}
	if n := len(s.Envelopes()); n != 400 {
		t.Errorf("%d envelopes left, want 400", n)
	}
	if _, err := c.Act(ctx, protocol.RemoveEnvelope, []protocol.EnvelopeID{all[200], 0x12345678}, func(protocol.EnvelopeID, bool) {}); err == nil {
		t.Error("an id with an empty upper half was sent")
	}
	if n := len(s.Envelopes()); n != 400 {
		t.Errorf("%d envelopes left after a refused call, want 400", n)
	}
}

func TestVersionDiffers(t *testing.T) {
	_, c := connect(t, smtpdsim.Config{Version: 17}, protocol.Options{})
	_, err := c.Status(ctx)
	var ve *protocol.VersionError
	if !errors.As(err, &ve) || ve.Daemon != 17 {
		t.Errorf("%v, want a *VersionError with 17", err)
	}
}

func TestDenied(t *testing.T) {
	_, c := connect(t, smtpdsim.Config{Denied: true, Messages: 10}, protocol.Options{})
	if _, err := c.Status(ctx); !errors.Is(err, protocol.ErrPermission) {
		t.Errorf("status: %v", err)
	}
	for _, err := range c.Envelopes(ctx) {
		if !errors.Is(err, protocol.ErrPermission) {
			t.Errorf("listing: %v", err)
		}
	}
	if err := c.Pause(ctx, protocol.MTA); !errors.Is(err, protocol.ErrRefused) {
		t.Errorf("pause: %v", err)
	}
}

// TestFaults breaks the answers to each request at many places. Every request
// ends in time, with an error or right, and never with a wrong result.
func TestFaults(t *testing.T) {
	requests := map[string]func(*protocol.Conn) (string, error){
		"status": func(c *protocol.Conn) (string, error) { st, err := c.Status(ctx); return fmt.Sprint(st), err },
		"digest": func(c *protocol.Conn) (string, error) { _, err := c.Digest(ctx); return "", err },
		"pause":  func(c *protocol.Conn) (string, error) { return "", c.Pause(ctx, protocol.MTA) },
		"stats": func(c *protocol.Conn) (string, error) {
			var keys []string
			for st, err := range c.Stats(ctx) {
				if err != nil {
					return "", err
				}
				keys = append(keys, st.Key)
			}
			return fmt.Sprint(keys), nil
		},
		"routes": func(c *protocol.Conn) (string, error) {
			var lines []string
			for line, err := range c.Lines(ctx, protocol.Routes) {
				if err != nil {
					return "", err
				}
				line, _, _ = strings.Cut(line, " nconn") // what follows changes
				lines = append(lines, line)
			}
			return fmt.Sprint(lines), nil
		},
		"queue": func(c *protocol.Conn) (string, error) {
			var ids []protocol.EnvelopeID
			for e, err := range c.Envelopes(ctx) {
				if err != nil {
					return "", err
				}
				ids = append(ids, e.ID)
			}
			return fmt.Sprint(ids), nil
		},
		"discover": func(c *protocol.Conn) (string, error) { n, err := c.DiscoverMessage(ctx, 7); return fmt.Sprint(n), err },
		"discover several": func(c *protocol.Conn) (string, error) {
			var found []uint64
			msgs := make([]protocol.MessageID, 100)
			for i := range msgs {
				msgs[i] = protocol.MessageID(i + 1)
			}
			left, err := c.DiscoverMessages(ctx, msgs, func(_ protocol.MessageID, n uint64) { found = append(found, n) })
			var open *protocol.UnansweredError
			if (err != nil) != (len(found) < len(msgs)) || left > len(msgs)-len(found) || left > 0 && errors.As(err, &open) == errors.Is(err, protocol.ErrRefused) {
				t.Errorf("%d answers, %d unconfirmed: %v", len(found), left, err)
			}
			return fmt.Sprint(found), err
		},
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type fault struct {
				what string
				at   int64
			}
			var now atomic.Pointer[fault]
			_, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Fault: func(c net.Conn) net.Conn {
				f := now.Load()
				return smtpdsim.Break(c, f.what, f.at)
			}})
			// What must succeed has all the time that a busy machine needs; what fails waits in vain.
			timeout := time.Minute
			dial := func() *protocol.Conn {
				c, err := protocol.Dial(ctx, path, protocol.Options{Timeout: timeout})
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			now.Store(&fault{"split", 0})
			c := dial()
			right, err := request(c)
			if err != nil {
				t.Fatalf("split at every byte: %v", err)
			}
			c.Close()
			if name == "pause" {
				now.Store(&fault{"none", 1 << 40})
				c := dial()
				c.Resume(ctx, protocol.MTA)
				c.Close()
			}
			timeout = 100 * time.Millisecond
			for _, w := range []string{"hangup", "garbage", "stall", "flood"} {
				for _, n := range []int64{0, 1, 4, 8, 15, 16, 17, 20, 40, 100, 300, 1100} {
					now.Store(&fault{w, n})
					c := dial()
					start := time.Now()
					got, err := request(c)
					if took := time.Since(start); took > 30*time.Second {
						t.Errorf("%s at %d took %v", w, n, took)
					}
					if err == nil && got != right && w != "garbage" && w != "flood" {
						t.Errorf("%s at %d: %s, want %s or an error", w, n, got, right)
					}
					if err != nil && (w == "stall" || w == "hangup") && !protocol.Unreachable(err) && !errors.Is(err, protocol.ErrRefused) {
						t.Errorf("%s at %d: %v, want it to be unreachable", w, n, err)
					}
					c.Close()
				}
			}
		})
	}
}

func TestCancelKeepsOrder(t *testing.T) {
	_, c := connect(t, smtpdsim.Config{Messages: 20000}, protocol.Options{})
	for range 20 {
		ctx, cancel := context.WithCancel(ctx)
		n := 0
		var last error
		for _, err := range c.Envelopes(ctx) {
			last = err
			if n++; n == 100 {
				cancel()
			}
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Fatalf("after %d envelopes: %v, want it cancelled", n, last)
		}
		if _, err := c.Status(context.Background()); err != nil {
			t.Fatalf("the connection did not survive: %v", err)
		}
	}
}

func TestAlive(t *testing.T) {
	s, c := connect(t, smtpdsim.Config{}, protocol.Options{})
	if !c.Alive() {
		t.Error("a new connection is not alive")
	}
	if _, err := c.Status(ctx); err != nil || !c.Alive() {
		t.Errorf("not alive after a request: %v", err)
	}
	s.Close()
	if c.Alive() {
		t.Error("alive after smtpd has gone")
	}
}

func TestTooManyConnections(t *testing.T) {
	_, path := simtest.Start(t, smtpdsim.Config{})
	var last error
	for range 40 {
		c, err := protocol.Dial(ctx, path, protocol.Options{Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, last = c.Status(ctx)
	}
	if !errors.Is(last, protocol.ErrHangup) {
		t.Errorf("connection 40: %v, want ErrHangup", last)
	}
}

func TestUnknownTypeIsNotAnswered(t *testing.T) {
	// discover by an id of zero must not get as far as the socket.
	s, c := connect(t, smtpdsim.Config{}, protocol.Options{})
	if _, err := c.DiscoverMessages(ctx, []protocol.MessageID{1, 0}, nil); err == nil {
		t.Error("message id 0 among several")
	}
	if _, err := c.DiscoverMessage(ctx, 0); err == nil {
		t.Error("discovered message 0")
	}
	if _, err := c.DiscoverEnvelope(ctx, 0xffffffff); err == nil {
		t.Error("discovered an envelope without a message")
	}
	for _, name := range []string{"", "a\x00b", strings.Repeat("x", 2048)} {
		if err := c.UpdateTable(ctx, name); err == nil {
			t.Errorf("table %.10q was sent", name)
		}
		if err := c.PauseMTAFor(ctx, netip.MustParseAddr("192.0.2.1"), name); err == nil {
			t.Errorf("domain %.10q was sent", name)
		}
	}
	for _, typ := range []protocol.Type{protocol.TypeDiscoverMessage, protocol.TypeDiscoverEnvelope, protocol.TypeUpdateTable, protocol.TypeBlock} {
		if n := s.Requests(typ); n != 0 {
			t.Errorf("%d requests of %v were sent", n, typ)
		}
	}
}
