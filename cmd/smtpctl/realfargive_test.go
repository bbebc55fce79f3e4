package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote"
)

// TestRealFarRequeue gives mail to a real smtpd anew from another machine: byte for byte, with
// its options of DSN, and returns mail from there. It kills both at some of their steps, which
// neither loses mail nor doubles it.
func TestRealFarRequeue(t *testing.T) {
	// The usual address, and another.
	usual := remote.SMTPAddresses[0]
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Conf: "listen on lo port 25\nlisten on 127.0.0.1 port 2525 tag \"OTHER\"\nlisten on 127.0.0.1 port 2527 no-dsn\n" +
		"action \"sink\" relay host smtp://127.0.0.1:2626\nmatch from any for domain \"no.example\" reject\naction \"none\" relay host smtp://127.0.0.1:1\nmatch from socket for domain \"ok.example\" action \"none\"\nmatch from any for any action \"sink\"\n"})
	state := t.TempDir()
	ssh := newFarBed(t, "")
	far := func(step int, settings string, args ...string) result {
		t.Helper()
		b := &requeueBed{state: state, args: []string{"--socket", d.Socket, "--spool", d.Spool}}
		b.reach(t, ssh, settings)
		return b.run(t, step, args...)
	}
	message := "Received: from a by b;\n\tWed, 25 Nov 2026 00:00:00 +0000\nFrom: a@x.example\nTo: b@ok.example\nSubject: =?utf-8?q?x?= and " + strings.Repeat("long ", 300) +
		"\nDate: Wed, 25 Nov 2026 00:00:00 +0000\nMessage-ID: <1@x.example>\nX-Odd:\tone\n\ttwo\n\n.\n..\n.dots\nna\xc3\xafve \xff\x80\ttab \nFrom here\n" + strings.Repeat("y", 3000) + "\n\n\nlast\n"
	sendRaw(t, "<s@x.example> RET=HDRS ENVID=QQ314159", []string{"<e@ok.example>", "<b@ok.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alias@ok.example"}, message)
	sendRaw(t, "<>", []string{"<n@ok.example>"}, "Subject: null\n\nx\n")
	d.WaitQueued(3)
	before := envelopesOf(t, d)
	sp := spool.Open(d.Spool)
	stored, _ := os.ReadFile(sp.MessagePath(before["b@ok.example"].ID.Msg()))
	if r := far(0, "host mx1 = smtp=127.0.0.1:2527\n", "requeue", "to=*"); r.status != 1 || strings.Count(r.stdout, " -> ") != 1 || strings.Count(r.stderr, "(127.0.0.1:2527 there has no-dsn)") != 2 {
		t.Errorf("no options of DSN: %v\n%s", r, d.Log())
	}
	if r := far(0, "host mx1 = smtp=127.0.0.1:2626\n", "requeue", "to=*"); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "127.0.0.1:2626 there is not OpenSMTPD") {
		t.Errorf("another program: %v", r)
	}
	before["n@ok.example"] = envelopesOf(t, d)["n@ok.example"]
	r := far(0, "", "requeue", "to=*")
	if r.status != 0 || strings.Count(r.stdout, " -> ") != 3 || r.stderr != "3 envelopes requeued\n" {
		t.Fatalf("at %s: %v\n%s", usual, r, d.Log())
	}
	after := envelopesOf(t, d)
	for rcpt, b := range before {
		a := after[rcpt]
		if a.ID == b.ID || a.Sender != b.Sender || a.DSNNotify != b.DSNNotify || a.DSNRet != b.DSNRet || a.DSNEnvID != b.DSNEnvID || a.DSNOrcpt != b.DSNOrcpt ||
			a.Dispatcher != "sink" || !strings.Contains(r.stdout, fmt.Sprintf("%v -> %v\n", b.ID, a.ID)) {
			t.Errorf("%s:\n%+v\nbefore:\n%+v\n%v", rcpt, a, b, r)
		}
	}
	again, err := os.ReadFile(sp.MessagePath(after["b@ok.example"].ID.Msg()))
	field := string(again[:max(0, len(again)-len(stored))])
	if err != nil || field+string(stored) != string(again) || !strings.HasPrefix(field, "Received: from handover-") || strings.Count(field, "\nReceived") != 0 {
		t.Errorf("%v: %d bytes, were %d:\n%q\nbefore:\n%q", err, len(again), len(stored), again, stored)
	}
	if b := before["b@ok.example"]; b.DSNNotify != 3 || b.DSNEnvID != "QQ314159" || b.DSNRet != "HDRS" {
		t.Errorf("the options of DSN did not come: %+v", b)
	}
	kill := func(n int, words ...string) {
		t.Helper()
		for step := 2; ; step += 4 {
			r := far(step, "host mx1 = smtp=127.0.0.1:2525\n", words...)
			again := far(0, "host mx1 = smtp=127.0.0.1:2525\n", words...)
			if strings.Contains(again.stderr, "interrupted just when smtpd was to accept the mail") {
				far(0, "", "resume", "envelope", "all")
				again = far(0, "", words...)
			}
			if again.status != 0 {
				t.Errorf("step %d: %v\n%s", step, again, d.Log())
			}
			if all := envelopesOf(t, d); len(all) != n {
				t.Errorf("step %d: %d recipients: %v\n%v", step, len(all), r, again)
			}
			if r.status == 0 {
				return
			}
		}
	}
	kill(3, "requeue", "to=*")
	sendRaw(t, "<told@ok.example>", []string{"<x@z.example>", "<y@z.example>"}, message)
	d.WaitQueued(5)
	if r := far(0, "", "notify", "to=x@z.example"); r.status != 0 || r.stderr != "1 notice sent\n" {
		t.Errorf("notify: %v\n%s", r, d.Log())
	}
	here := func(args ...string) result { return ours(t, d, "", args...) }
	here("remove", "to=told@ok.example")
	kill(4, "bounce", "to=*@z.example")
	here("resume", "mta")
	here("schedule", "all")
	realsmtpd.WaitFor(t, 60*time.Second, "delivery", func() error {
		if r := here("show", "queue"); r.status != 0 || r.stdout != "" {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	took := d.Sink.Took()
	delete(took, "s@x.example") // who asked to be told of the delivery
	if err := once(took, 4); err != nil {
		t.Errorf("%v\n%s", err, d.Log())
	}
}

// TestRealFarRequeuePacked does so with a queue that is compressed and encrypted, in which what
// smtpd is receiving can be read only with the key.
func TestRealFarRequeuePacked(t *testing.T) {
	key := strings.Repeat("k", 32)
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Extra: "queue compression\nqueue encryption \"" + key + "\"\n"})
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Send(realsmtpd.Mail{From: "s@ok.example", To: []string{"a@ok.example", "b@ok.example"}, Body: "Subject: packed\n\nbody"})
	d.WaitQueued(2)
	before := envelopesOf(t, d)
	b := &requeueBed{state: t.TempDir(), args: []string{"--socket", d.Socket, "--spool", d.Spool, "--key-file", file}}
	b.reach(t, newFarBed(t, ""), "host mx1 = smtp=127.0.0.1:2525\n")
	if r := b.run(t, 0, "requeue", "to=*"); r.status != 0 || strings.Count(r.stdout, " -> ") != 2 || r.stderr != "2 envelopes requeued\n" {
		t.Errorf("%v\n%s", r, d.Log())
	}
	for rcpt, e := range envelopesOf(t, d) {
		if e.ID == before[rcpt].ID || !strings.HasPrefix(e.Helo, "handover-") {
			t.Errorf("%s: %+v", rcpt, e)
		}
	}
	if r := b.run(t, 0, "show", "message", envelopesOf(t, d)["a@ok.example"].ID.String()); !strings.Contains(r.stdout, "Subject: packed") {
		t.Errorf("%v", r)
	}
}
