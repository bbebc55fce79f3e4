package hostname

import (
	"strings"
	"testing"
)

// The names that Parse takes, and those that it refuses since ssh or a shell could read them
// otherwise.
var (
	good = []string{"mx1", "a@mx1", "mx1.example.com", "2001:db8::1", "192.0.2.1", "a.b-c+d@h_1", "local", "admin@mx2.example.com", "::1", "fe80::", "a@fe80::1",
		"beef", "12345678", "1234567812345678", "a:b", ":", strings.Repeat("a", 255)}
	bad = []string{"", "-oProxyCommand=x", "@mx1", "-x@mx1", "a@-x", "a@", "a b", "mx1;x", "$(x)", "`x`", "mx1\n", "a@b@c", "..", "mx/1", "mx%h", "é", "[::1]", "[::1]:22", "root@[::1]", "[web]", "fe80::1%eth0",
		"from=a", "mx1|x", "\x1b[31mmx1", "mx1\x00", "mx1,mx2", "@front", strings.Repeat("a", 256)}
)

// ids are ids of every kind: of envelopes, messages and routes, and beginnings of them.
var ids = []string{"1234567812345678", "12345678", "abcd", "FFFFffff", "5", "18446744073709551615", "", "x", "for", "_", "-"}

// TestBrackets says where a port is set, for what seems to be an address in brackets.
func TestBrackets(t *testing.T) {
	for name, want := range map[string]bool{"[::1]": true, "[::1]:22": true, "root@[2001:db8::1]:22": true, "[web]": false, "web]": false, "-[::1]": false} {
		if _, err := Parse(name); err == nil || strings.Contains(err.Error(), "without brackets") != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNames takes names of hosts, and nothing that ssh or a shell could read otherwise.
func TestNames(t *testing.T) {
	for _, name := range good {
		if got, err := Parse(name); err != nil || got != name {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range bad {
		if _, err := Parse(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// TestQualified writes each id with each name and reads it again: the same two come back, for
// no two of them look alike, and a name that is refused is refused before an id, too.
func TestQualified(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range ids {
		for _, name := range good {
			word := Qualify(name, id)
			if seen[word] {
				t.Errorf("%q is the word for two ids", word)
			}
			seen[word] = true
			if host, got, ok, err := Cut(word); host != name || got != id || !ok || err != nil {
				t.Errorf("%q: %q, %q, %v, %v", word, host, got, ok, err)
			}
		}
		for _, name := range bad {
			if _, _, ok, err := Cut(Qualify(name, id)); !ok || err == nil {
				t.Errorf("%q is taken", Qualify(name, id))
			}
		}
		if host, got, ok, err := Cut(id); host != "" || got != id || ok || err != nil {
			t.Errorf("%q: %q, %q, %v, %v", id, host, got, ok, err)
		}
	}
}

func FuzzCut(f *testing.F) {
	for _, name := range append(good, bad...) {
		f.Add(Qualify(name, ids[0]))
	}
	f.Fuzz(func(t *testing.T, word string) {
		host, id, ok, err := Cut(word)
		if ok && Qualify(host, id) != word || !ok && id != word || strings.Contains(id, colon) {
			t.Errorf("%q: %q, %q, %v, %v", word, host, id, ok, err)
		}
		if _, perr := Parse(host); ok && (perr == nil) != (err == nil) {
			t.Errorf("%q: %v, %v", word, perr, err)
		}
	})
}
