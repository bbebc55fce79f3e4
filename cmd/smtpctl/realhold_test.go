package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// A holdRun is a real smtpd, and the folder in which the records of its holds are.
type holdRun struct {
	*testing.T
	d   *realsmtpd.Daemon
	env []string
}

// command returns a run of the program with the folder of the records.
func (h *holdRun) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, append([]string{"--socket", h.d.Socket, "--spool", h.d.Spool}, args...)...)
	cmd.Env = h.env
	return cmd
}

// want runs a command and checks its first line.
func (h *holdRun) want(stdout string, args ...string) {
	h.Helper()
	if r := runCommand(h, h.command(args...), ""); r.status != 0 || !strings.HasPrefix(r.stdout, stdout) || stdout == "" && r.stdout != "" {
		h.Errorf("%q: %v, want %q", args, r, stdout)
	}
}

// count returns how many envelopes are selected.
func (h *holdRun) count(terms ...string) int {
	h.Helper()
	return strings.Count(ours(h.T, h.d, "", append([]string{"show", "queue"}, terms...)...).stdout, "\n")
}

// await waits until so many envelopes are selected.
func (h *holdRun) await(n int, terms ...string) {
	h.Helper()
	realsmtpd.WaitFor(h, patience, fmt.Sprintf("%d of %q", n, terms), func() error {
		if got := h.count(terms...); got != n {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
}

// TestRealHold holds mail of a real smtpd: what there is, what comes, what a restart has
// let go; it is released, and nothing else is. Then it measures how much of what comes
// under --stay is tried before it is suspended, and how long that takes.
func TestRealHold(t *testing.T) {
	var plant []realsmtpd.Planted
	for i := range 5 {
		text := envelopeText("relay", fmt.Sprintf("u%d@temp.example", i)) + fmt.Sprintf("last-try: %d\nretry: 60\n", time.Now().Unix())
		plant = append(plant, realsmtpd.Planted{ID: protocol.EnvelopeID(uint64(i+1)<<36 | 1), Text: text, Body: "Subject: held\n\n"})
	}
	h := &holdRun{T: t, d: realsmtpd.Start(t, realsmtpd.Config{Plant: plant}), env: append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())}
	h.d.WaitQueued(5)
	h.want("1 envelope paused\n", "pause", "envelope", "to=u0@temp.example")
	h.want("4 envelopes held\n", "hold", "domain=temp.example", "for=1h")
	h.want("", "hold", "--again")
	h.d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"new@temp.example"}}, realsmtpd.Mail{From: "a@x.example", To: []string{"new@slow.example"}})
	h.await(1, "to=new@temp.example", "state=pending")
	h.want("1 envelope held (domain=temp.example)\n", "hold", "--again")
	h.d.Restart(nil)
	h.await(6, "domain=temp.example", "state=pending,inflight,held")
	h.want("6 envelopes held (domain=temp.example)\n", "hold", "--again")
	h.await(6, "domain=temp.example", "state=suspended")
	// What was suspended by hand before the restart is held now; what is by hand from now on is not.
	h.want("6 envelopes released\n", "release", "domain=temp.example")
	h.want("1 envelope paused\n", "pause", "envelope", "to=u1@temp.example")
	h.want("5 envelopes held\n", "hold", "domain=temp.example")
	h.want("1 envelope removed\n", "remove", "to=u2@temp.example")
	h.want("4 envelopes released\n", "release", "domain=temp.example")
	if n := h.count("state=suspended"); n != 1 {
		t.Errorf("%d are suspended, want the one that was by hand", n)
	}
	h.want("", "show", "holds")
	h.stay()
}

// stay holds two destinations under --stay, one that refuses all mail for now and one
// that takes it, while mail for both comes.
func (h *holdRun) stay() {
	const mails = 25
	cmd := h.command("hold", "to=*@*.measured", "for=1h", "--stay", "every=1s")
	var out, errs realsmtpd.LockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	defer cmd.Process.Kill()
	realsmtpd.WaitFor(h, 10*time.Second, "the first pass", func() error {
		if !strings.Contains(errs.String(), "making a pass every 1s") {
			return fmt.Errorf("%s", errs.String())
		}
		return nil
	})
	h.d.Sink.Forget()
	sent := map[string]time.Time{}
	suspended := map[string]time.Duration{}
	conn := h.d.Dial()
	defer conn.Close()
	look := func() {
		for e, err := range conn.Envelopes(context.Background()) {
			if to := ""; err == nil && e.Flags&protocol.FlagSuspend != 0 {
				if to = e.Dest.String(); suspended[to] == 0 && !sent[to].IsZero() {
					suspended[to] = time.Since(sent[to])
				}
			}
		}
	}
	for i := range mails {
		bad, good := fmt.Sprintf("m%d@temp.measured", i), fmt.Sprintf("m%d@ok.measured", i)
		h.d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{bad}}, realsmtpd.Mail{From: "a@x.example", To: []string{good}})
		sent[bad], sent[good] = time.Now(), time.Now()
		for range 4 {
			time.Sleep(15 * time.Millisecond)
			look()
		}
	}
	realsmtpd.WaitFor(h, 10*time.Second, "all to be suspended or gone", func() error {
		look()
		if n := h.count("to=*@*.measured", "state=pending,inflight,held"); n > 0 {
			return fmt.Errorf("%d are not", n)
		}
		return nil
	})
	look()
	h.measured(mails, sent, suspended)
	h.d.Restart(nil)
	held := h.count("to=*@temp.measured")
	realsmtpd.WaitFor(h, 15*time.Second, "them to be held again", func() error {
		if n := h.count("to=*@temp.measured", "state=suspended"); n != mails {
			return fmt.Errorf("%d of %d", n, held)
		}
		return nil
	})
	// The pass that has suspended them says so when it ends.
	realsmtpd.WaitFor(h, 15*time.Second, "the end of the pass", func() error {
		if text := errs.String(); strings.Count(text, "continuing") != strings.Count(text, "the passes succeed again") {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(errs.String(), "envelopes stay suspended, also after ") {
		h.Errorf("status %d, %s%s", code, out.String(), errs.String())
	}
	if text := errs.String(); strings.Count(text, "continuing") != strings.Count(text, "the passes succeed again") {
		h.Errorf("the restart: %s", text)
	}
	h.want(fmt.Sprintf("%d envelopes released\n", mails+h.count("to=*@ok.measured")), "release", "to=*@*.measured")
}

// measured checks what came of the mail that came, and logs the numbers that the manual
// gives.
func (h *holdRun) measured(mails int, sent map[string]time.Time, suspended map[string]time.Duration) {
	h.Helper()
	took := h.d.Sink.Took()
	slipped := 0
	var times []time.Duration
	for to := range sent {
		switch {
		case took[to] > 0:
			slipped++
		case strings.HasSuffix(to, "@temp.measured"):
			times = append(times, suspended[to])
		}
	}
	slices.Sort(times)
	if len(times) != mails || times[0] == 0 {
		h.Fatalf("%d of %d were suspended: %v", len(times), mails, times)
	}
	var retried bytes.Buffer
	for line := range strings.Lines(ours(h.T, h.d, "", "show", "queue", "to=*@temp.measured", "tries=2-").stdout) {
		retried.WriteString(line)
	}
	h.Logf("with a pass each second: %d of %d mails to a server that takes them slipped through; those to one that refuses them were suspended after %v (median), %v (95 %%), %v (most), and tried a second time: %d",
		slipped, mails, times[len(times)/2], times[len(times)*95/100], times[len(times)-1], strings.Count(retried.String(), "\n"))
	if most := times[len(times)-1]; most > 5*time.Second {
		h.Errorf("an envelope was suspended after %v only", most)
	}
	if retried.Len() > 0 {
		h.Errorf("tried twice: %s", retried.String())
	}
	if files, _ := filepath.Glob(strings.TrimPrefix(h.env[len(h.env)-1], "XDG_STATE_HOME=") + "/smtpctl/holds/*.hold"); len(files) != 1 {
		h.Errorf("records: %q", files)
	}
}
