package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// tableMail is an envelope that fills a screen of 80 columns without its error.
const tableMail = "version: 3\ntype: mta\nsender: newsletter@mail.example.com\nrcpt: recipient@example.org\ndest: recipient@example.org\n" +
	"ctime: 1\nretry: 2\nerrorline: 451 4.7.1 greylisted, try again later\n"

// TestTablesOnATerminal lists envelopes on two sizes of the screen, in a pipe, and where
// there are none.
func TestTablesOnATerminal(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: tableMail})
	x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", path)
	x.expect(promptRE)
	x.keys("show queue\r")
	x.expect(`ID +AGE STATE +TRIES NEXT FROM +TO\n +ERROR\nabcd000100000001 .*@mail\.example\.com .*@example\.org\n  451 4\.7\.1 greylisted, try again later\n`)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 50, Cols: 200})
	x.keys("show queue\r")
	x.expect(`ID +AGE STATE +TRIES NEXT FROM +TO +ERROR\nabcd000100000001 .*newsletter@mail\.example\.com recipient@example\.org 451 4\.7\.1 greylisted, try again later\n`)
	x.keys("show queue | grep greylisted\r")
	x.expect(`\nabcd000100000001 +\d+d pending +2 .* recipient@example\.org +451`)
	x.keys("show queue -o plain | grep greylisted\r")
	x.expect(`\nabcd000100000001\|`)
	x.keys("show queue columns=to,error\r")
	x.expect(`\nTO +ERROR\nrecipient@example\.org 451`)
	x.keys("show queue columns=tr\t\r")
	x.expect(`\nTRIES\n    2\n`)
	for _, line := range []string{"show queue from=nobody@nowhere.example", "show queue from=nobody@nowhere.example | cat"} {
		x.keys(line + "\r")
		x.expect(`no envelope matches`)
	}
	x.keys("remove abcd000100000001\r")
	x.expect(`1 envelope removed`)
	x.keys("show queue\r")
	x.expect(`the queue is empty`)
	x.keys("exit\r")
	x.ended(0)
}

// TestLessKeepsHeads starts a pager that is called less, with and without --header.
func TestLessKeepsHeads(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	for i := range 40 {
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001 + protocol.EnvelopeID(i), Text: tableMail})
	}
	for version, want := range map[string]string{"590": `called with  and LESS=FRX`, "668": `called with --header=2 and LESS=FRX`} {
		dir := t.TempDir()
		script := "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'less " + version + " (GNU regular expressions)'; exit; }\necho \"called with $* and LESS=$LESS\"; cat >/dev/null\n"
		if err := os.WriteFile(filepath.Join(dir, "less"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		x := openTerminalIn(t, t.TempDir(), []string{"PAGER=less", "LESS=", "PATH=" + dir + ":" + os.Getenv("PATH")}, "--socket", path)
		x.expect(promptRE)
		x.keys("show queue\r")
		x.expect(want)
		x.keys("exit\r")
		x.ended(0)
	}
}
