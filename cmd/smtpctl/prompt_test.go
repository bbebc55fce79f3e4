package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

const promptRE = `smtpctl> $`

// twentyCommands are commands of all kinds and what they print.
var twentyCommands = [][2]string{
	{"show status", "MDA running"}, {"sh statu", "SMTP running"}, {"show queue", "pending"}, {"show routes", ""},
	{"show hosts", ""}, {"show relays", ""}, {"show hoststats", ""}, {"pause smtp", "command succeeded"},
	{"pause smtp", "smtp is paused already"}, {"resume smtp", "command succeeded"}, {"log verbose", "command succeeded"},
	{"log brief", "command succeeded"}, {"trace smtp", "command succeeded"}, {"untrace smtp", "command succeeded"},
	{"bogus", "unknown word"}, {"remove 1234567812345678", "no such id"}, {"show m", "ambiguous"}, {"# comment", ""},
	{"pause mta; resume mta", "succeeded.*succeeded"}, {"update table nosuch", "no such table"},
}

func TestPromptSession(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 5})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	for _, c := range twentyCommands {
		x.run(c[0], c[1])
	}
	if n := s.Sessions(); n != 1 {
		t.Errorf("%d connections for twenty commands, want 1", n)
	}
	// Ctrl-C ends a command that runs and returns to the prompt.
	x.keys("monitor\r")
	x.expect(`SERIES +TOTAL`)
	x.keys("\x03")
	x.expect(promptRE)
	// Ctrl-C drops a line that is being typed.
	x.keys("remove al\x03")
	x.expect(promptRE)
	x.run("show status", "MTA running")
	if n := s.Sessions(); n != 1 {
		t.Errorf("%d connections after monitor, want 1", n)
	}
	x.keys("\x04")
	x.ended(0)
}

// TestPromptRealRestart works through a restart of a real smtpd.
func TestPromptRealRestart(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@temp.example"}})
	d.WaitQueued(1)
	x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(promptRE)
	for _, c := range twentyCommands {
		x.run(c[0], c[1])
	}
	x.keys("monitor\r")
	x.expect(`SERIES +TOTAL(?s).*envelopes +\d+ +\d+ +\d+`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("show stats", `control\.session=1\n`)
	d.Restart(nil)
	for range 10 {
		x.run("show status", "MTA running")
	}
	x.run("show stats", `control\.session=1\n`)
	d.Stop()
	x.keys("show status\r")
	x.expect(`smtpd does not seem to be running(?s).*smtpctl \[not connected\]> $`)
	x.cmd.Process.Signal(syscall.SIGTERM)
	x.ended(128 + 15)
}

func TestPromptSignals(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, busy %v", sig, busy), func(t *testing.T) {
				x := openTerminal(t, "--socket", path)
				x.expect(promptRE)
				if busy {
					x.keys("monitor\r")
					x.expect("SERIES +TOTAL")
				} else {
					x.keys("sho")
				}
				x.cmd.Process.Signal(sig)
				x.ended(128 + int(sig))
			})
		}
	}
}

func TestPromptTerminalGone(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.tty.Close()
	x.pty.Close()
	select {
	case <-x.done:
	case <-time.After(patience):
		t.Fatal("still running without a terminal")
	}
}

func TestPromptShortenedIDAsks(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	for i := range 3 {
		s.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(0xabcd0001<<32 | uint64(i+1))})
	}
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("remove abcd\r")
	x.expect(`remove: 3 envelopes(?s).*from .*to .*remove them\? \[y/N\] $`)
	x.keys("n\r")
	x.expect(`not confirmed, nothing done(?s).*` + promptRE)
	if n := s.Requests(protocol.TypeRemove); n != 0 {
		t.Errorf("%d removed without a yes", n)
	}
	x.keys("remove abcd00010000000\r")
	x.expect(`ambiguous id`)
	x.keys("remove abcd\r")
	x.expect(`\[y/N\] $`)
	x.keys("y\r")
	x.expect(`3 envelopes removed`)
}

// TestPromptPaste sends keys faster than anybody types: coalesced, pasted and
// ahead of the prompt.
func TestPromptPaste(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.paste("show statu\x1b[D\x1b[D\x1b[C\x1b[Cs\rshow hosts\r")
	x.expect(`MDA running(?s).*refcount`)
	x.paste("\x1b[200~show status\nshow routes\n# what?\nshow hosts\n\x1b[201~")
	x.expect(`MDA running(?s).*-DQ-.*refcount=1.*` + promptRE)
	x.paste("\x1b[200~show \x1b[201~\x1b[99;99~\x1b[<0;1;1Mstatus\r")
	x.expect(`SMTP running`)
}

// TestPromptPasteStops pastes a script and presses Ctrl-C: what is left of it
// must not run.
func TestPromptPasteStops(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 10})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.paste("\x1b[200~show status\nmonitor\nremove all\nremove all\n\x1b[201~")
	x.expect(`SERIES +TOTAL`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("show status", "MDA running")
	if n := s.Requests(protocol.TypeRemove); n != 0 {
		t.Errorf("%d envelopes removed by what was pasted before Ctrl-C", n)
	}
}

func TestPromptResizes(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 100})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	for i, size := range [][2]uint16{{24, 20}, {5, 300}, {0, 0}, {1, 1}, {2, 300}, {50, 12}, {24, 80}} {
		x.keys("show envelope \t\t")
		pty.Setsize(x.pty, &pty.Winsize{Rows: size[0], Cols: size[1]})
		x.keys("\x15日本 \t\x15")
		time.Sleep(20 * time.Millisecond)
		x.keys(fmt.Sprintf("update table t%d\r", i))
	}
	x.expect(`table\s+"t6": smtpd has no such table`)
	x.keys("exit\r")
	x.ended(1)
}

// TestPromptWithout runs where a prompt cannot be drawn.
func TestPromptWithout(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminalIn(t, t.TempDir(), []string{"TERM=dumb"}, "--socket", path)
	x.expect(`smtpctl> $`)
	x.keys("show status\r")
	x.expect(`MTA running`)
	x.paste("\x04")
	x.ended(0)
	if strings.Contains(x.all(), "\x1b") {
		t.Errorf("escapes on a dumb terminal: %q", x.all())
	}
}

func TestPromptSuspends(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	// A shell with job control, as a person has it.
	sh, err := exec.LookPath("bash")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs bash for its job control")
	}
	x := inTerminal(t, t.TempDir(), []string{"PS1=bash$ "}, exec.Command(sh, "--norc", "-i"))
	x.expect(`bash\$ $`)
	x.keys(program + " --socket " + path + "\r")
	x.expect(promptRE)
	x.keys("show stat\x1a")
	x.expect(`Stopped(?s).*bash\$ `)
	x.keys("stty -a | grep -c -- -echo\\ ; fg\r") // echo is on
	x.expect(`\n0(?s).*smtpctl> show stat`)
	x.keys("us\r")
	x.expect(`MTA running`)
	// Commands that have the whole screen give it back, and take it again.
	for _, screen := range []struct{ line, shows string }{{"watch -n 1 show status", `every 1s(?s).*MTA`}, {"browse", `q leave`}, {"monitor --interval 0.2", `clients`}} {
		x.edits()
		x.keys(screen.line + "\r")
		x.expect(screen.shows)
		x.keys("\x1a")
		x.expect(`Stopped(?s).*bash\$ `)
		x.keys("stty -a | grep -c -- -echo\\ ; fg\r") // echo is on
		x.expect(`\n0(?s).*` + screen.shows)
		if screen.line[0] == 'm' {
			x.keys("\x03")
		} else {
			x.keys("q")
		}
		x.expect(promptRE)
	}
	x.edits()
	x.keys("exit\r")
	x.expect(`bash\$ $`)
}
