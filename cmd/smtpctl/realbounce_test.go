package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/spool"
)

// TestRealBounce returns mail through a real smtpd, which delivers the notices, and kills
// bounce at some of its steps: each sender gets one notice for each message.
func TestRealBounce(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	state := t.TempDir()
	here := func(step int, args ...string) result {
		t.Helper()
		return killableIn(t, state, step, append([]string{"--socket", d.Socket, "--spool", d.Spool}, args...)...)
	}
	send := func(n int) {
		for i := range n {
			d.Send(realsmtpd.Mail{From: fmt.Sprintf("s%d@ok.example", i), To: []string{"a@temp.example", "b@temp.example"}, Body: "Subject: late\n\nsecret\n"})
		}
		realsmtpd.WaitFor(t, patience, "the first attempts", func() error {
			if r := here(0, "show", "queue", "error~451"); strings.Count(r.stdout, "\n") != 2*n {
				return fmt.Errorf("%v", r)
			}
			return nil
		})
	}
	delivered := func(what string, n int) {
		t.Helper()
		realsmtpd.WaitFor(t, 60*time.Second, what, func() error {
			took := d.Sink.Took()
			for i := range n {
				if took[fmt.Sprintf("s%d@ok.example", i)] == 0 {
					return fmt.Errorf("%v", took)
				}
			}
			if r := here(0, "show", "queue"); r.stdout != "" {
				return fmt.Errorf("%v", r)
			}
			return nil
		})
		if err := once(d.Sink.Took(), n); err != nil {
			t.Errorf("%s: %v\n%s", what, err, d.Log())
		}
		d.Sink.Forget()
	}
	send(2)
	// A notice that mail is late leaves the mail where it is.
	if r := here(0, "notify", "to=a@temp.example"); r.status != 0 || r.stderr != "2 notices sent\n" {
		t.Errorf("notify: %v", r)
	}
	realsmtpd.WaitFor(t, 60*time.Second, "the notices", func() error {
		if took := d.Sink.Took(); took["s0@ok.example"] != 1 || took["s1@ok.example"] != 1 {
			return fmt.Errorf("%v", took)
		}
		return nil
	})
	d.Sink.Forget()
	here(0, "pause", "mta")
	if r := here(0, "-n", "bounce", "error~451", "--reason", "We gave up."); r.status != 0 || strings.Count(r.stdout, "Action: failed") != 4 || !strings.Contains(r.stdout, "We gave up.") || !strings.Contains(r.stderr, "nothing was sent or removed") {
		t.Errorf("dry run: %v", r)
	}
	if r := here(0, "bounce", "error~451", "--reason", "We gave up."); r.status != 0 || strings.Count(r.stdout, " -> ") != 4 || r.stderr != "4 envelopes returned\n" {
		t.Errorf("bounce: %v\n%s", r, d.Log())
	}
	for rcpt, e := range envelopesOf(t, d) {
		text, err := os.ReadFile(spool.Open(d.Spool).MessagePath(e.ID.Msg()))
		if err != nil || e.Sender.String() != "@" || !strings.HasSuffix(rcpt, "@ok.example") || !strings.Contains(string(text), "Status: 5.3.0\nDiagnostic-Code: smtp; 451 4.3.0 come back later") ||
			!strings.Contains(string(text), "Subject: late") || strings.Contains(string(text), "secret") || strings.Count(string(text), "Final-Recipient: ") != 2 {
			t.Errorf("%s: %v, %+v\n%s", rcpt, err, e, text)
		}
	}
	// Nobody is told of a notice that fails.
	if r := here(0, "bounce", "from=<>"); r.status != 1 || !strings.Contains(r.stderr, "null sender") {
		t.Errorf("of a bounce: %v", r)
	}
	here(0, "resume", "mta")
	delivered("the notices", 2)
	for step := 2; ; step += 5 {
		send(1)
		r := here(step, "bounce", "to=*@temp.example")
		again := here(0, "bounce", "to=*@temp.example")
		if strings.Contains(again.stderr, "interrupted just when smtpd was to accept the mail") {
			here(0, "resume", "envelope", "all")
			again = here(0, "bounce", "to=*@temp.example")
		}
		if again.status != 0 {
			t.Errorf("step %d: %v\n%s", step, again, d.Log())
		}
		delivered(fmt.Sprintf("the notice after step %d", step), 1)
		if r.status == 0 {
			break
		}
	}
}
