package suggest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
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
			list, _ := fetchIDs(context.Background(), c, "selector", prefix)
			got := texts(list)
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
	found := func(kind, text string, most int) []completer.Suggestion {
		s := search{idWish: idWish{kind: kind, typed: text, text: text}, most: most, show: func(completer.Found) {}}
		return s.run(context.Background(), c).List
	}
	got := found("envelope", "nobody@nowhere", 1000)
	if len(got) != 1 || got[0].Description != "(stopped after 1000 envelopes)" {
		t.Errorf("%v", got)
	}
	got = found("envelope", "nobody@nowhere", maxSearched)
	if len(got) != 0 {
		t.Errorf("%v", got)
	}
	got = found("message", "alice", maxSearched)
	if len(got) != fetchItems+1 || len(got[0].Text) != 8 {
		t.Errorf("%d found, the first %v", len(got), got[0])
	}
	if _, err := c.Status(context.Background()); err != nil {
		t.Errorf("the connection after searches that stopped: %v", err)
	}
}

// offered returns what is offered after some words, once it has been fetched.
func offered(t *testing.T, cfg smtpdsim.Config, kind string, path []string, prefix string, envelopes ...smtpdsim.Envelope) completer.Found {
	t.Helper()
	s, c := simulated(t, cfg)
	s.Add(envelopes...)
	l := NewSource(func(context.Context, string) (*protocol.Conn, error) { return c, nil }, func() string { return "" }, func() {})
	l.Wait = 10 * time.Second
	return l.Values(&grammar.Kind{Name: kind}, path, prefix)
}

// TestTermsNarrow offers only ids and values that the terms before them leave.
func TestTermsNarrow(t *testing.T) {
	cfg := smtpdsim.Config{Messages: 500, Seed: 3}
	here := smtpdsim.Envelope{ID: 0xb1b1b1b100000001, Text: "version: 3\ntype: mta\nsender: a@here.example\ndest: b@there.example\nctime: 1\n"}
	path := []string{"show", "queue", "domain=there.example"}
	found := offered(t, cfg, "query", path, "b", here)
	if got := texts(found.List); !slices.Contains(got, "b1b1b1b100000001") || slices.ContainsFunc(found.List, func(s completer.Suggestion) bool {
		return s.Class == completer.ID && s.Text != "b1b1b1b100000001"
	}) {
		t.Errorf("%v", got)
	}
	if got := texts(offered(t, cfg, "query", path, "from=", here).List); len(got) != 1 || got[0] != "from=a@here.example" {
		t.Errorf("%v", got)
	}
	found = offered(t, cfg, "query", []string{"show", "queue", "type=mta"}, "", here)
	if found.More < 300 {
		t.Errorf("%d more", found.More)
	}
}

// TestValuesContain offers values that contain what was typed, after those that begin
// with it, and regular expressions after ~.
func TestValuesContain(t *testing.T) {
	envelope := func(id protocol.EnvelopeID, domain string) smtpdsim.Envelope {
		return smtpdsim.Envelope{ID: id, Text: "version: 3\ntype: mta\nsender: a@x.example\ndest: b@" + domain + "\nctime: 1\n"}
	}
	all := []smtpdsim.Envelope{envelope(0xb1b1b1b100000001, "mail.org"), envelope(0xb1b1b1b200000001, "a.mail.org"), envelope(0xb1b1b1b300000001, "other.net")}
	for prefix, want := range map[string]string{
		"domain=mail": "domain=mail.org domain=a.mail.org", "domain!=net": "domain!=other.net", "domain~mail": `domain~mail\.org domain~a\.mail\.org`,
	} {
		if got := strings.Join(texts(offered(t, smtpdsim.Config{}, "query", []string{"show", "queue"}, prefix, all...).List), " "); got != want {
			t.Errorf("%s: %q, want %q", prefix, got, want)
		}
	}
}

func TestStatistics(t *testing.T) {
	path := []string{"wait", "stats"}
	got := texts(offered(t, smtpdsim.Config{}, "statistic", path, "scheduler.env").List)
	if !slices.Contains(got, "scheduler.envelope=") {
		t.Errorf("%v", got)
	}
	got = texts(offered(t, smtpdsim.Config{}, "statistic", path, "control.session=").List)
	if len(got) != 3 || got[0] != "control.session=1" || got[1] != "control.session=1-" {
		t.Errorf("%v", got)
	}
	if got = texts(offered(t, smtpdsim.Config{}, "statistic", append(path, "control.session=1"), "f").List); len(got) == 0 || got[0] != "for" {
		t.Errorf("%v", got)
	}
}
