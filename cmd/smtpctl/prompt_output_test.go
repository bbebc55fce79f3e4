package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

func TestPromptPipes(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 30})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.run("show queue -o plain | wc -l | tr 0-9 a-j", `\nda\n`)
	file := filepath.Join(t.TempDir(), "out")
	x.run("show status > "+file+"; show status >> "+file, "")
	if b, _ := os.ReadFile(file); string(b) != strings.Repeat("MDA running\nMTA running\nSMTP running\n", 2) {
		t.Errorf("file holds %q", b)
	}
	x.run("show queue | head -n 1 > /dev/null; true", "")
	x.run("show status | false", `\| false: exit status 1`)
	x.keys("show status | sleep 100\r")
	time.Sleep(200 * time.Millisecond)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("show status > /nonexistent/file", "no such file")
	x.run("show status --restricted | cat", "switched off by --restricted")
}

func TestPromptPages(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 100})
	dir := t.TempDir()
	script := filepath.Join(dir, "mypager")
	os.WriteFile(script, []byte("#!/bin/sh\necho PAGED\ncat >/dev/null\necho END\n"), 0o755)
	x := openTerminalIn(t, dir, []string{"PAGER=" + script}, "--socket", path)
	x.expect(promptRE)
	x.run("show queue", "PAGED(?s).*END")
	if out := x.run("show status", "MTA running"); strings.Contains(out[0], "PAGED") {
		t.Errorf("three lines went through the pager: %q", out)
	}
	x.keys("exit\r")
	x.ended(0)
	// A pager that is not there is done without.
	x = openTerminalIn(t, dir, []string{"PAGER=nosuchpager"}, "--socket", path)
	x.expect(promptRE)
	x.run("show queue", `pending`)
}

func TestPromptWatches(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 100})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("watch 0.1 sh q\r")
	x.expect(`every 100ms: show queue(?s).*more lines`)
	x.expect(`every 100ms: show queue(?s).*more lines`)
	x.keys("\x03")
	x.expect(promptRE)
	x.keys("watch -n 0.1 show queue domain=nowhere.example\r")
	x.expect(`every 100ms: show queue(?s).*0 came, 0 went(?s).*q ends(?s).*no envelope matches`)
	x.keys("q")
	x.expect(promptRE)
	x.run("show status", "MDA running") // what is typed is shown again
	x.run("watch remove all", "it changes something, which is never repeated")
	x.run("watch 0 show queue", "expected 0.1 to 86400 seconds")
	x.run("show status", "MDA running")
}

// TestWatchScrolls shows envelopes that come, change and go, on two sizes of the screen,
// and leaves the terminal as it was.
func TestWatchScrolls(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	add := func(n int) {
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001 + protocol.EnvelopeID(n), Text: tableMail})
	}
	for n := range 30 {
		add(n)
	}
	x := openTerminal(t, "--socket", path, "watch", "0.2", "show", "queue")
	x.expect(`every 200ms: show queue, at [\d:]+, 30 envelopes in the queue(?s).*ID +AGE.*abcd000100000001.*\n\(\d+ more lines\)`)
	x.paste("\x1b[F")
	x.expect(`  abcd00010000001e`)
	x.paste("\x1b[H")
	x.expect(`  abcd000100000001`)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 50, Cols: 200})
	x.expect(`0 changed; 30 lines; q ends(?s).*0 changed; 30 lines`)
	add(30)
	x.expect(`1 came, 0 went, 0 changed; 31 lines; q ends(?s).*\n\+ abcd00010000001f .* 451 4\.7\.1 greylisted, try again later\n`)
	x.keys("q")
	x.ended(0)
}

// TestPromptMonitor shows the counters on three sizes of the screen, and goes on when
// smtpd is started again.
func TestPromptMonitor(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 5})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("monitor -i 0.2\r")
	x.expect(`SERIES +TOTAL +[\d:]{8} [\d:]{8}\n(?s).*\nbounces +0 +- +0\n\n■ enqueued  ■ delivered  ■ failed  a second, [\d:]{8} to [\d:]{8}\n +1┤`)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 12, Cols: 40})
	x.expect(`SERIES +TOTAL [\d:]{8} [\d:]{8}\nclients +0 +0 +0\n(?:[a-z]+ +\d+ +\d+ +\d+\n){9}bounces +0 +0 +0`)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 50, Cols: 200})
	x.expect(`SERIES +TOTAL(?: [\d:]{8}){6}(?s).*disconnects`)
	s.Close()
	x.expect(`away since [\d:]{8}: .*; trying again`)
	s, err := smtpdsim.Start(path, smtpdsim.Config{Messages: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x.expect(`envelopes +7(?: +\d+){3,}`)
	x.keys("\x03")
	x.expect(promptRE)
	x.keys("monitor -c 2 -i 0.1 -o plain\r")
	x.expect(`curr conn disc`)
	x.expect(promptRE)
}

func TestPromptEncryptAsks(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("encrypt\r")
	x.expect(`password: $`)
	x.keys("hunter2\r")
	x.expect(`again: $`)
	x.keys("hunter2\r")
	x.expect(`\$[26](?s).*` + promptRE)
	x.keys("encrypt\r")
	x.expect(`password: $`)
	x.keys("hunter2\r")
	x.expect(`again: $`)
	x.keys("hunter3\r")
	x.expect(`the two passwords differ(?s).*` + promptRE)
	x.keys("encrypt\r")
	x.expect(`password: $`)
	x.keys("hun\x03")
	x.expect(promptRE)
	x.run("show status", "MDA running")
	if strings.Contains(x.all(), "hunter") {
		t.Error("a password was shown")
	}
}

func TestPromptSaysWhatIsPaused(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("pause mta\r")
	x.expect(`smtpctl \[mta paused\]> $`)
	x.keys("pause smtp\r")
	x.expect(`smtpctl \[mta, smtp paused\]> $`)
	x.keys("resume mta; resume smtp\r")
	x.expect(promptRE)
	s.Close()
	x.keys("show status\r")
	x.expect(`smtpctl \[not connected\]> $`)
	x.keys("\x04")
	x.ended(3)
}
