package grammar

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var testKinds = []*Kind{
	{Name: "num", Doc: "a number", Parse: func(w string) (any, error) { return strconv.Atoi(w) }},
	{Name: "word", Doc: "words", Parse: func(w string) (any, error) { return w, nil }},
	{Name: "color", Doc: "a colour", Parse: func(w string) (any, error) { return w, nil },
		Words: func() []Candidate { return []Candidate{{Word: "red"}, {Word: "green"}, {Word: "grey"}} }},
}

func testTree() *Tree {
	return New([]Rule{
		{Pattern: "encrypt"},
		{Pattern: "exit", Own: true},
		{Pattern: "explain", Own: true},
		{Pattern: "paint <color>"},
		{Pattern: "remove <num>"},
		{Pattern: "remove all"},
		{Pattern: "say <word...>", Own: true},
		{Pattern: "show host"},
		{Pattern: "show hosts"},
		{Pattern: "show queue"},
		{Pattern: "show queue <num>"},
	}, testKinds, func(beginning string) string {
		if beginning == "show" {
			return "show things"
		}
		return ""
	})
}

// TestGrowth resolves one line: only what follows its first word is made, whatever else is asked
// of that word from several goroutines.
func TestGrowth(t *testing.T) {
	tree := testTree()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := tree.Resolve([]string{"sh", "q", "7"}); err != nil {
				t.Error(err)
			}
			if next, err := tree.Next([]string{"sh", "q"}); err != nil || len(next.Next) != 1 || !next.Whole {
				t.Errorf("%v, %v", next, err)
			}
		})
	}
	wg.Wait()
	for _, n := range tree.root.children {
		if grown := len(n.children) > 0; grown != (n.word == "show") {
			t.Errorf("%s: children made: %v", n.word, grown)
		}
	}
}

func TestResolve(t *testing.T) {
	for line, want := range map[string]string{
		"show queue": "show queue", "sh q": "show queue", "sh q 7": "show queue 7", "show host": "show host",
		"show hosts": "show hosts", "e": "encrypt", "ex": "", "exi": "exit", "exp": "explain", "r a": "remove all",
		"r 5": "remove 5", "r all": "remove all", "sa a b c": "say a b c", "say -x": "say -x",
		"s": "", "s q": "show queue", "sh h": "", "sh ho": "", "show": "", "": "", "x": "", "r": "", "r x": "", "sh q x": "", "sh q 1 2": "",
		"p r": "paint red", "p gree": "paint green", "p gr": "", "p blue": "", "show ''": "",
	} {
		words := strings.Fields(line)
		for i := range words {
			words[i] = strings.Trim(words[i], "'")
		}
		m, err := testTree().Resolve(words)
		got := ""
		if err == nil {
			got = strings.Join(m.Path, " ")
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestResolveErrors(t *testing.T) {
	tree := testTree()
	var a *AmbiguousError
	if _, err := tree.Resolve([]string{"show", "ho"}); !errors.As(err, &a) || len(a.Candidates) != 2 || a.Candidates[1].Word != "hosts" {
		t.Errorf("show ho: %v", err)
	}
	if _, err := tree.Resolve([]string{"ex"}); !errors.As(err, &a) || len(a.Candidates) != 2 {
		t.Errorf("ex: %v", err)
	}
	var u *UnknownError
	if _, err := tree.Resolve([]string{"shwo"}); !errors.As(err, &u) || len(u.Nearest) == 0 || u.Nearest[0].Word != "show" || u.Nearest[0].Summary != "show things" {
		t.Errorf("shwo: %v", err)
	}
	if _, err := tree.Resolve([]string{"show", "host", "x"}); !errors.As(err, &u) || len(u.All) != 0 {
		t.Errorf("show host x: %v", err)
	}
	var i *IncompleteError
	if _, err := tree.Resolve([]string{"sh"}); !errors.As(err, &i) || len(i.Candidates) != 3 || i.Path[0] != "show" {
		t.Errorf("sh: %v", err)
	}
	var g *ArgumentError
	if _, err := tree.Resolve([]string{"remove", "x"}); !errors.As(err, &g) || g.Kind.Name != "num" {
		t.Errorf("remove x: %v", err)
	}
}

func TestNext(t *testing.T) {
	c, err := testTree().Next([]string{"sh", "q"})
	if err != nil || !c.Whole || len(c.Next) != 1 || c.Next[0].Word != "<num>" || strings.Join(c.Path, " ") != "show queue" {
		t.Errorf("after show queue: %+v, %v", c, err)
	}
	c, err = testTree().Next([]string{"paint"})
	if err != nil || c.Whole || len(c.Next) != 3 {
		t.Errorf("after paint: %+v, %v", c, err)
	}
	c, err = testTree().Next([]string{"say", "a"})
	if err != nil || !c.Whole || len(c.Next) != 1 {
		t.Errorf("after say a: %+v, %v", c, err)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"", "ab", 2}, {"shwo", "show", 1}, {"queue", "quee", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	tree := testTree()
	words := []string{"pai", "gree"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Resolve(words); err != nil {
			b.Fatal(err)
		}
	}
}
