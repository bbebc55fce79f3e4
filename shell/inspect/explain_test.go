package inspect

import (
	"context"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/disk"
	"smtpctl/shell/report"
)

// TestJudge decides on made up facts: what is not known is not said.
func TestJudge(t *testing.T) {
	const now = 1_000_000_000
	domain := protocol.Address{User: "b", Domain: "y.example"}
	inflight := protocol.Envelope{ID: 1<<32 | 1, Type: protocol.DeliverMTA, Flags: protocol.FlagInflight, NextTry: now - 30, Created: now - 30, Dest: domain, Dispatcher: "relay"}
	pending := inflight
	pending.Flags, pending.NextTry, pending.Created, pending.ErrorLine, pending.Retry = protocol.FlagPending, now+3600, now-7200, "451 later", 3
	pending.Sender = protocol.Address{User: "a", Domain: "x.example"}
	conf := func(ttl int64) *disk.ConfFacts { return &disk.ConfFacts{Path: "smtpd.conf", Read: true, Ttl: ttl} }
	with := func(e protocol.Envelope, change func(*facts)) *facts {
		f := &facts{place: &place{}, e: &e, now: now, conf: conf(disk.QueueTTL)}
		change(f)
		return f
	}
	waits := func(what string, conns int) func(*facts) {
		return func(f *facts) {
			f.relays = []*report.Relay{{Kind: "relay", Domain: "y.example", Tasks: 3, Connections: conns, Waits: []string{what}}}
		}
	}
	routes := []*report.Route{{ID: 1, Destination: "192.0.2.1", Disabled: true}, {ID: 2, Destination: "192.0.2.2", Disabled: true}}
	suspended := pending
	suspended.Flags |= protocol.FlagSuspend
	null := pending
	null.Sender = protocol.Address{}
	for _, tt := range []struct {
		name    string
		f       *facts
		verdict string
		said    string // among the reason and the notes
		unsaid  string
	}{
		{"MX", with(inflight, waits("MX", 0)), verdictDNS, "which hosts take mail for y.example", "being delivered"},
		{"preference", with(inflight, waits("preference", 0)), verdictDNS, "come first", "in delivery"},
		{"MX, but connected", with(inflight, waits("MX", 1)), verdictInflight, "in delivery", ""},
		{"no wait", with(inflight, waits("", 0)), verdictInflight, "in delivery", ""},
		{"limits", with(inflight, waits("limits", 1)), verdictLimits, "limits", "in delivery"},
		{"routes that may be its own", with(pending, func(f *facts) { f.disabled = routes }), verdictBackoff, "2 routes are disabled, perhaps the one that this envelope needs", "other hosts"},
		{"routes of others", with(pending, func(f *facts) { f.disabled, f.others = routes, true }), verdictBackoff, "2 routes are disabled, to other hosts", "perhaps"},
		{"its own route", with(pending, func(f *facts) { f.disabled, f.routes = routes, routes[:1] }), verdictRoute, "the route to 192.0.2.1", "perhaps"},
		{"expires first", with(pending, func(f *facts) { f.conf = conf(7200 + 600) }), verdictBackoff, "danger: it expires in 10m, before its next try in 1h", ""},
		{"tried first", with(pending, func(f *facts) {}), verdictBackoff, "", "expires"},
		{"ttl of its action", with(pending, func(f *facts) { f.conf.Actions = map[string]int64{"relay": 7300} }), verdictBackoff, "danger: it expires in 1m", ""},
		{"over", with(pending, func(f *facts) { f.conf = conf(60) }), verdictBackoff, "danger: it is older than its ttl", ""},
		{"over while suspended", with(suspended, func(f *facts) { f.conf = conf(60) }), verdictSuspended, "when it is resumed, smtpd returns it to its sender at once", ""},
		{"nobody to return it to", with(null, func(f *facts) { f.conf = conf(60) }), verdictBackoff, "smtpd drops it", "returns it"},
		{"no smtpd.conf", with(pending, func(f *facts) { f.conf, f.e.Created = &disk.ConfFacts{Ttl: disk.QueueTTL}, now-disk.QueueTTL+60 }), verdictBackoff, "smtpd.conf cannot be read here", ""},
		{"message missing", with(pending, func(f *facts) { f.missing = "/queue/message" }), verdictMissing, "/queue/message", ""},
	} {
		v := tt.f.judge()
		text := v.Reason + "\n" + strings.Join(v.Notes, "\n")
		if v.Verdict != tt.verdict || !strings.Contains(text, tt.said) || tt.unsaid != "" && strings.Contains(text, tt.unsaid) {
			t.Errorf("%s: %s: %s", tt.name, v.Verdict, text)
		}
	}
}

// TestHostsOfNoNameService looks hosts up where nothing can be found in time: they are not taken for all.
func TestHostsOfNoNameService(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, all := hostsOf(ctx, []string{"y.example"}); all {
		t.Error("nothing could be asked, but the hosts pass for all")
	}
	if addrs, all := hostsOf(ctx, []string{"192.0.2.1"}); !all || len(addrs) != 1 {
		t.Errorf("an address: %q, %v", addrs, all)
	}
}
