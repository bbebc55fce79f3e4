package completer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/completer/grammar"
)

type fixed []Suggestion

func (f fixed) Values(_ *grammar.Kind, _ []string, prefix string) Found {
	return Found{List: Rank(f, prefix)}
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

// place tells the flags in a line from its words, as who calls the package does.
func place(c *Completer, line string) grammar.Place {
	at := grammar.Cursor(line)
	for _, w := range at.Before {
		i := slices.IndexFunc(c.Options, func(o Option) bool { return o.Name == w })
		switch {
		case at.Ended:
			at.Words = append(at.Words, w)
		case w == "--":
			at.Ended = true
		case at.Flag != "":
			at.Flag = ""
		case i >= 0 && c.Options[i].Value:
			at.Flag = w
		case i >= 0:
			at.Given = append(at.Given, strings.TrimLeft(w, "-"))
		default:
			at.Words = append(at.Words, w)
		}
	}
	return at
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
		for _, s := range c.Complete(place(c, line)).List {
			got = append(got, s.Typed)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := c.Complete(place(c, "show ")).List; len(got) != 4 {
		t.Errorf("after a word: %v", got)
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
	at := place(c, "remove 0000")
	for b.Loop() {
		c.Complete(at)
	}
}

// typed returns what is offered, as it is typed.
func typed(c *Completer, line string) string {
	var got []string
	for _, s := range c.Complete(place(c, line)).List {
		got = append(got, s.Typed)
	}
	return strings.Join(got, " ")
}

func TestCompleteOnlyWhatCanSucceed(t *testing.T) {
	c := testCompleter()
	c.Allowed = func(given, outer []string, rule int) bool {
		return len(outer) > 0 || !slices.Contains(given, "r") || rule == 0 || rule > 2
	}
	c.Options = append(c.Options, Option{Name: "--route", Own: true, Fits: func(path []string) bool { return len(path) > 1 && path[1] == "routes" }},
		Option{Name: "--status", Own: true, Fits: func(path []string) bool { return len(path) > 1 && path[1] == "status" }})
	for line, want := range map[string]string{
		"-r ": "help show", "-r rem": "", "-r help rem": "remove", "show routes --r": "--route --read-only", "show status --": "--status --socket --read-only --color",
		"show --r": "--read-only",
	} {
		if got := typed(c, line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestCompletePhrases(t *testing.T) {
	c := testCompleter()
	c.Source = nil
	for line, want := range map[string]string{
		"shq": "show queue", "shrts": "show routes", "rml": "remove all", "show qe": "queue", "'shq": "", "help shq": "show queue", "zz": "",
	} {
		if got := typed(c, line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestCompleteRedirects completes what stands after | and >, where the output may go
// there.
func TestCompleteRedirects(t *testing.T) {
	c := testCompleter()
	for line, want := range map[string]string{
		"show queue > ab": "abcd abff", "show queue >>abc": "abcd", "show queue | ab": "abcd abff", "show queue | x | abf": "abff",
		"show queue | x; abf": "abff", "show queue | x a": "", "show queue > x a": "", "show queue > x; sh q": "queue", "show queue | x > abf": "abff",
	} {
		c.Redirects = false
		if got := typed(c, line); got != "" && !strings.Contains(line, "; sh") {
			t.Errorf("%q: %q where nothing may be redirected", line, got)
		}
		c.Redirects = true
		if got := typed(c, line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestCompleteOrder puts words, terms, values and ids into their order, and counts what
// is left out.
func TestCompleteOrder(t *testing.T) {
	c := testCompleter()
	list := fixed{{Text: "ida", Class: ID}, {Text: "value", Class: Value}, {Text: "term=", Class: Term}}
	c.Source = list
	if got := typed(c, "remove "); got != "term= value ida all" {
		t.Errorf("%q", got)
	}
	for i := range 100 {
		list = append(list, Suggestion{Text: fmt.Sprint("v", i), Class: Value})
	}
	c.Source = list
	if got := c.Complete(place(c, "remove ")); got.More != 103+1-limit || len(got.List) != limit {
		t.Errorf("%d offered, %d more", len(got.List), got.More)
	}
}

func TestRankValues(t *testing.T) {
	all := []Suggestion{{Text: "mail.example"}, {Text: "example.org"}, {Text: "Example.com"}, {Text: "other"}}
	for typed, want := range map[string]string{"exam": "example.org Example.com mail.example", "l.e": "mail.example", "or": "example.org", "otr": "other", "q": ""} {
		var got []string
		for _, s := range RankValues(all, typed) {
			got = append(got, s.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
