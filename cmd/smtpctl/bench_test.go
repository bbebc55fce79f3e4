package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
)

var benchQueue = flag.Int("bench-queue", 0, "measure on a real smtpd with so many messages; 0 skips it")

// simMain is a simulated smtpd as a process of its own: SOCKET MESSAGES.
func simMain() {
	n, err := strconv.Atoi(os.Args[2])
	if err == nil {
		var s *smtpdsim.Server
		if s, err = smtpdsim.Start(os.Args[1], smtpdsim.Config{Seed: 1, Messages: n}); err == nil {
			defer s.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT)
	<-ch
}

// TestBench measures and prints; it fails only if something does not work.
func TestBench(t *testing.T) {
	if *benchQueue == 0 {
		t.Skip("measures only when asked to: see just bench")
	}
	fmt.Printf("%s/%s, %d CPUs, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	t.Run("real", func(t *testing.T) { benchReal(t, *benchQueue) })
	t.Run("million", benchMillion)
}

// benchReal measures on a real smtpd.
func benchReal(t *testing.T, n int) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	d.Limit = 10 * time.Minute
	mails := make([]realsmtpd.Mail, n)
	for i := range mails {
		mails[i] = realsmtpd.Mail{From: fmt.Sprintf("s%d@x.example", i), To: []string{fmt.Sprintf("r%d@temp.example", i)}}
	}
	start := time.Now()
	d.Send(mails...)
	d.WaitQueued(n)
	fmt.Printf("%d messages sent to smtpd in %v\n", n, time.Since(start).Round(time.Millisecond))

	start = time.Now()
	want := theirs(d, "", "show", "queue")
	base := time.Since(start)
	start = time.Now()
	got := ours(t, d, "", "show", "queue")
	took := time.Since(start)
	if strings.Count(got.stdout, "\n") != n || strings.Count(want.stdout, "\n") != n {
		t.Errorf("show queue: %d lines, smtpctl %d, want %d", strings.Count(got.stdout, "\n"), strings.Count(want.stdout, "\n"), n)
	}
	fmt.Printf("show queue: smtpctl %v, this %v, %.1f times faster\n", base.Round(time.Millisecond), took.Round(time.Millisecond), float64(base)/float64(took))
	benchPrompt(t, fmt.Sprintf("prompt on %d messages", n), "--socket", d.Socket, "--spool", d.Spool)
}

// benchMillion measures the prompt on a simulation with a million messages.
func benchMillion(t *testing.T) {
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	startSimProcess(t, path, 1_000_000)
	benchPrompt(t, "prompt on a million simulated messages", "--socket", path)
}

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

// peakMemory returns the most resident memory that a process has had, in bytes.
func peakMemory(t *testing.T, pid int) int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == "VmHWM:" {
			n, _ := strconv.Atoi(f[1])
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
