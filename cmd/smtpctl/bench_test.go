package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
	fmt.Printf("%s/%s, %d CPUs, %s, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	n := *benchQueue
	t.Run("start", benchStart)
	t.Run("listing", func(t *testing.T) { benchListing(t, n) })
	t.Run("remove", func(t *testing.T) { benchRemove(t, n) })
	t.Run("schedule", func(t *testing.T) { benchSchedule(t, n) })
	t.Run("recipients", func(t *testing.T) { benchRecipients(t, n/10) })
	t.Run("offline", func(t *testing.T) { benchOffline(t, n*5/2) })
	t.Run("restore", func(t *testing.T) { benchRestore(t, n/2) })
	t.Run("requeue", func(t *testing.T) { benchRequeue(t, n/20) })
	t.Run("content", func(t *testing.T) { benchContent(t, n) })
	t.Run("log", func(t *testing.T) { benchLog(t, 1<<30) })
	t.Run("million", benchMillion)
	t.Run("browse", benchBrowse)
	t.Run("far", func(t *testing.T) { benchFar(t, n) })
	t.Run("machines", benchMachines)
}

// A timing is how long something took, each time it was done.
type timing []time.Duration

// median returns the middle one.
func (d timing) median() time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// percentile returns the time that p percent are below.
func (d timing) percentile(p int) time.Duration {
	slices.Sort(d)
	return d[len(d)*p/100]
}

// ms writes a time in milliseconds.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// versus prints the medians of OpenSMTPD's smtpctl and of this one, and how much
// faster this one is.
func versus(what string, theirs, ours timing) {
	fmt.Printf("%-44s smtpctl %10s   this %10s   %5.1f times faster\n", what, ms(theirs.median()), ms(ours.median()),
		float64(theirs.median())/float64(ours.median()))
}

// took returns how long f takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// millionSim starts a simulation with a million messages, and returns its socket.
func millionSim(t *testing.T) string {
	path := simtest.Socket(t)
	startSimProcess(t, path, 1_000_000)
	return path
}

// benchMillion measures the prompt and listings on a simulation with a million
// messages.
func benchMillion(t *testing.T) {
	path := millionSim(t)
	for _, words := range [][]string{{"show", "queue"}, {"show", "queue", "-o", "table"}, {"show", "queue", "-j"}} {
		cmd := exec.Command(program, append([]string{"--socket", path}, words...)...)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		n, peak := 0, 0
		r := bufio.NewScanner(out)
		r.Buffer(nil, 1<<20)
		for r.Scan() {
			if n++; n%10_000 == 0 {
				peak = max(peak, peakMemory(t, cmd.Process.Pid))
			}
		}
		if err := cmd.Wait(); err != nil || n < 999_000 {
			t.Errorf("%q: %d lines, %v", words, n, err)
		}
		fmt.Printf("%-44s resident memory %d MB at most\n", strings.Join(words, " ")+", a million simulated", peak>>20)
	}
	begun := time.Now()
	explain := exec.Command(program, "--socket", path, "explain", "limit=3")
	if out, err := explain.Output(); err != nil || len(out) == 0 {
		t.Errorf("explain: %v", err)
	}
	fmt.Printf("%-44s %s, resident memory %d MB at most\n", "explain, a million simulated", ms(time.Since(begun)), explain.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10)
	benchPrompt(t, "prompt on a million simulated messages", "--socket", path)
}

// peakMemory returns the most resident memory that a process has had, in bytes; 0 if it
// has ended, and nobody has waited for it yet.
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
	return 0
}
