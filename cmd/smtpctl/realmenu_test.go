package main

import (
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealMenu asks a real smtpd for what the menu offers: statistics, ids that a term
// leaves, and values after ~.
func TestRealMenu(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@temp.example"}})
	d.WaitQueued(1)
	id := strings.SplitN(run(t, "--socket", d.Socket, "--spool", d.Spool, "show", "queue").stdout, "|", 2)[0]
	x := openTerminalIn(t, t.TempDir(), nil, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(`, 1 envelope; \? or help(?s).*` + promptRE)
	x.keys("wait stats scheduler.envelope=")
	x.expect(`scheduler\.envelope=1 +what it is now`)
	x.keys("\x15show queue domain=temp.example " + id[:2])
	x.expect(id)
	x.keys("\x15show queue domain=other.example " + id[:2] + "\x15show queue domain~temp")
	x.expect(`domain~temp\\\.example`)
	x.keys("\x15pause mta\r")
	x.expect(`command succeeded(?s).*smtpctl \[mta paused\]> $`)
}
