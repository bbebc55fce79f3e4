package selector

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// whole is an envelope of which everything is known.
func whole() *protocol.Envelope {
	return &protocol.Envelope{ID: 0xabcd000100000002, Type: protocol.DeliverMTA, Flags: protocol.FlagPending | protocol.FlagBounce | protocol.FlagAuth,
		Sender: protocol.Address{User: "a", Domain: "x.example"}, Rcpt: protocol.Address{User: "b", Domain: "y.example"}, Dest: protocol.Address{User: "c", Domain: "z.example"},
		Source: protocol.Source{Addr: netip.MustParseAddr("192.0.2.1")}, Hostname: "client.example", Helo: "helo.example", Username: "u", Tag: "t", Dispatcher: "d",
		Created: 10, TTL: 5, LastTry: 90, NextTry: 120, Retry: 3, ErrorLine: "4.7.1 later"}
}

// TestJSONOf has each field fill its own name in the JSON of an envelope, and no other,
// with what a column of it gives to programs.
func TestJSONOf(t *testing.T) {
	inFlight := whole()
	inFlight.Flags = protocol.FlagInflight
	for _, r := range []Row{{whole(), 100, true}, {inFlight, 100, true}, {whole(), 100, false}} {
		text, err := json.Marshal(JSONOf(r))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		for _, f := range Fields() {
			var one render.EnvelopeJSON
			if (f.JSON != "") != (f.fill != nil) {
				t.Errorf("%s: its name in JSON is %q, filled in: %v", f.Name, f.JSON, f.fill != nil)
			}
			if f.fill == nil {
				continue
			}
			f.fill(&one, r)
			v, filled := reflect.ValueOf(one), []string{}
			for i := range v.NumField() {
				if !v.Field(i).IsZero() {
					name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
					filled = append(filled, name)
				}
			}
			if _, there := all[f.JSON]; there && !slices.Equal(filled, []string{f.JSON}) {
				t.Errorf("%s fills in %q, not %q", f.Name, filled, f.JSON)
			}
			if f.Shown == nil {
				continue
			}
			value := ""
			switch v := all[f.JSON].(type) {
			case string:
				value = v
			case float64:
				value = strconv.Itoa(int(v))
			}
			if got := f.Shown.ValueOf(r); got != value {
				t.Errorf("%s: programs get %q of its column, %q of its JSON", f.Name, got, value)
			}
		}
	}
}

// TestPlainFields has each field of the line of smtpctl where it stands there.
func TestPlainFields(t *testing.T) {
	r := Row{whole(), 100, true}
	parts := strings.Split(strings.TrimSuffix(string(AppendPlain(nil, r)), "\n"), "|")
	if len(parts) != len(plainOrder) {
		t.Fatalf("%d parts, %d fields: %q", len(parts), len(plainOrder), parts)
	}
	for _, f := range Fields() {
		at := slices.Index(plainOrder, f.Name)
		if (at >= 0) != (f.plain != nil) || at >= 0 && parts[at] != string(f.plain(nil, r)) {
			t.Errorf("%s: is part %d of %q", f.Name, at, parts)
		}
	}
}

func TestAppendPlain(t *testing.T) {
	e := protocol.Envelope{ID: 0xabcd000100000002, Flags: protocol.FlagBounce | protocol.FlagHold | protocol.FlagInflight, Type: protocol.DeliverBounce,
		Created: 10, TTL: 5, LastTry: 90, Retry: 3, ErrorLine: `a\b`, Rcpt: protocol.Address{User: "u", Domain: "d"}}
	if got, want := string(AppendPlain(nil, Row{&e, 100, true})), "abcd000100000002|?|bounce|bounce,hold|@|u@d|@|10|15|90|3|inflight|10|a\\\\b\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	e.Flags, e.NextTry = protocol.FlagPending, 70
	if got := string(AppendPlain(nil, Row{&e, 100, true})); !strings.Contains(got, "|pending|-30|") {
		t.Errorf("late: %q", got)
	}
	if got := string(AppendPlain(nil, Row{&e, 100, false})); !strings.Contains(got, "|offline||") {
		t.Errorf("offline: %q", got)
	}
}

func BenchmarkAppendPlain(b *testing.B) {
	e := protocol.Envelope{ID: 0xabcd000100000002, Flags: protocol.FlagPending, ErrorLine: "451 4.7.1 greylisted, try again later",
		Sender: protocol.Address{User: "alice", Domain: "example.com"}, Rcpt: protocol.Address{User: "bob", Domain: "example.org"}}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = AppendPlain(line[:0], Row{&e, 100, true})
	}
}
