package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// alphabet is what hostile values are made of: all that has a meaning in lines, in
// terms and in shells, what does not show, and what is not UTF-8.
var alphabet = []string{
	"a", "B", "z", "0", "7", " ", "  ", "*", "?", `\`, `\x`, "'", `"`, "|", ";", "~", "!", "=", "#", "&", "<", ">", "(", ")", "$", "`", ",", "@", "-", ".", ":", "/", "%",
	"{", "}", "[", "]", "^", "\t", "\x01", "\x1b[2J", "\x7f", "\x80", "\xff", "\xc3", "ä", "Ä", "ß", "İ", "日本", "\u0085", "\u00a0", "\u202e", "\u200b", "<>", "..", "xn--mnchen-3ya", "\U0001f600",
}

// hostile returns a random value.
func hostile(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(5) {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// hostileQueue simulates a queue whose mail has hostile values everywhere.
func hostileQueue(t *testing.T, seed uint64, n int) (*Session, []protocol.Envelope, *bytes.Buffer) {
	r := rand.New(rand.NewPCG(seed, 1))
	files := spool.Open(t.TempDir())
	sim, path := simtest.Start(t, smtpdsim.Config{Spool: filepath.Dir(files.Queue())})
	var all []protocol.Envelope
	for i := range n {
		sender := hostile(r) + "@" + hostile(r)
		if i%9 == 0 {
			sender = ""
		}
		text := fmt.Sprintf("version: 3\ntype: mta\nsender: %s\nrcpt: %s@%s\ndest: %s@%s\nctime: 1\nerrorline: %s\nhostname: %s\nhelo: %s\nusername: %s\ntag: %s\nsockaddr: 192.0.2.%d\n",
			sender, hostile(r), hostile(r), hostile(r), hostile(r), hostile(r)+" 550 user 4711x "+hostile(r), hostile(r), hostile(r), hostile(r), hostile(r), 1+r.IntN(3))
		e, err := protocol.ParseEnvelope([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		e.ID = protocol.EnvelopeID(uint64(i+1)<<32 | 1)
		all = append(all, e)
		sim.Add(smtpdsim.Envelope{ID: e.ID, Text: text})
		message := "Subject:" + hostile(r) + "\n\n" + strings.Repeat("x", r.IntN(30)<<10)
		if err := os.WriteFile(files.MessagePath(e.ID.Msg()), []byte(message), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = path, filepath.Dir(files.Queue())
	opts.Output = command.FormatJSON
	var out bytes.Buffer
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
	t.Cleanup(s.Close)
	return s, all, &out
}

// ids evaluates a line that lists envelopes as JSON, and returns their ids.
func listedIDs(t *testing.T, s *Session, out *bytes.Buffer, line string) []string {
	t.Helper()
	out.Reset()
	if err := s.Eval(context.Background(), line); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	var ids []string
	for d := json.NewDecoder(out); d.More(); {
		var e struct{ ID string }
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// TestCompletedTermsSelect completes each key that has values in the queue, in
// each way to begin the word: the line that comes of it selects as many envelopes
// as the menu says, and no other than those with that value.
func TestCompletedTermsSelect(t *testing.T) {
	t.Parallel()
	s, all, out := hostileQueue(t, 7, fulltest.Of(60, 20))
	l := s.live(func() {})
	l.Wait = 20 * completeWait // a busy machine must not make it look at less
	comp := &completer.Completer{Tree: s.tree, Source: l}
	for i, k := range selector.Terms() {
		if len(selector.Values(k.Name, &all[1])) == 0 {
			continue
		}
		for j, quote := range []string{"", "'", `"`} {
			if !fulltest.Takes(i+j, 3) {
				continue
			}
			line := "show queue " + quote + k.Name + "="
			completion := comp.Complete(s.parser().Place(line))
			list, word := completion.List, completion.Word
			if len(list) == 0 {
				t.Errorf("%s: nothing is offered", line)
			}
			for _, item := range list {
				whole := line[:word.Start] + item.Typed
				got := listedIDs(t, s, out, whole)
				if want := fmt.Sprintf("%d envelope", len(got)); !strings.HasPrefix(item.Description, want) {
					t.Errorf("%s: selects %d, the menu says %q", whole, len(got), item.Description)
				}
				_, _, value, _ := selector.Split(item.Text)
				if k.Name == "error" {
					continue // a pattern
				}
				for _, e := range all {
					has := slices.ContainsFunc(selector.Values(k.Name, &e), func(v string) bool { return selector.Fold(v) == selector.Fold(value) })
					if has != slices.Contains(got, e.ID.String()) {
						t.Errorf("%s: %v: selected %v, has it %v", whole, e.ID, !has, has)
					}
				}
			}
		}
	}
}

// TestGroupsSelect gives the names of groups back to show queue: as the terms in
// JSON, and as the plain name after the key of a term.
func TestGroupsSelect(t *testing.T) {
	t.Parallel()
	s, _, out := hostileQueue(t, 11, fulltest.Of(60, 20))
	keys := map[string]string{"from": "from", "domain": "domain", "error": "error", "state": "state"}
	for _, g := range selector.Grouped() {
		if g.Name == "age" {
			continue
		}
		out.Reset()
		if err := s.Eval(context.Background(), "show queue by "+g.Name); err != nil {
			t.Fatal(err)
		}
		type shown struct {
			Select string
			Count  int
		}
		var groups []shown
		for d := json.NewDecoder(out); d.More(); {
			var j shown
			if err := d.Decode(&j); err != nil {
				t.Fatal(err)
			}
			groups = append(groups, j)
		}
		for _, j := range groups {
			if n := len(listedIDs(t, s, out, "show queue "+j.Select)); n != j.Count && !(g.Name == "error" && n > j.Count) {
				t.Errorf("by %s: %s selects %d, the group has %d", g.Name, j.Select, n, j.Count)
			}
		}
		key, ok := keys[g.Name]
		if !ok {
			continue
		}
		out.Reset()
		if err := s.Eval(context.Background(), "show queue by "+g.Name+" -o plain"); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			fields := strings.Split(line, "|")
			if fields[3] == "" {
				continue
			}
			n := len(listedIDs(t, s, out, "show queue "+grammar.Quote(key+"="+fields[3])))
			if count := fmt.Sprint(n); count != fields[0] && !(g.Name == "error" && n > 0) {
				t.Errorf("by %s: %s= takes %q: %d, want %s", g.Name, key, fields[3], n, fields[0])
			}
		}
	}
}

// TestGroupsOfOneDomain writes one domain in each way that it can be written: by
// domain and by sender it is one group, which selects as many envelopes as it has.
func TestGroupsOfOneDomain(t *testing.T) {
	t.Parallel()
	sim, path := simtest.Start(t, smtpdsim.Config{})
	spellings := []string{"münchen.example", "MÜNCHEN.Example", "münchen.example.", "xn--mnchen-3ya.example", "XN--MNCHEN-3YA.example.", "other.example", "other.example."}
	for i, d := range spellings {
		text := fmt.Sprintf("version: 3\ntype: mta\nsender: Bob@%s\nrcpt: r@%s\ndest: r@%s\nctime: 1\n", d, d, d)
		sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(i+1)<<32 | 1), Text: text})
	}
	opts := command.DefaultOptions()
	opts.Socket, opts.Output = path, command.FormatJSON
	var out bytes.Buffer
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
	t.Cleanup(s.Close)
	for _, by := range []string{"domain", "sender"} {
		out.Reset()
		if err := s.Eval(context.Background(), "show queue by "+by); err != nil {
			t.Fatal(err)
		}
		groups := 0
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") { // before out is used again
			var g struct {
				Name, Select string
				Count        int
			}
			if err := json.Unmarshal([]byte(line), &g); err != nil {
				t.Fatal(err)
			}
			groups++
			if n := len(listedIDs(t, s, &out, "show queue "+g.Select)); n != g.Count {
				t.Errorf("by %s: %s selects %d, the group has %d", by, g.Select, n, g.Count)
			}
			if !slices.ContainsFunc(spellings, func(d string) bool { return g.Name == d || g.Name == "Bob@"+d }) {
				t.Errorf("by %s: no envelope has %q", by, g.Name)
			}
		}
		if groups != 2 {
			t.Errorf("by %s: %d groups, want 2", by, groups)
		}
	}
}

// TestNullSenderInEveryForm selects the mail of the null sender.
func TestNullSenderInEveryForm(t *testing.T) {
	t.Parallel()
	s, all, out := hostileQueue(t, 3, 30)
	var want []string
	for _, e := range all {
		if e.Sender == (protocol.Address{}) {
			want = append(want, e.ID.String())
		}
	}
	for _, term := range []string{"'from=<>'", "from='<>'", `from~'^<>$'`} {
		if got := listedIDs(t, s, out, "show queue "+term); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", term, got, want)
		}
	}
}

// FuzzEscape checks that an escaped text selects itself, also when it is typed on
// a line, and that whatever differs in more than the case of letters is not.
func FuzzEscape(f *testing.F) {
	for _, a := range alphabet {
		f.Add(a, a+"x")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		pattern := selector.EscapeGlob(text)
		if !selector.Glob(pattern)(text) {
			t.Errorf("%q does not match %q", pattern, text)
		}
		if selector.Fold(text) != selector.Fold(other) && selector.Glob(pattern)(other) {
			t.Errorf("%q of %q matches %q", pattern, text, other)
		}
		for _, typed := range []string{"", "'", `"`} {
			word := grammar.Cursor("show " + typed).Word
			line := "show " + word.Finish(pattern, false)
			commands, err := splitLine(line)
			if err != nil || len(commands) != 1 || len(commands[0].Words) != 2 || commands[0].Words[1] != pattern {
				if pattern != "" || typed != "" {
					t.Errorf("%s: %v, %v, want %q", line, commands, err, pattern)
				}
			}
		}
	})
}
