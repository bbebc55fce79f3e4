package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// TestRealKilled kills a real smtpd in the middle of commands: they end in
// time, and say what was done and what was not.
func TestRealKilled(t *testing.T) {
	const messages = 400
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	var mails []realsmtpd.Mail
	for i := range messages {
		mails = append(mails, realsmtpd.Mail{From: "a@x.example", To: []string{fmt.Sprintf("b%d@temp.example", i)}})
	}
	d.Send(mails...)
	d.WaitQueued(messages)
	removed := regexp.MustCompile(`^(\d+) envelopes? removed\n`)
	broken := 0
	for _, line := range []string{"show queue", "monitor", "remove all"} {
		for i := range 10 {
			start := time.Now()
			cmd := exec.Command(program, append([]string{"--socket", d.Socket, "--spool", d.Spool, "--timeout", "3s"}, strings.Fields(line)...)...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			delay := time.Duration(3+2*i) * time.Millisecond
			if line == "monitor" {
				delay = time.Duration(100+200*i) * time.Millisecond
			}
			time.Sleep(delay)
			d.Kill()
			cmd.Wait()
			status := cmd.ProcessState.ExitCode()
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s: took %v", line, took)
			}
			switch {
			case status == 0 && line == "monitor", status != 0 && status != 1 && status != 3:
				t.Errorf("%s: status %d: %s", line, status, errs.String())
			case status != 0:
				broken++
				if strings.Count(errs.String(), "\n") != 1 {
					t.Errorf("%s: stderr %q, want one line", line, errs.String())
				}
			}
			if line == "remove all" && status != 0 && out.Len() > 0 {
				if m := removed.FindStringSubmatch(out.String()); m == nil || !strings.Contains(errs.String(), ": "+m[1]+" removed, ") {
					t.Errorf("remove all: stdout %q, stderr %q", out.String(), errs.String())
				}
			}
			d.Restart(nil)
			if line == "remove all" && i == 4 && d.Stat("scheduler.envelope") < 50 {
				d.Send(mails[:200]...)
			}
		}
	}
	if broken < 12 {
		t.Errorf("only %d of 30 commands were hit", broken)
	}
	if r := ours(t, d, "", "show", "status"); r.status != 0 {
		t.Errorf("the restarted smtpd: %v", r)
	}
}

var ctxBackground = context.Background()

var realSoak = flag.Int("real-soak", 3000, "how many random commands a real smtpd gets")

// soakLines are commands of all kinds; %s is an id.
var soakLines = []string{
	"show queue", "show status", "show stats", "show routes", "show relays", "show hosts", "show hoststats", "show mta paused",
	"pause envelope all", "resume envelope all", "schedule all", "pause envelope %s", "resume envelope %s", "schedule %s", "schedule %s",
	"remove %s", "show envelope %s", "show message %s", "show queue %.8s", "schedule %.8s", "pause envelope %.8s", "resume envelope %.8s",
	"pause mta", "resume mta", "pause mda", "resume mda", "trace smtp", "untrace smtp", "profile queue", "unprofile queue", "log brief",
	"discover %s", "discover %.8s", "update table aliases", "update table nosuch", "resume route 1", "resume route all",
	"pause mta from 192.0.2.1 for x.example", "resume mta from 192.0.2.1 for x.example", "bogus", "show", "remove 12", "remove 00000000%.8s",
	"show queue by error", "show queue sort=-age limit=5", "explain %s", "remove to=b3@*", "schedule older=1s", "pause envelope tries=1-",
	"resume envelope state=suspended", "remove -n all", "show queue -j", "show stats -o openmetrics", "wait empty for 1s",
	"show queue %.4s", "remove deadbeefdeadbeef", "trace nonsense", "show 'queue", "a | b",
}

// TestRealSoak gives a real smtpd random commands from eight sessions at once.
// It must survive, and neither it nor we may grow.
func TestRealSoak(t *testing.T) {
	const sessions = 8
	d := realsmtpd.Start(t, realsmtpd.Config{Extra: "table aliases file:/etc/aliases"})
	fills := 0
	refill := func() {
		var mails []realsmtpd.Mail
		for i := range 60 {
			to := []string{fmt.Sprintf("b%d@temp.example", i), "c@temp.example"}
			// By turns messages of one recipient, which are acted on as a whole.
			mails = append(mails, realsmtpd.Mail{From: "a@x.example", To: to[:1+fills%2]})
		}
		fills++
		d.Send(mails...)
	}
	refill()
	before := resources(t, d)
	rounds := max(1, *realSoak/sessions/250)
	for round := range rounds {
		var wg sync.WaitGroup
		for n := range sessions {
			wg.Go(func() { soakSession(t, d, uint64(round*sessions+n), *realSoak/sessions/rounds) })
		}
		wg.Wait()
		if !d.Running() {
			log := d.Log()
			t.Fatalf("smtpd exited: %s", log[max(0, len(log)-2000):])
		}
		if d.Stat("scheduler.envelope") < 40 {
			refill()
		}
	}
	if r := ours(t, d, "", "show", "status"); r.status != 0 {
		t.Errorf("smtpd does not answer: %v", r)
	}
	realsmtpd.WaitFor(t, 10*time.Second, "smtpd to close its descriptors", func() error {
		after := resources(t, d)
		if after.files > before.files+20 || after.memory > before.memory+200<<20 {
			return fmt.Errorf("%+v, before %+v", after, before)
		}
		return nil
	})
}

// soakSession runs random commands in one session, as a script.
func soakSession(t *testing.T, d *realsmtpd.Daemon, seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 7))
	var ids []protocol.EnvelopeID
	c, err := protocol.Dial(ctxBackground, d.Socket, protocol.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	for e, err := range c.Envelopes(ctxBackground) {
		if err == nil {
			ids = append(ids, e.ID)
		}
	}
	c.Close()
	var script strings.Builder
	for range n {
		line := soakLines[r.IntN(len(soakLines))]
		id := "1234567812345678"
		if len(ids) > 0 {
			id = ids[r.IntN(len(ids))].String()
		}
		if strings.Contains(line, "%") {
			line = fmt.Sprintf(line, id)
		}
		script.WriteString(line + "\n")
	}
	cmd := exec.Command(program, "--socket", d.Socket, "--spool", d.Spool, "-k")
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script.String()), io.Discard, &errs
	cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != 0 && status != 1 && status != 2 {
		t.Errorf("status %d: %s", status, tail(errs.String()))
	}
}

type usage struct{ files, memory int }

// resources adds up what smtpd's processes use.
func resources(t *testing.T, d *realsmtpd.Daemon) (u usage) {
	t.Helper()
	for _, p := range d.Processes() {
		fds, _ := os.ReadDir(p + "/fd")
		u.files += len(fds)
		b, _ := os.ReadFile(p + "/status")
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
				kb, _ := strconv.Atoi(f[1])
				u.memory += kb << 10
			}
		}
	}
	if u.files == 0 {
		t.Fatal("no smtpd found")
	}
	return u
}
