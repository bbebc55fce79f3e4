package main

import (
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealLast lists the mail of a real smtpd, has mail come that would be listed too and
// mail leave, and removes what was listed.
func TestRealLast(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	send := func(from string, to ...string) {
		d.Send(realsmtpd.Mail{From: from, To: to, Body: "Subject: x\n\nbody\n"})
	}
	send("s@spam.example", "a@ok.example", "b@ok.example", "c@ok.example")
	send("t@x.example", "d@ok.example")
	d.WaitQueued(4)
	x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(`smtpctl[^>]*> $`)
	x.run("show queue from=@spam.example columns=to", `c@ok\.example`)
	send("s@spam.example", "new@ok.example")
	d.WaitQueued(5)
	if r := ours(t, d, "", "remove", "to=b@ok.example"); r.status != 0 {
		t.Fatal(r)
	}
	x.keys("remove _\r")
	x.expect(`remove: 2 envelopes(?s).*\[y/N\] `)
	x.keys("y\r")
	x.expect(`2 envelopes removed(?s).*1 envelope of the last listing, .*left the queue meanwhile(?s).*smtpctl[^>]*> $`)
	d.WaitQueued(2)
	// The marks of browse, in an order that is not that of the ids.
	x.keys("browse\r")
	x.glassShows(`2 envelopes, `)
	x.keys("sto\r")
	x.glassShows(`sort=to .*2 envelopes, (.*\n)+.*d@ok\.example`)
	x.keys(" q")
	x.expect(`_ stands for 1 envelope that was marked(?s).*smtpctl[^>]*> $`)
	x.run("pause envelope _", "1 envelope paused")
	x.keys("exit\r")
	x.ended(0)
	if r := ours(t, d, "", "show", "queue", "state=suspended"); strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, "|d@ok.example|") {
		t.Errorf("suspended: %v", r)
	}
	if r := ours(t, d, "", "show", "queue"); strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, "|new@ok.example|") {
		t.Errorf("in the queue: %v", r)
	}
}
