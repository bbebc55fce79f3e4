package suggest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// simulated connects to a simulated smtpd.
func simulated(t *testing.T, cfg smtpdsim.Config) (*smtpdsim.Server, *protocol.Conn) {
	t.Helper()
	s, path := simtest.Start(t, cfg)
	c, err := protocol.Dial(context.Background(), path, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func texts(items []completer.Suggestion) []string {
	var out []string
	for _, s := range items {
		out = append(out, s.Text)
	}
	return out
}

// TestFetchIDsIsCheap asks for ids in a large queue: what is read does not grow
// with it.
func TestFetchIDsIsCheap(t *testing.T) {
	for _, n := range []int{100, 50_000} {
		s, c := simulated(t, smtpdsim.Config{Messages: n, Seed: 3})
		s.Add(smtpdsim.Envelope{ID: 0xb1b1b1b100000001}, smtpdsim.Envelope{ID: 0xb1b1b1b100000002})
		for _, prefix := range []string{"", "b", "b1b1", "b1b1b1b1", "b1b1b1b10000000"} {
			got := texts(fetchIDs(context.Background(), c, "selector", prefix))
			for _, id := range got {
				if !strings.HasPrefix(id, prefix) {
					t.Errorf("%d messages, %q: %s", n, prefix, id)
				}
			}
			if len(prefix) > 3 && !slices.Contains(got, "b1b1b1b100000002") {
				t.Errorf("%d messages, %q: %v", n, prefix, got)
			}
			if prefix == "b1b1b1b1" && got[0] != "b1b1b1b1" {
				t.Errorf("the message of two recipients is not offered first: %v", got)
			}
		}
		if asked := s.Requests(protocol.TypeListEnvelopes) + s.Requests(protocol.TypeListMessages); asked > 5*3*fetchItems {
			t.Errorf("%d messages: %d requests", n, asked)
		}
	}
}

func TestSearchAddressStops(t *testing.T) {
	_, c := simulated(t, smtpdsim.Config{Messages: 5000, Seed: 3})
	got := searchAddress(context.Background(), c, "envelope", "nobody@nowhere", 1000, func([]completer.Suggestion) {})
	if len(got) != 1 || got[0].Description != "(stopped after 1000 envelopes)" {
		t.Errorf("%v", got)
	}
	got = searchAddress(context.Background(), c, "envelope", "nobody@nowhere", maxSearched, func([]completer.Suggestion) {})
	if len(got) != 0 {
		t.Errorf("%v", got)
	}
	got = searchAddress(context.Background(), c, "message", "alice", maxSearched, func([]completer.Suggestion) {})
	if len(got) != fetchItems+1 || len(got[0].Text) != 8 {
		t.Errorf("%d found, the first %v", len(got), got[0])
	}
	if _, err := c.Status(context.Background()); err != nil {
		t.Errorf("the connection after searches that stopped: %v", err)
	}
}
