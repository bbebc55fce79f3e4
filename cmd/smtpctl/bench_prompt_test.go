package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchTerms is a line that the bench types, with terms to colour.
const benchTerms = "show queue from=alice4@example.com error~'^5' older=2d # why"

// benchPrompt types at a prompt while ids are fetched, with colours and a history of as
// many lines as are kept, and prints how long keys and ids take to appear, and the memory
// of the program.
func benchPrompt(t *testing.T, name string, args ...string) {
	home := t.TempDir()
	var history strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&history, "show queue from=alice%d@example.com error~'^5' older=%dd\n", i, i%30)
	}
	state := filepath.Join(home, ".local/state/smtpctl")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "history"), []byte(history.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	x := openTerminalIn(t, home, nil, args...)
	x.expect(promptRE)
	var keys, ids, terms []time.Duration
	line := ""
	typed := func(text string, pause time.Duration) (took []time.Duration) {
		for _, r := range text {
			line += string(r)
			took = append(took, x.latency(string(r), line))
			time.Sleep(pause)
		}
		return took
	}
	clear := func() {
		line = ""
		x.keys("\x05\x15")
		time.Sleep(30 * time.Millisecond)
		x.output()
		x.skip()
	}
	for i := range 40 {
		keys = append(keys, typed("show envelope", 15*time.Millisecond)...)
		start := time.Now()
		line += " "
		x.keys(" ")
		x.expect(`[0-9a-f]{16}`)
		ids = append(ids, time.Since(start))
		keys = append(keys, typed(fmt.Sprintf("%04x", i*1597), 15*time.Millisecond)...)
		clear()
	}
	report := func(what string, d []time.Duration) {
		slices.Sort(d)
		fmt.Printf("%s: %s: median %.1f ms, 99th percentile %.1f ms\n", name, what,
			float64(d[len(d)/2].Microseconds())/1000, float64(d[len(d)*99/100].Microseconds())/1000)
	}
	report("key to screen", keys)
	report("first ids", ids)
	for range 12 {
		terms = append(terms, typed(benchTerms, 15*time.Millisecond)...)
		clear()
	}
	if all := x.all(); !strings.Contains(all, grey) || !strings.Contains(all, "\x1b[0;36;49mfrom") {
		t.Error("the bench saw no colours, or no hint")
	}
	report("key to screen, terms in colours and a hint from 2,000 lines", terms)
	x.keys("remove ")
	line = "remove "
	typed("alice4@", 15*time.Millisecond)
	keys = typed("example.com", 100*time.Millisecond)
	report("key to screen, a search for an address too", keys)
	fmt.Printf("%s: resident memory %d MB at most\n", name, peakMemory(t, x.cmd.Process.Pid)>>20)
	x.keys("\x15exit\r")
	x.ended(0)
}

// latency types a key and returns how long the screen takes to show the line with it.
func (x *terminal) latency(key, line string) time.Duration {
	x.mu.Lock()
	before := x.text.Len()
	x.mu.Unlock()
	start := time.Now()
	x.pty.WriteString(key)
	for time.Since(start) < patience {
		x.mu.Lock()
		now := string(x.text.Bytes()[before:])
		x.mu.Unlock()
		if strings.HasSuffix(now, "\x1b[?25h") && strings.Contains(escapes.ReplaceAllString(now, ""), line) {
			return time.Since(start)
		}
		time.Sleep(100 * time.Microsecond)
	}
	x.t.Fatalf("key %q never showed: %q", key, x.output())
	return 0
}

// skip passes over what has been written.
func (x *terminal) skip() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = x.text.Len()
}
