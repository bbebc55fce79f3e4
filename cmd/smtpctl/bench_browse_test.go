package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// report prints how long keys took.
func report(what string, n []int) {
	slices.Sort(n)
	fmt.Printf("browse of a million: key to screen %s: median %.1f ms, 99th percentile %.1f ms\n", what, float64(n[len(n)/2])/1000, float64(n[len(n)*99/100])/1000)
}

// benchEcho returns how many microseconds a key takes to the screen where the program does
// nothing with it: what this machine takes for itself, which is much if it is busy.
func benchEcho(t *testing.T) (took []int) {
	x := inTerminal(t, t.TempDir(), nil, exec.Command("sh", "-c", "stty raw -echo && echo ready && exec cat"))
	x.expect("ready")
	length := func() int {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.text.Len()
	}
	for range 300 {
		start, before := time.Now(), length()
		x.pty.WriteString("j")
		for length() == before && time.Since(start) < patience {
			time.Sleep(100 * time.Microsecond)
		}
		took = append(took, int(time.Since(start).Microseconds()))
		time.Sleep(15 * time.Millisecond)
	}
	return took
}

// benchBrowse browses a million envelopes, and prints how long the first rows and keys
// take to appear, how many bytes a key takes on the line, and the memory of the program.
func benchBrowse(t *testing.T) {
	path := millionSim(t)
	start := time.Now()
	x := openTerminal(t, "--socket", path, "browse")
	wait := func(pattern string) {
		t.Helper()
		re := regexp.MustCompile(pattern)
		for end := time.Now().Add(3 * time.Minute); !re.MatchString(x.screen(0)); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no %q:\n%s", pattern, x.screen(0))
			}
		}
	}
	for len(regexp.MustCompile(`pending|inflight`).FindAllString(x.screen(0), -1)) < 15 {
		if time.Since(start) > patience {
			t.Fatalf("no rows:\n%s", x.screen(0))
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("browse of a million: first rows after %d ms\n", time.Since(start).Milliseconds())
	var while, after, sorted, sizes []int
	press := func(key string, into *[]int) {
		x.mu.Lock()
		before := x.text.Len()
		x.mu.Unlock()
		start := time.Now()
		x.pty.WriteString(key)
		for time.Since(start) < patience {
			x.mu.Lock()
			// tcell ends what it draws with the end of a synchronized update.
			done := bytes.Contains(x.text.Bytes()[before:], []byte("\x1b[7m"))
			n := x.text.Len() - before
			x.mu.Unlock()
			if done {
				*into = append(*into, int(time.Since(start).Microseconds()))
				sizes = append(sizes, n)
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(15 * time.Millisecond)
	}
	keys := strings.Repeat("jjjjkj", 25)
	for _, k := range keys {
		press(string(k), &while)
	}
	wait(`1000000 envelopes, `)
	fmt.Printf("browse of a million: all are listed after %.1f s\n", time.Since(start).Seconds())
	for _, k := range keys + keys {
		press(string(k), &after)
	}
	for range 60 {
		press("\x1b[6~", &after)
	}
	report("while they are listed", while)
	report("then", after)
	report("of a program that only echoes it", benchEcho(t))
	slices.Sort(sizes)
	fmt.Printf("browse of a million: %d bytes for a key, in the middle\n", sizes[len(sizes)/2])
	fmt.Printf("browse of a million: resident memory %d MB at most\n", peakMemory(t, x.cmd.Process.Pid)>>20)
	x.keys("sto\r")
	wait(`sort=to.* 1000000 envelopes, `)
	for range 100 {
		press("\x1b[6~", &sorted)
	}
	x.keys("\x1b[F")
	wait(`(?s)sort=to.* to judy9@slow.example`)
	report("in a list sorted by recipient", sorted)
	x.keys("sa\r")
	wait(`sort=age.* 1000000 envelopes, `)
	x.keys("gf\r")
	wait(`by from .*groups`)
	x.keys("\x7f")
	wait(`sort=age.* 1000000 envelopes, `)
	x.keys("a")
	wait(`1000000 marked`)
	x.keys("d")
	wait(`remove: 1000000 envelopes`)
	x.keys("\r")
	wait(`nothing done`)
	fmt.Printf("browse of a million: resident memory %d MB at most with an order, groups and all marked\n", peakMemory(t, x.cmd.Process.Pid)>>20)
	x.keys("q")
	x.ended(0)
}
