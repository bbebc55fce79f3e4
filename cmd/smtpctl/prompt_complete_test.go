package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

func TestPromptCompletes(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: "version: 3\ntype: mta\nsender: a@x.example\ndest: b@y.example\nctime: 1\nretry: 4\nerrorline: 451 later \x1b[2J\n"})
	s.Add(smtpdsim.Envelope{ID: 0xbeef000200000001, Text: "version: 3\ntype: mta\nsender: c@x.example\ndest: d@y.example\nctime: 1\n"})
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 24, Cols: 200})
	x.expect(promptRE)
	// A unique word completes at Tab, with a space.
	x.keys("sho\tenv\t")
	x.expect(`smtpctl> show envelope (?s).*abcd000100000001.*a@x\.example > b@y\.example, pending, .*4 tries: 451 later \\\^\[\[2J`)
	// The second suggestion; Enter takes it without running the line.
	x.keys("\t\t\r")
	x.expect(`smtpctl> show envelope beef000200000001`)
	x.keys("\x15")
	// The beginning of an id is enough.
	x.keys("show queue be")
	x.expect(`show queue be\b(?s)[^>]*beef000200000001\s+c@x\.example`)
	x.keys("\t\r")
	x.expect(`ID .*STATE(?s).*beef000200000001 +\S+ pending`)
	x.keys("resume route ")
	x.expect(`5\s+\[\] <-> 198\.51\.100\.\d+ -DQ-`)
	x.keys("\x03")
	x.expect(promptRE)
	if n := s.Sessions(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	x.keys("exit\r")
	x.ended(0)
}

func TestPromptFindsAddresses(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 1000})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: Zoe@y.example\ndest: zoe@y.example\nctime: 1\n"})
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 24, Cols: 160})
	x.expect(promptRE)
	x.keys("remove zoe@")
	x.expect(`abcd000100000001\s+a@x\.example > zoe@y\.example`)
	x.keys("\t")
	x.expect(`remove abcd000100000001`)
	x.keys("\x15show queue alice")
	x.expect(`\(stopped at 60\)|alice\S*@`)
	x.keys("\x03")
	x.run("show status", "MDA running")
	if n := s.Sessions(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestPromptCompletesTheRest(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	home := t.TempDir()
	os.Mkdir(filepath.Join(home, "scripts"), 0o755)
	os.WriteFile(filepath.Join(home, "scripts", "drain"), []byte("show status\n"), 0o644)
	x := openTerminalIn(t, home, nil, "--socket", path)
	x.expect(promptRE)
	x.run("pause mta from 192.0.2.7 for held.example", "succeeded")
	x.keys("resume mta from ")
	x.expect(`192\.0\.2\.7 `)
	x.keys("\tfor ")
	x.expect(`held\.example  paused`)
	x.keys("\t\r")
	x.expect(`command succeeded(?s).*` + promptRE)
	x.keys("source " + home + "/sc\tdr\t\r")
	x.expect(`MDA running`)
	x.keys("--colo\tne\t show status\r")
	x.expect(`MDA running`)
	x.keys("trace sch\t\r")
	x.expect(`trace scheduler(?s).*succeeded`)
}

func TestPromptSearchesHistory(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.run("show status", "running")
	x.run("show routes", "-DQ-")
	x.run("show hosts", "refcount")
	x.keys("\x12stat")
	x.expect(`\(history\)> stat(?s).*show status`)
	x.keys("\r") // takes it
	x.expect(`smtpctl> show status`)
	x.keys("\r") // runs it
	x.expect(`MDA running`)
	x.keys("\x12show\x12\x12\x12\r") // the third from the end
	x.expect(`smtpctl> show routes`)
	x.keys("\r")
	x.expect(`-DQ-`)
	x.keys("\x12nothing\x1b")
	time.Sleep(100 * time.Millisecond)
	x.keys("\x15show status\r")
	x.expect(`MDA running`)
	x.keys("\x12sho\x03show routes\r")
	x.expect(`-DQ-`)
}

func TestPromptHelpKey(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("pause ?")
	x.expect(`envelope(?s).*mda.*mta.*smtp .*smtpctl> pause `)
	x.keys("mta\r")
	x.expect(`command succeeded`)
	x.keys(`update table "a?"` + "\r")
	x.expect(`no such table`)
}

func TestPromptHistory(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{})
	home := t.TempDir()
	x := openTerminalIn(t, home, nil, "--socket", path)
	x.expect(promptRE)
	x.run("show status", "running")
	x.run("show routes", "-DQ-")
	x.run("show status", "running")
	x.run(" show hosts", "refcount")
	x.run("encrypt hunter2", `\$[26]`)
	x.run("en 'hunter2'; show status", "running")
	x.keys("\x04")
	x.ended(0)
	file := filepath.Join(home, ".local/state/smtpctl/history")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "hunter2") || strings.Contains(string(b), "hosts") {
		t.Errorf("history holds what it must not: %q", b)
	}
	if st, _ := os.Stat(file); st.Mode().Perm() != 0o600 {
		t.Errorf("history has mode %v, want 0600", st.Mode())
	}
	x = openTerminalIn(t, home, nil, "--socket", path)
	x.expect(promptRE)
	x.paste("\x1b[A")
	x.expect(`smtpctl> show status`)
	x.paste("\x1b[A")
	x.expect(`smtpctl> show routes`)
	x.keys("\r")
	x.expect(`-DQ-`)
}
