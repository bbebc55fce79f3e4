package prompt

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goprompt "github.com/c-bata/go-prompt"
	"github.com/creack/pty"
)

// A bench is a go-prompt without a terminal: the test gives it keys and sees what it
// asks for.
type bench struct {
	t    *testing.T
	gp   *goprompt.Prompt
	keys chan string

	setups, teardowns atomic.Int32
	list              atomic.Pointer[[]goprompt.Suggest]
	stop              atomic.Bool // what the exit checker says

	mu       sync.Mutex
	asked    []question // of the completer
	drawn    int        // drawings that have ended
	calls    []string   // of the writer, since the last flush
	seenMenu []string   // those of the last drawing that had a menu
}

// A question is a call of the completer.
type question struct {
	text string
	key  goprompt.Key
}

func newBench(t *testing.T, options ...goprompt.Option) *bench {
	b := &bench{t: t, keys: make(chan string, 100)}
	b.list.Store(&[]goprompt.Suggest{})
	b.gp = goprompt.New(func(string) {}, b.complete, append([]goprompt.Option{
		goprompt.OptionParser(b), goprompt.OptionWriter(&benchWriter{goprompt.NewStderrWriter(), b}),
		goprompt.OptionSetExitCheckerOnInput(func(string, bool) bool { return b.stop.Load() }),
		goprompt.OptionCompletionWordSeparator(betweenWords),
	}, options...)...)
	return b
}

func (b *bench) Setup() error                   { b.setups.Add(1); return nil }
func (b *bench) TearDown() error                { b.teardowns.Add(1); return nil }
func (b *bench) GetWinSize() *goprompt.WinSize  { return &goprompt.WinSize{Row: manyRows, Col: 80} }
func (b *bench) offer(list ...goprompt.Suggest) { b.list.Store(&list) }

func (b *bench) Read() ([]byte, error) {
	select {
	case k := <-b.keys:
		return []byte(k), nil
	default:
		return nil, errNothing
	}
}

func (b *bench) complete(d goprompt.Document) []goprompt.Suggest {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, question{d.Text, d.LastKeyStroke()})
	return *b.list.Load()
}

// A benchWriter writes nothing.
type benchWriter struct {
	goprompt.ConsoleWriter
	b *bench
}

func (w *benchWriter) note(call string) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.calls = append(w.b.calls, call)
}

func (w *benchWriter) WriteStr(s string)  { w.note("write") }
func (w *benchWriter) HideCursor()        { w.note("hide") }
func (w *benchWriter) ScrollDown()        { w.note("room") }
func (w *benchWriter) ScrollUp()          { w.note("back up") }
func (w *benchWriter) CursorDown(n int)   { w.note(fmt.Sprint("down ", n)) }
func (w *benchWriter) CursorUp(n int)     { w.note(fmt.Sprint("up ", n)) }
func (w *benchWriter) CursorBackward(int) { w.note("back") }
func (w *benchWriter) ShowCursor()        { w.note("show") }
func (w *benchWriter) Flush() error {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	if n := len(w.b.calls); n > 0 && w.b.calls[n-1] == "show" {
		w.b.drawn++
		if slices.Contains(w.b.calls, "room") {
			w.b.seenMenu = w.b.calls
		}
	}
	w.b.calls = nil
	return nil
}

// press gives a key and waits until it has been drawn.
func (b *bench) press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.mu.Lock()
		before := b.drawn
		b.mu.Unlock()
		b.keys <- k
		b.until(fmt.Sprintf("a drawing after %q", k), func() bool { return b.drawn > before })
	}
}

// until waits for something that is looked at under the lock.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		done := ok()
		b.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no %s", what)
		}
	}
}

// input runs Input while f gives keys, and returns the line, or what Input panicked with.
func (b *bench) input(f func()) (line string, panicked any) {
	b.t.Helper()
	done := make(chan struct{})
	b.mu.Lock()
	before := b.drawn
	b.mu.Unlock()
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		line = b.gp.Input()
	}()
	b.until("first drawing", func() bool { return b.drawn > before })
	f()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		b.t.Fatal("Input does not return")
	}
	return line, panicked
}

// line is input where nothing panics, ended by Enter.
func (b *bench) line(keys ...string) string {
	b.t.Helper()
	line, panicked := b.input(func() {
		b.press(keys...)
		b.keys <- keyEnter
	})
	if panicked != nil {
		b.t.Fatalf("panic: %v", panicked)
	}
	return line
}

// insideVariable says that the tests run in a terminal of their own.
const insideVariable = "SMTPCTL_TEST_TERMINAL"

// inTerminal reports whether the test is to go on here: go-prompt opens /dev/tty before
// it looks at its options, and panics where there is none. Elsewhere it runs the test
// in a terminal, in a process of its own.
func inTerminal(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	p, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out, _ := io.ReadAll(p) // an error is the end of a terminal
	if err := cmd.Wait(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v: %s", err, out)
	}
	return false
}

// TestLibrary holds what library.go says of go-prompt against go-prompt.
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
				b.keys <- keyBackTab // the second of one
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

// TestMenuAgainstLibrary presses random keys in a menu: what the package believes to be
// selected is what go-prompt takes with the next key.
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
