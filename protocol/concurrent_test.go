package protocol_test

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// each runs through a sequence and returns how long it was, or its error.
func each[T any](seq iter.Seq2[T, error]) any {
	n := 0
	for v, err := range seq {
		if err != nil {
			return err
		}
		_ = fmt.Sprint(v)
		n++
	}
	return n
}

// questions are all the methods of a Conn that use the connection, with the
// answer that each has to have whatever the others do at the same time.
func questions(c *protocol.Conn, ids []protocol.EnvelopeID) map[string]func() (got, want any) {
	all := len(ids)
	last := ids[all-1]
	msgs := []protocol.MessageID{ids[0].Msg(), last.Msg()}
	never := func(*protocol.Envelope, error) bool { return false }
	src := netip.MustParseAddr("192.0.2.1")
	// A request that is answered by OK or FAIL; which of them depends on others.
	acknowledged := func(f func() error) func() (any, any) {
		return func() (any, any) {
			if err := f(); err != nil && !errors.Is(err, protocol.ErrRefused) {
				return err, "an OK or a FAIL"
			}
			return true, true
		}
	}
	return map[string]func() (got, want any){
		"Alive": func() (any, any) { return c.Alive(), true },
		"Err":   func() (any, any) { return c.Err(), nil },
		"Status": func() (any, any) {
			st, err := c.Status(ctx)
			return fmt.Sprint(st.Paused(protocol.SMTP), err), "true <nil>"
		},
		"Digest":   func() (any, any) { d, err := c.Digest(ctx); return fmt.Sprint(d.Startup > 1e9, err), "true <nil>" },
		"Messages": func() (any, any) { return each(c.Messages(ctx, 0)), all },
		"Stats": func() (any, any) {
			n := each(c.Stats(ctx))
			i, ok := n.(int)
			return fmt.Sprint(ok && i > 5, n), fmt.Sprint(true, n)
		},
		"Envelopes":        func() (any, any) { return each(c.Envelopes(ctx)), all },
		"EnvelopesFrom":    func() (any, any) { return each(c.EnvelopesFrom(ctx, last.Msg())), 1 },
		"EnvelopesLimit":   func() (any, any) { n, ok := each(c.EnvelopesLimit(ctx, 0, 2)).(int); return ok && n >= 2, true },
		"EnvelopesOf":      func() (any, any) { return each(c.EnvelopesOf(ctx, msgs)), 2 },
		"EnvelopesUpTo":    func() (any, any) { return each(c.EnvelopesUpTo(ctx, []protocol.EnvelopeID{ids[0], last})), 2 },
		"MessageEnvelopes": func() (any, any) { return each(c.MessageEnvelopes(ctx, last)), 1 },
		"Find":             func() (any, any) { return each(c.Find(ctx, []protocol.EnvelopeID{ids[0], ids[0] + 1, last})), 2 },
		"Lines":            func() (any, any) { return each(c.Lines(ctx, protocol.PausedRoutes)), 1 },
		"SingleRecipientMessages": func() (any, any) {
			ids, _, _, err := c.SingleRecipientMessages(ctx)
			return fmt.Sprint(len(ids) == all, err), "true <nil>"
		},
		"Inflight": func() (any, any) {
			n, err := c.Inflight(ctx)
			return fmt.Sprint(n, err), "0 <nil>"
		},
		"DiscoverEnvelope": func() (any, any) {
			n, err := c.DiscoverEnvelope(ctx, last+1)
			return fmt.Sprint(n, err), "0 <nil>"
		},
		"DiscoverMessage": func() (any, any) {
			n, err := c.DiscoverMessage(ctx, last.Msg()+1)
			return fmt.Sprint(n, err), "0 <nil>"
		},
		"DiscoverMessages": func() (any, any) {
			n := 0
			_, err := c.DiscoverMessages(ctx, []protocol.MessageID{last.Msg() + 1, last.Msg() + 2}, func(protocol.MessageID, uint64) { n++ })
			return fmt.Sprint(n, err), "2 <nil>"
		},
		"Act": func() (any, any) {
			n := 0
			_, err := c.Act(ctx, protocol.PauseEnvelope, []protocol.EnvelopeID{last + 1, last + 2}, func(protocol.EnvelopeID, bool) { n++ })
			return fmt.Sprint(n, err), "2 <nil>"
		},
		"ActMessages": func() (any, any) {
			n := 0
			_, err := c.ActMessages(ctx, protocol.PauseEnvelope, []protocol.MessageID{last.Msg() + 1}, func(protocol.MessageID, bool) { n++ })
			return fmt.Sprint(n, err), "1 <nil>"
		},
		"ActAll": func() (any, any) {
			n, err := c.ActAll(ctx, protocol.RemoveEnvelope, 0, protocol.ActPlan{Choose: never})
			return fmt.Sprint(n, err), "0 <nil>"
		},
		"ActIn": func() (any, any) {
			n, err := c.ActIn(ctx, protocol.RemoveEnvelope, msgs, protocol.ActPlan{Choose: never})
			return fmt.Sprint(n, err), "0 <nil>"
		},
		"Pause":        acknowledged(func() error { return c.Pause(ctx, protocol.MTA) }),
		"Resume":       acknowledged(func() error { return c.Resume(ctx, protocol.MTA) }),
		"PauseMTAFor":  acknowledged(func() error { return c.PauseMTAFor(ctx, src, "other.example") }),
		"ResumeMTAFor": acknowledged(func() error { return c.ResumeMTAFor(ctx, src, "none.example") }),
		"Profile":      acknowledged(func() error { return c.Profile(ctx, 2, true) }),
		"Trace":        acknowledged(func() error { return c.Trace(ctx, 2, false) }),
		"Verbose":      acknowledged(func() error { return c.Verbose(ctx, true) }),
		"ResumeRoute":  acknowledged(func() error { return c.ResumeRoute(ctx, 7) }),
		"Far":          func() (any, any) { return fmt.Sprint(c.Far(), c.Err()), "false <nil>" },
		"Distant":      acknowledged(func() error { return c.Distant(ctx, 0) }),
		"UpdateTable":  acknowledged(func() error { return c.UpdateTable(ctx, "none") }),
	}
}

// TestConcurrent asks everything that a Conn can be asked from several goroutines
// at once: each gets its own answer. Under -race no answer is read while another
// one arrives.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s, c := connect(t, smtpdsim.Config{}, protocol.Options{Timeout: time.Minute})
	ids := fillSim(s, 20, one)
	if err := c.Pause(ctx, protocol.SMTP); err != nil {
		t.Fatal(err)
	}
	if err := c.PauseMTAFor(ctx, netip.MustParseAddr("192.0.2.1"), "other.example"); err != nil {
		t.Fatal(err)
	}
	asked := questions(c, ids)
	methods := reflect.TypeOf(c)
	for i := range methods.NumMethod() {
		if name := methods.Method(i).Name; asked[name] == nil && name != "Close" {
			t.Errorf("%s is not asked here", name)
		}
	}
	var wg sync.WaitGroup
	for name, ask := range asked {
		for range 3 {
			wg.Go(func() {
				for range 15 {
					if got, want := ask(); got != want {
						t.Errorf("%s: got %v, want %v", name, got, want)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	// No call may be made after the connection is closed, and none may hang.
	c.Close()
	for name, ask := range asked {
		wg.Go(func() {
			if got, want := ask(); got == want {
				t.Errorf("%s: %v of a closed connection", name, got)
			}
		})
	}
	wg.Wait()
}
