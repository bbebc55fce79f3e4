package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// farTrip is how long the way to the machine of benchFar takes, there and back.
const farTrip = 100 * time.Millisecond

// againstEach measures what is wanted of this program pair by pair with something else, and
// prints the medians of both and of the ratio of each pair, next to the ratio that is wanted.
func againstEach(what string, n int, goal string, other, this func() time.Duration) {
	var others, ours timing
	var ratios []float64
	for range n {
		a, b := other(), this()
		others, ours, ratios = append(others, a), append(ours, b), append(ratios, float64(b)/float64(a))
	}
	slices.Sort(ratios)
	fmt.Printf("%-64s other %11s   this %11s   %6.3f of its time (%.3f to %.3f in %d pairs; wanted: %s)\n", what, ms(others.median()), ms(ours.median()),
		ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], n, goal)
}

// A farSession is a session that is connected to another machine, and takes commands.
type farSession struct {
	t  testing.TB
	in io.WriteCloser
	r  *bufio.Reader
}

// session starts this program for a list of hosts, and waits until it is connected to all.
func (b *farBed) session(hosts string, options ...string) *farSession {
	b.t.Helper()
	cmd := b.command(append(options, "-k", "-f", "-")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	s := &farSession{b.t, in, bufio.NewReaderSize(out, 1<<20)}
	fmt.Fprintf(in, "connect %s\n", hosts)
	for range strings.Split(hosts, ",") {
		if line, err := s.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "connected to ") {
			b.t.Fatalf("%q, %v", line, err)
		}
	}
	return s
}

// took returns how long a command takes that prints so many lines.
func (s *farSession) took(command string, lines int) time.Duration {
	start := time.Now()
	fmt.Fprintln(s.in, command)
	for i := range lines {
		if line, err := s.r.ReadString('\n'); err != nil {
			s.t.Fatalf("%s: line %d of %d: %q, %v", command, i+1, lines, line, err)
		}
	}
	return time.Since(start)
}

// ran returns how long a program takes that prints so many lines.
func ran(t testing.TB, cmd *exec.Cmd, lines int) time.Duration {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if n := strings.Count(string(out), "\n"); err != nil || n != lines {
		t.Errorf("%v: %d lines of %d, %v: %s", cmd.Args, n, lines, err, stderr.String())
	}
	return took
}

// benchFar measures what lists the queue of another machine, to which the way is long, next to
// ssh with this program at its end, and next to a client that waits for each answer.
func benchFar(t *testing.T, n int) {
	d := benchDaemon(t, n, 1)
	b := newFarBed(t, "")
	b.Slow(farTrip)
	options := []string{"--socket", d.Socket, "--spool", d.Spool}
	show := append(slices.Clone(options), "show", "queue")
	ssh := func(more ...string) *exec.Cmd {
		cmd := b.command()
		words := append(append(more, "mx1", program), show...)
		cmd.Args, cmd.Path = append([]string{"ssh"}, words...), b.Dir+"/bin/ssh"
		return cmd
	}
	what := fmt.Sprintf("%d envelopes, %v away, ", n, farTrip)
	againstEach(what+"cold, next to ssh", 5, "at most 1.5", func() time.Duration { return ran(t, ssh(), n) },
		func() time.Duration { return ran(t, b.command(append(show, "--host", "mx1")...), n) })

	control := b.Dir + "/bench"
	master := exec.Command(b.Dir+"/bin/ssh", "-N", "-M", "-S", control, "mx1")
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		master.Process.Kill()
		master.Wait()
	}()
	if err := waitFor(func() bool {
		return exec.Command(b.Dir+"/bin/ssh", "-S", control, "-O", "check", "mx1").Run() == nil
	}); err != nil {
		t.Fatal(err)
	}
	s := b.session("mx1", options...)
	againstEach(what+"connected, next to ssh", 5, "at most 1.5", func() time.Duration { return ran(t, ssh("-S", control), n) },
		func() time.Duration { return s.took("show queue", n) })

	// A client that waits for each answer takes two round trips for each message, which is more
	// than an hour for all: it is measured with few messages, and its time is scaled.
	few := min(n, 150)
	limit := fmt.Sprintf("show queue limit=%d", few)
	one := b.session("mx1", append(slices.Clone(options), "--window", "1")...)
	scaled := func(took time.Duration) time.Duration { return took * time.Duration(n) / time.Duration(few) }
	againstEach(what+fmt.Sprintf("connected, next to waiting (scaled from %d)", few), 1, "at most 0.05",
		func() time.Duration { return scaled(one.took(limit, few)) }, func() time.Duration { return s.took("show queue", n) })
}

// waitFor waits until something is true.
func waitFor(is func() bool) error {
	for start := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			return fmt.Errorf("not within %v", time.Since(start))
		}
	}
	return nil
}
