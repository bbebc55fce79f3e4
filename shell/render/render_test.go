package render

import (
	"strings"
	"testing"
	"unicode/utf8"
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

func TestAge(t *testing.T) {
	for secs, want := range map[int64]string{0: "0s", 59: "59s", 61: "1m1s", 3600: "1h", 90061: "1d1h", -5: "0s", 86400*3 + 5: "3d", 3*3600 + 12: "3h", 3*3600 + 5*60 + 9: "3h5m", 36000 + 1800 + 5: "10h"} {
		if got := Age(secs); got != want {
			t.Errorf("Age(%d) = %q, want %q", secs, got, want)
		}
	}
}
