package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchPrompt types at a prompt while ids are fetched and prints how long keys
// and ids take to appear, and the memory of the program.
func benchPrompt(t *testing.T, name string, args ...string) {
	x := openTerminal(t, args...)
	x.expect(promptRE)
	var keys, ids []time.Duration
	for i := range 40 {
		for _, r := range "show envelope" {
			keys = append(keys, x.latency(string(r)))
			time.Sleep(15 * time.Millisecond)
		}
		start := time.Now()
		x.keys(" ")
		x.expect(`[0-9a-f]{16}`)
		ids = append(ids, time.Since(start))
		for _, r := range fmt.Sprintf("%04x", i*1597) {
			keys = append(keys, x.latency(string(r)))
			time.Sleep(15 * time.Millisecond)
		}
		x.keys("\x15")
		time.Sleep(30 * time.Millisecond)
		x.output()
		x.skip()
	}
	report := func(what string, d []time.Duration) {
		slices.Sort(d)
		fmt.Printf("%s: %s: median %.1f ms, 99th percentile %.1f ms\n", name, what,
			float64(d[len(d)/2].Microseconds())/1000, float64(d[len(d)*99/100].Microseconds())/1000)
	}
	report("key to screen", keys)
	report("first ids", ids)
	x.keys("remove alice4@")
	x.expect(`alice4@`)
	for _, r := range "example.com" {
		keys = append(keys, x.latency(string(r)))
		time.Sleep(100 * time.Millisecond)
	}
	report("key to screen, a search for an address too", keys)
	fmt.Printf("%s: resident memory %d MB at most\n", name, peakMemory(t, x.cmd.Process.Pid)>>20)
	x.keys("\x15exit\r")
	x.ended(0)
}

// latency types a key and returns how long the screen takes to change.
func (x *terminal) latency(key string) time.Duration {
	x.mu.Lock()
	before := x.text.Len()
	x.mu.Unlock()
	start := time.Now()
	x.pty.WriteString(key)
	for time.Since(start) < patience {
		x.mu.Lock()
		changed := strings.Contains(string(x.text.Bytes()[before:]), key)
		x.mu.Unlock()
		if changed {
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
