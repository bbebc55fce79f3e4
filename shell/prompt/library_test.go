package prompt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	goprompt "github.com/c-bata/go-prompt"

	"smtpctl/shell/lineedit"
)

// TestLibrary checks what library.go says about go-prompt.
func TestLibrary(t *testing.T) {
	if !inTerminal(t) {
		return
	}
	fruit := []goprompt.Suggest{{Text: "apple"}, {Text: "banana"}, {Text: "cherry"}}
	for name, check := range map[string]func(t *testing.T){
		"one read is one key": func(t *testing.T) {
			if got := newBench(t).line("a\rb\tc"); got != "a\rb\tc" {
				t.Errorf("%q", got)
			}
		},
		"Setup and TearDown once a line": func(t *testing.T) {
			b := newBench(t)
			if one, two := b.line("one"), b.line("two"); one != "one" || two != "two" || b.setups.Load() != 2 || b.teardowns.Load() != 2 {
				t.Errorf("%q, %q, %d set up, %d torn down", one, two, b.setups.Load(), b.teardowns.Load())
			}
		},
		"the completer is asked twice, once of nothing": func(t *testing.T) {
			b := newBench(t)
			b.line("a")
			b.mu.Lock()
			defer b.mu.Unlock()
			var ofA, ofNothing int
			for _, q := range b.asked {
				switch {
				case q.text == "a":
					ofA++
				case q.text == "" && q.key == goprompt.Escape:
					ofNothing++
				}
			}
			if ofA != 1 || ofNothing == 0 {
				t.Errorf("%v", b.asked)
			}
		},
		"the waking key completes and draws": func(t *testing.T) {
			b := newBench(t)
			b.input(func() {
				b.press("a")
				b.mu.Lock()
				before := len(b.asked)
				b.mu.Unlock()
				b.press(keyWake)
				b.mu.Lock()
				defer b.mu.Unlock()
				if len(b.asked) == before {
					t.Error("the completer was not asked")
				}
				b.keys <- keyEnter
			})
			if goprompt.GetKey([]byte(keyWake)) != goprompt.Ignore {
				t.Error("the key means something")
			}
		},
		"Tab selects, the next key takes": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit...)
			if got := b.line("x", keyTab, keyTab, " ", "y"); got != "banana y" {
				t.Errorf("%q", got)
			}
		},
		"Enter takes what is selected and ends the line": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit...)
			if got := b.line("x", keyTab); got != "apple" {
				t.Errorf("%q", got)
			}
		},
		"the waking key takes what is selected": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit...)
			if got := b.line("x", keyTab, keyWake, "!"); got != "apple!" {
				t.Errorf("%q", got)
			}
		},
		"the exit checker keeps the text": func(t *testing.T) {
			b := newBench(t)
			got, _ := b.input(func() {
				b.press("kept")
				b.stop.Store(true)
				b.keys <- keyWake
			})
			b.stop.Store(false)
			if rest := b.line("!"); got != "" || rest != "kept!" {
				t.Errorf("%q, then %q", got, rest)
			}
		},
		"Ctrl-D on an empty line, Ctrl-C": func(t *testing.T) {
			b := newBench(t)
			if got, _ := b.input(func() { b.keys <- keyCtrlD }); got != "" {
				t.Errorf("Ctrl-D: %q", got)
			}
			if got := b.line("dropped", keyCtrlC, "kept"); got != "kept" {
				t.Errorf("Ctrl-C: %q", got)
			}
		},
		"history and separator can be replaced": func(t *testing.T) {
			b := newBench(t)
			_ = goprompt.OptionHistory([]string{"old", "newer"})(b.gp)
			if got := b.line(keyUp, keyUp); got != "old" {
				t.Errorf("%q", got)
			}
			_ = goprompt.OptionCompletionWordSeparator(betweenLines)(b.gp)
			b.offer(fruit...)
			if got := b.line("two words", keyTab, keyWake); got != "apple" {
				t.Errorf("%q", got)
			}
		},
		"a key of its own": func(t *testing.T) {
			var before string
			b := newBench(t, goprompt.OptionAddASCIICodeBind(goprompt.ASCIICodeBind{ASCIICode: []byte(keyHelp), Fn: func(buf *goprompt.Buffer) { before = buf.Document().TextBeforeCursor() }}))
			if got := b.line("what", keyHelp, "!"); got != "what!" || before != "what" {
				t.Errorf("%q, %q", got, before)
			}
		},
		"no key is an act": func(t *testing.T) {
			for _, b := range bindings() {
				if k := goprompt.GetKey([]byte(actPrefix + b.act)); k != goprompt.NotDefined {
					t.Errorf("%q is %v", b.act, k)
				}
			}
		},
		"an act can make the line any other": func(t *testing.T) {
			lines := []lineedit.Line{{}, {Text: "ascii", At: 2}, {Text: "größe 日本語", At: 8}, {Text: "日本", At: 0}, {Text: "日本", At: 1}, {Text: "é", At: 1}, {Text: "日本語日本語", At: 6}}
			for _, from := range lines {
				for _, to := range lines {
					next, seen := from, lineedit.Line{}
					b := newBench(t, goprompt.OptionAddASCIICodeBind(goprompt.ASCIICodeBind{ASCIICode: []byte(actPrefix), Fn: func(buf *goprompt.Buffer) {
						setLine(buf, next)
						seen = lineOf(buf.Document())
						next = to
					}}))
					if got := b.line(actPrefix, actPrefix); got != to.Text || seen != to {
						t.Errorf("%v, then %v: %q, %v", from, to, got, seen)
					}
				}
			}
		},
		"the menu is drawn as menurow.go counts on": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit[:2]...)
			b.line("x")
			b.mu.Lock()
			defer b.mu.Unlock()
			var seen []string
			for _, call := range b.seenMenu {
				if call != "up 0" && call != "down 0" {
					seen = append(seen, call)
				}
			}
			row := "down 1 write write write back "
			if got, want := strings.Join(seen, " "), "room room back up back up "+row+row+"up 2"; !strings.Contains(got, want) {
				t.Errorf("%s, want in it %s", got, want)
			}
		},
		"the line is drawn as paint.go counts on": func(t *testing.T) {
			b := newBench(t, goprompt.OptionLivePrefix(func() (string, bool) { return "prefix", true }))
			b.line("x")
			b.mu.Lock()
			defer b.mu.Unlock()
			// The drawings before and after the key, of the finished line, and at the end.
			if got := strings.Join(b.flushed, ", "); got != "hide write write erase show, hide write write erase show, erase write write, erase" {
				t.Error(got)
			}
			if got := fmt.Sprintf("%q", b.written); got != `["prefix" "" "prefix" "x" "prefix" "x\n"]` {
				t.Error(got)
			}
		},
		"what stands after a suggestion is written anew": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit...)
			b.line("x", " y", "\x01", keyTab)
			b.mu.Lock()
			defer b.mu.Unlock()
			if i := slices.Index(b.written, "x y"); i < 0 || !slices.Contains(b.written[i:], "x y") || !slices.Contains(b.written, "apple") {
				t.Errorf("%q", b.written)
			}
		},
		"how many rows show can be changed": func(t *testing.T) {
			b := newBench(t)
			_ = goprompt.OptionMaxSuggestion(1)(b.gp)
			b.offer(fruit...)
			b.line("x")
			b.mu.Lock()
			defer b.mu.Unlock()
			if n := strings.Count(strings.Join(b.seenMenu, " "), "down 1"); n != 1 {
				t.Errorf("%d rows", n)
			}
		},
		"a shrinking list panics": func(t *testing.T) {
			b := newBench(t)
			b.offer(fruit...)
			if _, panicked := b.input(func() {
				b.press("x", keyTab, keyTab, keyTab)
				b.offer(fruit[:1]...)
				b.keys <- keyBackTab // selects the second suggestion of a list of one
				b.keys <- keyEnter
			}); panicked == nil {
				t.Error("it does not: complete need not keep the list")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t)
		})
	}
}

// TestMenuAgainstLibrary presses random keys in a menu, and checks that the suggestion which
// menu follows as selected is the one that go-prompt takes with the next key.
func TestMenuAgainstLibrary(t *testing.T) {
	if !inTerminal(t) {
		return
	}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			b, m := newBench(t), menu{n: 1 + r.IntN(4)}
			var list []goprompt.Suggest
			for i := range m.n {
				list = append(list, goprompt.Suggest{Text: fmt.Sprint("item", i+1)})
			}
			b.offer(list...)
			keys := []string{"x"}
			for range r.IntN(8) {
				k := []string{keyTab, keyBackTab, keyTab, keyUp, keyDown}[r.IntN(5)]
				keys = append(keys, k)
				m.key(k)
			}
			got := b.line(append(keys, keyWake)...)
			want := "x"
			if m.selected() {
				want = list[m.sel-1].Text
			}
			if got != want && !(want == "x" && strings.Trim(got, "x") == "") {
				t.Errorf("%q: go-prompt takes %q, want %q", keys, got, want)
			}
		})
	}
}
