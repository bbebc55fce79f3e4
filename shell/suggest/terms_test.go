package suggest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// TestDispatchers offers the actions of the queue, and where others may come, those of
// smtpd.conf as well.
func TestDispatchers(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "smtpd.conf")
	os.WriteFile(conf, []byte("action \"local*mail\" maildir\naction relay relay host smtp://x\naction $name relay\naction \"bad\x1b\" relay\n"), 0o600)
	s, c := simulated(t, smtpdsim.Config{Seed: 3})
	s.Add(smtpdsim.Envelope{ID: 0xb1b1b1b100000001, Text: "version: 3\ntype: mta\ndispatcher: relay\nsender: a@x.example\ndest: b@y.example\nctime: 1\n"})
	l := NewSource(func(context.Context, string) (*protocol.Conn, error) { return c, nil }, func() string { return "" }, func() {})
	l.Wait, l.Conf = 10*time.Second, conf
	for kind, want := range map[string]bool{"query": true, "condition": true, "held": true, "grouping": true, "selector": false, "scheduled": false} {
		got := texts(l.Values(&grammar.Kind{Name: kind}, []string{"show", "queue"}, "dispatcher=").List)
		if !slices.Contains(got, "dispatcher=relay") || slices.Contains(got, `dispatcher=local\*mail`) != want || len(got) > 4 || slices.Contains(got, "dispatcher=$name") {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// TestConfNames offers what smtpd.conf names, from the file that the source was given, whatever the
// smtpd.conf of this machine has.
func TestConfNames(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "smtpd.conf")
	os.WriteFile(conf, []byte("table aliases file:/etc/aliases\ntable \"bad\x1b\" { a }\naction x relay src 192.0.2.7\naction y relay src \"192.0.2.8\"\n"), 0o600)
	_, c := simulated(t, smtpdsim.Config{Seed: 3})
	l := NewSource(func(context.Context, string) (*protocol.Conn, error) { return c, nil }, func() string { return "" }, func() {})
	l.Wait, l.Conf = 10*time.Second, conf
	for _, tt := range []struct {
		kind string
		path []string
		want []string
	}{
		{"table", []string{"update", "table"}, []string{"aliases"}},
		{"address", []string{"pause", "mta", "from"}, []string{"192.0.2.7", "192.0.2.8"}},
	} {
		got := texts(l.Values(&grammar.Kind{Name: tt.kind}, tt.path, "").List)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.kind, got, tt.want)
		}
	}
}

// TestHeaderNames offers the names of header fields, in any case, each the beginning of
// a term.
func TestHeaderNames(t *testing.T) {
	l := NewSource(nil, nil, func() {})
	for prefix, want := range map[string]string{"header:": "header:Subject~", "header:list-": "header:List-Id~", "header:X-M": "header:X-Mailer~"} {
		got := texts(l.Values(&grammar.Kind{Name: "grouping"}, []string{"show", "queue", "by", "domain", "x"}, prefix).List)
		if !slices.Contains(got, want) {
			t.Errorf("%s: %q", prefix, got)
		}
	}
	for _, h := range headerNames("") {
		if _, err := selector.Parse(h.Text + "x"); err != nil {
			t.Error(err)
		}
	}
	if got := headerNames("nothing-so-long-as-this-which-is-no-field"); got != nil {
		t.Errorf("%v", got)
	}
}

// TestLastListingOffered offers _ where it can stand, once something was listed.
func TestLastListingOffered(t *testing.T) {
	l := NewSource(nil, nil, func() {})
	var last *command.Listing
	l.Last = func() *command.Listing { return last }
	l.Offers = func(path []string) command.Offers {
		if path[0] == "discover" {
			return command.OffersUnlisted
		}
		return command.OffersListed
	}
	has := func(kind string, path ...string) (string, bool) {
		for _, w := range l.lastListing(kind, path) {
			if w.Text == "_" {
				return w.Description, true
			}
		}
		return "", false
	}
	if _, ok := has("selector", "remove"); ok {
		t.Error("it is offered with nothing listed")
	}
	last = &command.Listing{By: "show queue from=@x.example"}
	last.TakeAll([]protocol.EnvelopeID{1, 2})
	last.Done()
	for _, tt := range []struct {
		kind string
		path []string
		want bool
	}{
		{"selector", []string{"remove"}, true}, {"query", []string{"show", "queue"}, true}, {"scheduled", []string{"schedule"}, true},
		{"condition", []string{"wait"}, true}, {"grouping", []string{"show", "queue", "by", "domain"}, true},
		{"grouping", []string{"show", "queue", "by"}, false}, {"held", []string{"hold"}, false}, {"logged", []string{"show", "log"}, false},
		{"selector", []string{"discover"}, false}, {"selector", []string{"remove", "_"}, false},
	} {
		if text, ok := has(tt.kind, tt.path...); ok != tt.want || ok && text != "the 2 envelopes that show queue from=@x.example showed" {
			t.Errorf("%s %v: %v %q", tt.kind, tt.path, ok, text)
		}
	}
	last.Spoil("failed")
	if _, ok := has("selector", "remove"); ok {
		t.Error("it is offered after a listing that failed")
	}
}
