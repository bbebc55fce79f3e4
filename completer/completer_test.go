package completer

import (
	"fmt"
	"strings"
	"testing"

	"smtpctl/completer/grammar"
)

type fixed []Suggestion

func (f fixed) Values(_ *grammar.Kind, _ []string, prefix string) []Suggestion {
	return Rank(f, prefix)
}

func testCompleter() *Completer {
	kinds := []*grammar.Kind{{Name: "id", Doc: "an id", Parse: func(w string) (any, error) { return w, nil }}}
	return &Completer{
		Tree: grammar.New([]grammar.Rule{
			{Pattern: "help <id...>", Own: true, Inner: func(words []string) []string { return words }}, {Pattern: "remove <id>"}, {Pattern: "remove all"},
			{Pattern: "show queue"}, {Pattern: "show routes"}, {Pattern: "show stats"}, {Pattern: "show status"},
		}, kinds, nil),
		Source: fixed{{Text: "abcd", Description: "one"}, {Text: "abff", Description: "two"}},
		Options: []Option{
			{Name: "--socket", Value: true}, {Name: "--read-only"}, {Name: "-r"},
			{Name: "--color", Value: true, Values: []Suggestion{{Text: "auto"}, {Text: "never"}}},
		},
	}
}

func TestComplete(t *testing.T) {
	c := testCompleter()
	for line, want := range map[string]string{
		"": "help remove show", "s": "show", "show ": "queue routes stats status", "sh st": "stats status", "sh sats": "stats status",
		"remove ": "abcd abff all", "remove ab": "abcd abff", "remove abc": "abcd", "remove a": "abcd abff all", "remove z": "",
		"show queue": "", "show queue ": "", "x ": "", "--": "--socket --read-only --color", "--color n": "never", "--so": "--socket", "--socket ": "", "--socket /x s": "show",
		"-r sh r": "routes", "show 'q": "'queue'", `show "rou`: `"routes"`, "show queue | s": "", "show queue > s": "", "show\tq": "queue", "x y;show q": "queue", "# s": "", "show stats; sh q": "queue", "help sh r": "routes", "remove -- --so": "",
	} {
		var got []string
		list, _ := c.Complete(line, len(line))
		for _, s := range list {
			got = append(got, s.Typed)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got, _ := c.Complete("show routes", 5); len(got) != 4 {
		t.Errorf("in the middle of a line: %v", got)
	}
}

func TestRank(t *testing.T) {
	all := []Suggestion{{Text: "a-b"}, {Text: "ab"}, {Text: "abc"}, {Text: "xaxbx"}}
	for typed, want := range map[string]string{"ab": "ab abc", "": "a-b ab abc xaxbx", "xb": "xaxbx", "q": "", "a b": ""} {
		var got []string
		for _, s := range Rank(all, typed) {
			got = append(got, s.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func BenchmarkComplete(b *testing.B) {
	c := testCompleter()
	ids := make(fixed, 1000)
	for i := range ids {
		ids[i].Text = fmt.Sprintf("%016x", i*7919)
	}
	c.Source = ids
	for b.Loop() {
		c.Complete("remove 0000", 11)
	}
}
