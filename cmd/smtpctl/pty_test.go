package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
)

// A terminal is the program in a pseudo-terminal of 24 rows and 80 columns.
type terminal struct {
	t      *testing.T
	pty    *os.File
	tty    *os.File
	cmd    *exec.Cmd
	before unix.Termios
	done   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer // all that the program has written
	seen int          // how much of it expect has passed
}

// patience is how long a test waits for something to appear.
const patience = 20 * time.Second

// openTerminal starts the program in a terminal with a home of its own.
func openTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	return openTerminalIn(t, t.TempDir(), nil, args...)
}

func openTerminalIn(t *testing.T, home string, env []string, args ...string) *terminal {
	t.Helper()
	return inTerminal(t, home, env, exec.Command(program, args...))
}

// inTerminal starts a command in a terminal.
func inTerminal(t *testing.T, home string, env []string, cmd *exec.Cmd) *terminal {
	t.Helper()
	p, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	pty.Setsize(p, &pty.Winsize{Rows: 24, Cols: 80})
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "HOME=" + home, "XDG_STATE_HOME=", "NO_COLOR="}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	x := &terminal{t: t, pty: p, tty: tty, cmd: cmd, done: make(chan struct{})}
	x.before = x.settings()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(x, p)
	go func() {
		cmd.Wait()
		close(x.done)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-x.done
		tty.Close()
		p.Close()
	})
	return x
}

// Write takes what the program writes.
func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.Write(p)
}

// escapes are what go-prompt writes besides text.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|[DM])|\r`)

// output returns what has been written since the last expect.
func (x *terminal) output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return escapes.ReplaceAllString(string(x.text.Bytes()[x.seen:]), "")
}

// all returns all that has been written.
func (x *terminal) all() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

// expect waits until the program has written something that matches, since the
// last expect, and returns it with its groups.
func (x *terminal) expect(pattern string) []string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience)
	for {
		if m := re.FindStringSubmatch(x.output()); m != nil {
			x.mu.Lock()
			x.seen = x.text.Len()
			x.mu.Unlock()
			return m
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q in %q", pattern, x.output())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// keys types, a key at a time.
func (x *terminal) keys(s string) {
	for _, r := range s {
		x.pty.WriteString(string(r))
		time.Sleep(3 * time.Millisecond)
	}
}

// paste sends text at once.
func (x *terminal) paste(s string) { x.pty.WriteString(s) }

// run types a command and waits for what it prints.
func (x *terminal) run(line, pattern string) []string {
	x.t.Helper()
	x.keys(line + "\r")
	return x.expect("(?s)" + pattern + `.*smtpctl[^>]*> $`)
}

func (x *terminal) settings() unix.Termios {
	s, err := unix.IoctlGetTermios(int(x.tty.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

// ended waits for the program to end, checks its status and that the terminal
// is as it was.
func (x *terminal) ended(status int) {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(patience):
		x.t.Fatalf("still running: %q", x.output())
	}
	if got := x.cmd.ProcessState.ExitCode(); got != status {
		x.t.Errorf("exit status %d, want %d: %q", got, status, x.output())
	}
	if s := x.settings(); s != x.before {
		x.t.Errorf("the terminal's settings are %+v, were %+v", s, x.before)
	}
}

// simulation starts a simulated smtpd.
func simulation(t *testing.T, cfg smtpdsim.Config) (*smtpdsim.Server, string) {
	t.Helper()
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	s, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		remove()
	})
	return s, path
}

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
	s, path := simulation(t, smtpdsim.Config{Messages: 5})
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
	x.expect(`curr conn disc`)
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
	x := openTerminal(t, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(promptRE)
	for _, c := range twentyCommands {
		x.run(c[0], c[1])
	}
	x.keys("monitor\r")
	x.expect(`curr conn disc(?s).*\n.*\d\s+\d`)
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
	_, path := simulation(t, smtpdsim.Config{})
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, busy %v", sig, busy), func(t *testing.T) {
				x := openTerminal(t, "--socket", path)
				x.expect(promptRE)
				if busy {
					x.keys("monitor\r")
					x.expect("curr conn disc")
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
	_, path := simulation(t, smtpdsim.Config{})
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

func TestPromptCompletes(t *testing.T) {
	s, path := simulation(t, smtpdsim.Config{})
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
	x.expect(`beef0002\s+message c@x\.example`)
	x.keys("\t\r")
	x.expect(`beef000200000001\|`)
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

func TestPromptShortenedIDAsks(t *testing.T) {
	s, path := simulation(t, smtpdsim.Config{})
	for i := range 3 {
		s.Add(smtpdsim.Envelope{ID: protocol.EvpID(0xabcd0001<<32 | uint64(i+1))})
	}
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("remove abcd\r")
	x.expect(`remove message abcd0001\? \[y/N\] $`)
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

func TestPromptHistory(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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
	x.keys("\x1b[A")
	x.expect(`smtpctl> show status`)
	x.keys("\x1b[A")
	x.expect(`smtpctl> show routes`)
	x.keys("\r")
	x.expect(`-DQ-`)
}

// TestPromptPaste sends keys faster than anybody types: coalesced, pasted and
// ahead of the prompt.
func TestPromptPaste(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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
	s, path := simulation(t, smtpdsim.Config{Messages: 10})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.paste("\x1b[200~show status\nmonitor\nremove all\nremove all\n\x1b[201~")
	x.expect(`curr conn disc`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("show status", "MDA running")
	if n := s.Requests(protocol.TypeRemove); n != 0 {
		t.Errorf("%d envelopes removed by what was pasted before Ctrl-C", n)
	}
}

func TestPromptHelpKey(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("pause ?")
	x.expect(`envelope(?s).*mda.*mta.*smtp .*smtpctl> pause `)
	x.keys("mta\r")
	x.expect(`command succeeded`)
	x.keys(`update table "a?"` + "\r")
	x.expect(`no such table`)
}

func TestPromptResizes(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{Messages: 100})
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
	_, path := simulation(t, smtpdsim.Config{})
	x := openTerminalIn(t, t.TempDir(), []string{"TERM=dumb"}, "--socket", path)
	x.expect(`smtpctl> $`)
	x.keys("show status\r")
	x.expect(`MTA running`)
	x.keys("\x04")
	x.ended(0)
	if strings.Contains(x.all(), "\x1b") {
		t.Errorf("escapes on a dumb terminal: %q", x.all())
	}
}

func TestPromptSuspends(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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
	x.keys("exit\r")
	x.expect(`bash\$ $`)
}

func TestPromptSearchesHistory(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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

func TestPromptPipes(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{Messages: 30})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.run("show queue | wc -l | tr 0-9 a-j", `\nda\n`)
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
	_, path := simulation(t, smtpdsim.Config{Messages: 100})
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
	_, path := simulation(t, smtpdsim.Config{Messages: 100})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("watch 0.1 sh q\r")
	x.expect(`every 100ms: show queue(?s).*more lines`)
	x.expect(`every 100ms: show queue(?s).*more lines`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("watch remove all", "no command that shows")
	x.run("watch 0 show queue", "want 0.1 to 86400 seconds")
	x.run("show status", "MDA running")
}

func TestPromptFindsAddresses(t *testing.T) {
	s, path := simulation(t, smtpdsim.Config{Messages: 1000})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: Zoe@y.example\ndest: zoe@y.example\nctime: 1\n"})
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 24, Cols: 160})
	x.expect(promptRE)
	x.keys("remove zoe@")
	x.expect(`abcd000100000001\s+a@x\.example > zoe@y\.example`)
	x.keys("\t")
	x.expect(`remove abcd000100000001`)
	x.keys("\x15show queue alice")
	x.expect(`\(stopped at 60\)|message alice`)
	x.keys("\x03")
	x.run("show status", "MDA running")
	if n := s.Sessions(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestPromptCompletesTheRest(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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
	x.keys("--col\tne\t show status\r")
	x.expect(`MDA running`)
	x.keys("trace sch\t\r")
	x.expect(`trace scheduler(?s).*succeeded`)
}

func TestPromptSaysWhatIsPaused(t *testing.T) {
	s, path := simulation(t, smtpdsim.Config{})
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

// TestPromptMonitorHeader keeps the header of monitor in sight on a screen of
// few rows.
func TestPromptMonitorHeader(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 6, Cols: 100})
	x.expect(promptRE)
	x.keys("monitor\r")
	x.expect(`curr conn disc`)
	x.expect(`curr conn disc`) // again after three lines
	x.keys("\x03")
	x.expect(promptRE)
}

func TestPromptEncryptAsks(t *testing.T) {
	_, path := simulation(t, smtpdsim.Config{})
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
