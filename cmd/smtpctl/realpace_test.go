package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// TestRealPace schedules mail of a real smtpd some at a time: what is taken, what is put
// off, up to the share of failures at which it stops, and up to a Ctrl-C.
func TestRealPace(t *testing.T) {
	var all []realsmtpd.Planted
	plant := func(n int, domain string) {
		for range n {
			i := len(all) + 1
			text := envelopeText("relay", fmt.Sprintf("u%d@%s", i, domain)) + fmt.Sprintf("last-try: %d\nretry: 60\n", time.Now().Unix())
			all = append(all, realsmtpd.Planted{ID: protocol.EnvelopeID(uint64(i)<<36 | 1), Text: text, Body: "Subject: paced\n\n"})
		}
	}
	plant(25, "ok.example")
	plant(15, "temp.example")
	plant(4, "slow.example")
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: all})
	d.WaitQueued(len(all))
	count := func(terms ...string) int {
		return strings.Count(ours(t, d, "", append([]string{"show", "queue"}, terms...)...).stdout, "\n")
	}
	if r := ours(t, d, "", "schedule", "-n", "to=*@ok.example", "batch=10"); !strings.Contains(r.stderr, "25 envelopes would be scheduled, in 3 batches of 10; nothing was") || count() != len(all) {
		t.Errorf("dry run: %v", r)
	}
	start := time.Now()
	r := ours(t, d, "", "schedule", "to=*@ok.example", "rate=10/1s")
	if r.status != 0 || r.stdout != "25 envelopes scheduled\n" || !strings.Contains(r.stderr, "25 left the queue, delivered or returned") || count("to=*@ok.example") != 0 {
		t.Errorf("rate: %v", r)
	}
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("three batches of a second each took %v", took)
	}
	r = ours(t, d, "", "schedule", "to=*@temp.example", "batch=5")
	if r.status != 1 || r.stdout != "10 envelopes scheduled\n" || !strings.Contains(r.stderr, "10 put off; 5 untouched") ||
		!strings.Contains(r.stderr, "10 put off: 451 4.3.0 come back later") || !strings.Contains(r.stderr, "stopped: 10 of the 10 envelopes tried have failed (stop=50%): 10 of 15 scheduled, the rest unchanged") {
		t.Errorf("stop: %v", r)
	}
	r = ours(t, d, "", "-j", "schedule", "to=*@temp.example", "batch=5", "stop=100%")
	if r.status != 0 || !strings.Contains(r.stdout, `"selected":15,"scheduled":15,"left":0,"put_off":15`) {
		t.Errorf("no stop: %v", r)
	}
	cmd := exec.Command(program, "--socket", d.Socket, "--spool", d.Spool, "schedule", "to=*@slow.example", "batch=2")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	realsmtpd.WaitFor(t, patience, "the first batch", func() error {
		if n := count("to=*@slow.example", "state=inflight"); n != 2 {
			return fmt.Errorf("%d in flight", n)
		}
		return nil
	})
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if !strings.Contains(out.String(), "2 envelopes scheduled") || !strings.Contains(errs.String(), "2 of 4 scheduled, the rest unchanged") || !strings.Contains(errs.String(), "2 not through yet; 2 untouched") || cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("Ctrl-C: status %d, %s%s", cmd.ProcessState.ExitCode(), out.String(), errs.String())
	}
	ours(t, d, "", "pause", "mta")
	r = ours(t, d, "", "schedule", "to=*@temp.example", "batch=5")
	if r.status != 1 || !strings.Contains(r.stderr, "deliveries are paused: resume mta, or mda, first") || !strings.Contains(r.stderr, "10 untouched") {
		t.Errorf("paused: %v", r)
	}
}
