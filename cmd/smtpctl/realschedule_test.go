package main

import (
	"fmt"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// TestRealSchedule runs as a script what makes smtpd exit when smtpctl does it.
func TestRealSchedule(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	var mails []realsmtpd.Mail
	for i := range 50 {
		mails = append(mails, realsmtpd.Mail{From: "a@x.example", To: []string{fmt.Sprintf("b%d@temp.example", i), "c@temp.example"}})
	}
	ours(t, d, "", "pause", "mta")
	d.Send(mails...)
	d.WaitQueued(100)
	r := ours(t, d, "pause envelope all; schedule all; resume envelope all; resume mta; show status")
	want := "100 envelopes paused\n0 envelope scheduled\n100 envelopes resumed\ncommand succeeded\nMDA running\nMTA running\nSMTP running\n"
	if r.stdout != want || r.status != 0 {
		t.Errorf("%v", r)
	}
	time.Sleep(time.Second)
	if !d.Running() {
		t.Fatalf("smtpd exited: %s", d.Log())
	}
	if r := ours(t, d, "", "show", "status"); r.status != 0 {
		t.Errorf("smtpd does not answer: %v", r)
	}
}

// TestRealScheduleTwice schedules mail that is due already, while relaying is
// paused, where smtpctl makes smtpd lose track of it. It must all go out later.
func TestRealScheduleTwice(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range 5 {
		d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{fmt.Sprintf("b%d@ok.example", i)}})
		d.WaitQueued(i + 1)
		if r := ours(t, d, "schedule all; schedule all"); r.status != 0 || r.stdout != fmt.Sprintf("%[1]d envelope%[2]s scheduled\n%[1]d envelope%[2]s scheduled\n", i+1, map[bool]string{true: "s"}[i > 0]) {
			t.Errorf("schedule all, twice: %v", r)
		}
	}
	if r := ours(t, d, "", "resume", "mta"); r.status != 0 {
		t.Fatalf("resume mta: %v", r)
	}
	d.WaitQueued(0)
}

// TestRealNonRoot asks a real smtpd as an ordinary user.
func TestRealNonRoot(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	r := runCommand(t, asNobody(program, "--socket", d.Socket, "show", "status"), "")
	if r.status != 1 || r.stdout != "" || r.stderr != "smtpctl: show status: permission denied: smtpd answers only to root; use sudo or doas\n" {
		t.Errorf("show status: %v", r)
	}
	r = runCommand(t, asNobody(program, "--socket", d.Socket, "pause", "mta"), "")
	if r.status != 1 || r.stdout != "" {
		t.Errorf("pause mta: %v", r)
	}
	r = runCommand(t, asNobody(program, "--socket", d.Socket, "encrypt", "x"), "")
	if r.status != 0 {
		t.Errorf("encrypt: %v", r)
	}
}
