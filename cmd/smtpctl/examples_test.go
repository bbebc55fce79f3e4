package main

import (
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
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// An exampleRun runs the scripts in examples with a queue of two envelopes that
// failed with an error 451, and three from spam@x.example to hold.example.
type exampleRun struct {
	*testing.T
	opts  []string
	ran   map[string]bool
	state string // the folder of what outlasts a session
}

// example runs a script of examples.
func (x *exampleRun) example(name string, args ...string) result {
	x.Helper()
	x.ran[name] = true
	cmd := exec.Command("../../examples/"+name, args...)
	stdin := ""
	if text, err := os.ReadFile("../../examples/" + name); err != nil {
		x.Fatal(err)
	} else if !strings.HasPrefix(string(text), "#!") { // to be piped in
		cmd = exec.Command(program, append(x.opts, args...)...)
		stdin = string(text)
	}
	cmd.Env = append(os.Environ(), "SMTPCTL="+program+" "+strings.Join(x.opts, " "), "XDG_STATE_HOME="+x.state)
	return runCommand(x, cmd, stdin)
}

// want runs an example and checks its status and what it prints.
func (x *exampleRun) want(status int, stdout string, name string, args ...string) {
	x.Helper()
	r := x.example(name, args...)
	if r.status != status || !strings.Contains(r.stdout, stdout) {
		x.Errorf("%s %q: %v, want status %d and %q", name, args, r, status, stdout)
	}
}

// all runs each example. Relaying is paused or not.
func (x *exampleRun) all(paused bool) {
	x.Helper()
	const hold, failed, failing, sender = 3, 2, "*451*", "spam@x.example"
	folder := x.TempDir()
	if !paused {
		x.want(0, "OK - 0 envelopes", "check-queue", "5", "10")
		x.want(0, "MTA running", "nightly-report", "-k")
		run(x.T, append(x.opts, "pause", "mta")...)
	}
	x.want(1, "WARNING - 0 envelopes were tried 3 times or more, paused: MTA", "check-queue", "5", "10")
	x.want(0, "MTA paused", "nightly-report", "-k")
	x.want(0, "", "hold-domain", "-a")
	x.want(0, fmt.Sprintf("%d envelopes held\n", hold), "hold-domain", "hold.example", "1h")
	run(x.T, append(x.opts, "resume", "envelope", "domain=hold.example")...) // as a restart does
	x.want(0, fmt.Sprintf("%d envelopes held (domain=hold.example)\n", hold), "hold-domain", "-a")
	x.want(0, fmt.Sprintf("%d envelopes released\n", hold), "hold-domain", "-r", "hold.example")
	x.want(1, "", "hold-domain", "-r", "hold.example")
	x.want(0, fmt.Sprintf("%d envelopes scheduled\n", failed), "requeue-by-error", failing)
	x.want(0, "", "requeue-by-error", "*nothing like that*")
	x.want(2, "CRITICAL", "check-queue", "0", "0")
	x.want(0, "", "openmetrics-cron", folder)
	if text, _ := os.ReadFile(folder + "/smtpd.prom"); !strings.HasSuffix(string(text), "# EOF\n") {
		x.Errorf("smtpd.prom: %q", text)
	}
	x.want(1, "still queued after 1s:", "drain", "1s")
	run(x.T, append(x.opts, "resume", "smtp")...)
	x.want(0, fmt.Sprintf("%d envelopes removed\n", hold), "clean-up-spam", sender, folder+"/copies")
	copies, _ := filepath.Glob(folder + "/copies/*/[0-9a-f]*")
	if len(copies) != hold {
		x.Errorf("%d copies, want %d", len(copies), hold)
	}
	x.want(0, "nothing to remove", "clean-up-spam", sender, folder+"/copies")
	left := strings.Count(run(x.T, append(x.opts, "show", "queue")...).stdout, "\n")
	x.want(0, fmt.Sprintf("%d envelopes moved to ", left), "move-queue", "out", folder+"/moved")
	x.want(0, fmt.Sprintf("%d envelopes are in the queue", left), "move-queue", "in", folder+"/moved")
	run(x.T, append(x.opts, "remove", "all")...)
	x.want(0, "the queue is empty", "drain", "30s")
	for _, name := range examplesOf(x.T) {
		if !x.ran[name] {
			x.Errorf("examples/%s did not run", name)
		}
	}
}

// TestExamples runs the examples on a simulation.
func TestExamples(t *testing.T) {
	t.Parallel()
	path := simtest.Socket(t)
	spool := t.TempDir()
	sim, err := smtpdsim.Start(path, smtpdsim.Config{Spool: spool})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	later := time.Now().Unix() + 3600
	add := func(id protocol.EnvelopeID, from, to, failure string) {
		sim.Add(smtpdsim.Envelope{ID: id, Flags: protocol.FlagPending, Time: later, Text: strings.Replace(envelopeText("relay", to), "s@x.example", from, 1) + "errorline: " + failure + "\n"})
	}
	for i := range protocol.EnvelopeID(3) {
		add((i+1)<<32|1, "spam@x.example", "h@hold.example", "")
	}
	for i := range protocol.EnvelopeID(2) {
		add((i+7)<<32|1, "a@x.example", "b@temp.example", "451 4.3.0 come back later")
	}
	(&exampleRun{t, []string{"--socket", path, "--spool", spool}, map[string]bool{}, t.TempDir()}).all(false)
}

// TestRealExamples runs them on a real smtpd, whose relaying is paused lest the
// mail is gone before they see it.
func TestRealExamples(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	for range 2 {
		d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@temp.example"}})
	}
	realsmtpd.WaitFor(t, patience, "both to fail", func() error {
		if r := ours(t, d, "", "show", "queue", "error=*451*", "state=pending"); strings.Count(r.stdout, "\n") != 2 {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	ours(t, d, "", "pause", "mta")
	for i := range 3 {
		d.Send(realsmtpd.Mail{From: "spam@x.example", To: []string{fmt.Sprintf("h%d@hold.example", i)}})
	}
	d.WaitQueued(5)
	(&exampleRun{t, []string{"--socket", d.Socket, "--spool", d.Spool}, map[string]bool{}, t.TempDir()}).all(true)
}

// TestExamplesSayWhatTheyAre wants a comment at the head of each.
func TestExamplesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range examplesOf(t) {
		text, _ := os.ReadFile("../../examples/" + name)
		lines := slices.Collect(strings.Lines(strings.TrimPrefix(string(text), "#!/bin/sh\n")))
		if len(lines) < 2 || !strings.HasPrefix(lines[0], "# ") || !strings.HasPrefix(lines[1], "#") {
			t.Errorf("%s does not say what it is for", name)
		}
	}
}

// examplesOf returns the names of the examples.
func examplesOf(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() { // those hold what other programs read: see TestMetricsOfExamples
			names = append(names, e.Name())
		}
	}
	return names
}
