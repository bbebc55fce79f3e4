package render

import (
	"strings"
	"testing"
	"unicode/utf8"

	"smtpctl/protocol"
)

func TestVis(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", `a\b`: `a\\b`, "\x1b[2J": `\^[[2J`, "\x7f": `\^?`, "\x00": `\^@`, "\t\n": "\t\n",
		"\x80\x9f": `\M^@\M^_`, "\xe9": `\M-i`, "\xff": `\M^?`, "\xa0": `\240`,
	} {
		if got := string(AppendVis(nil, in, 100)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := string(AppendVis([]byte("x"), `\\\`, 5)); got != `x\\\\` {
		t.Errorf("cut to 5: %q", got)
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本": "plain é 日本", "\x1b]0;x\a": `\^[]0;x\^G`, "a\nb\tc": `a\^Jb\^Ic`, "\xff": `\xff`, "\u009b2J": `\xc2\x9b2J`,
		"\u202eevil": `\xe2\x80\xaeevil`, "\ufffd": "\ufffd",
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSafeWriterCuts(t *testing.T) {
	const in = "日本 \x1b[31m \xff\u0085\n"
	for cut := range len(in) {
		var b strings.Builder
		w := NewSafeWriter(&b)
		w.Write([]byte(in[:cut]))
		w.Write([]byte(in[cut:]))
		if got, want := b.String(), `日本 \^[[31m \xff\xc2\x85`+"\n"; got != want {
			t.Errorf("cut at %d: %q, want %q", cut, got, want)
		}
	}
}

func TestAppendEnvelope(t *testing.T) {
	e := protocol.Envelope{ID: 0xabcd000100000002, Flags: protocol.FlagBounce | protocol.FlagHold | protocol.FlagInflight, Type: protocol.DeliverBounce,
		Created: 10, TTL: 5, LastTry: 90, Retry: 3, ErrorLine: `a\b`, Rcpt: protocol.Address{User: "u", Domain: "d"}}
	if got, want := string(AppendEnvelope(nil, &e, 100, true)), "abcd000100000002|?|bounce|bounce,hold|@|u@d|@|10|15|90|3|inflight|10|a\\\\b\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	e.Flags, e.NextTry = protocol.FlagPending, 70
	if got := string(AppendEnvelope(nil, &e, 100, true)); !strings.Contains(got, "|pending|-30|") {
		t.Errorf("late: %q", got)
	}
	if got := string(AppendEnvelope(nil, &e, 100, false)); !strings.Contains(got, "|offline||") {
		t.Errorf("offline: %q", got)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("\x1b[2J\xffé\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if !printable(r) {
				t.Fatalf("%q holds %q", got, r)
			}
		}
	})
}

func BenchmarkAppendEnvelope(b *testing.B) {
	e := protocol.Envelope{ID: 0xabcd000100000002, Flags: protocol.FlagPending, ErrorLine: "451 4.7.1 greylisted, try again later",
		Sender: protocol.Address{User: "alice", Domain: "example.com"}, Rcpt: protocol.Address{User: "bob", Domain: "example.org"}}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = AppendEnvelope(line[:0], &e, 100, true)
	}
}

func TestAge(t *testing.T) {
	for secs, want := range map[int64]string{0: "0s", 59: "59s", 61: "1m1s", 3600: "1h", 90061: "1d1h", -5: "0s", 86400*3 + 5: "3d", 3*3600 + 12: "3h", 3*3600 + 5*60 + 9: "3h5m", 36000 + 1800 + 5: "10h"} {
		if got := Age(secs); got != want {
			t.Errorf("Age(%d) = %q, want %q", secs, got, want)
		}
	}
}
