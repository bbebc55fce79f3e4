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

// TestRealNonRoot asks a real smtpd as an ordinary user.
func TestRealNonRoot(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	r := runCommand(t, asNobody(program, "--socket", d.Socket, "show", "status"), "")
	if r.status != 1 || r.stdout != "" || r.stderr != "smtpctl: show status: permission denied: smtpd answers only to root\n" {
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
