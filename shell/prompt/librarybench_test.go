package prompt

import (
	"fmt"
	"io"
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

// A bench is a go-prompt without a terminal. The test gives it keys, and the bench records its
// calls of the completer and the writer.
type bench struct {
	t    *testing.T
	gp   *goprompt.Prompt
	keys chan string

	setups, teardowns atomic.Int32
	list              atomic.Pointer[[]goprompt.Suggest]
	stop              atomic.Bool // what the exit checker returns

	mu       sync.Mutex
	asked    []question // the calls of the completer
	drawn    int        // how many drawings have ended
	calls    []string   // the calls of the writer since the last flush
	flushed  []string   // the calls of the writer for each flush, without movements of the cursor
	written  []string   // the texts that were written
	seenMenu []string   // the calls of the writer in the last drawing that had a menu
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

// A benchWriter writes nothing, and records the calls in its bench.
type benchWriter struct {
	goprompt.ConsoleWriter
	b *bench
}

func (w *benchWriter) note(call string) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.calls = append(w.b.calls, call)
}

func (w *benchWriter) WriteStr(s string) {
	w.note("write")
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.written = append(w.b.written, s)
}
func (w *benchWriter) HideCursor()        { w.note("hide") }
func (w *benchWriter) EraseDown()         { w.note("erase") }
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
	var calls []string
	for _, call := range w.b.calls {
		if slices.Contains([]string{"hide", "write", "erase", "show"}, call) {
			calls = append(calls, call)
		}
	}
	w.b.flushed = append(w.b.flushed, strings.Join(calls, " "))
	w.b.calls = nil
	return nil
}

// press gives keys one at a time and waits until each has been drawn.
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

// until waits until ok, which is called with b.mu held, returns true.
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

// input runs Input while f gives keys, and returns the line, or the value with which Input
// panicked.
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

// line gives keys and then Enter, and returns the line. A panic fails the test.
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

// insideVariable names the environment variable that is set in a test process which
// inTerminal has started in a terminal.
const insideVariable = "SMTPCTL_TEST_TERMINAL"

// inTerminal returns true in a process that has a terminal of its own, in which the test is to
// run. Otherwise it starts such a process for the test, and returns false when that has ended.
// The reason is that go-prompt opens /dev/tty before it applies its options, and panics if
// there is none.
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
	out, _ := io.ReadAll(p) // reading ends with an error when the process has ended
	if err := cmd.Wait(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v: %s", err, out)
	}
	return false
}
