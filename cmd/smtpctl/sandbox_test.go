package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/confine/sandbox/sandboxtest"
	"smtpctl/shell/tools/resolve/dnstest"
)

// statusLine returns what /proc says of a process.
func statusLine(pid int, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// TestGivesUpRoot looks at encrypt and spf walk while they wait for input.
func TestGivesUpRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	os.Chmod(filepath.Dir(program), 0o755)
	for _, words := range [][]string{{"encrypt"}, {"encrypt", "--verify", "$1$abcdefgh$9cA2vqUvKTFrQFLHLK6c90"}, {"spf", "walk"}} {
		cmd := exec.Command(program, words...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		realsmtpd.WaitFor(t, patience, "root to be given up", func() error {
			if uid, keeps := statusLine(cmd.Process.Pid, "Uid"), statusLine(cmd.Process.Pid, "CapPrm"); uid == "" || strings.Contains(" "+uid+" ", " 0 ") || strings.Trim(keeps, "0") != "" {
				return fmt.Errorf("uid %s, capabilities %s", uid, keeps)
			}
			return nil
		})
		in.Close()
		cmd.Wait()
	}
}

// TestSandboxFiles has a queue that lies elsewhere, by way of a link: a one-shot
// command cannot read its messages; a script can.
func TestSandboxFiles(t *testing.T) {
	t.Parallel()
	sandboxtest.Need(t)
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "spool"), 0o700)
	os.MkdirAll(filepath.Join(dir, "elsewhere", "ab", "abcd0001"), 0o700)
	outside := filepath.Join(dir, "elsewhere", "ab", "abcd0001", "message")
	os.WriteFile(outside, []byte("Subject: secret\n"), 0o600)
	os.Symlink("../elsewhere", filepath.Join(dir, "spool", "queue"))
	words := []string{"--socket", dir + "/none", "--spool", dir + "/spool"}
	if r := run(t, append(words, "show", "message", "abcd0001")...); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("%v", r)
	}
	// What the user names is within reach.
	if r := run(t, "--socket", dir+"/none", "--spool", dir+"/spool", "--key-file", outside, "show", "message", "abcd0001"); r.status != 0 || r.stdout != "Subject: secret\n" {
		t.Errorf("named: %v", r)
	}
	script := filepath.Join(dir, "script")
	os.WriteFile(script, []byte("show message abcd0001 | tr a-z A-Z\nshow message abcd0001 > "+dir+"/copy\n"), 0o600)
	if r := run(t, append(words, "-f", script)...); r.status != 0 || r.stdout != "SUBJECT: SECRET\n" {
		t.Errorf("script: %v", r)
	}
	if text, _ := os.ReadFile(dir + "/copy"); string(text) != "Subject: secret\n" {
		t.Errorf("copied %q", text)
	}
}

// TestPromptApart uses encrypt and spf walk at the prompt: they run as nobody, and
// files, pipes and the pager go on working.
func TestPromptApart(t *testing.T) {
	server := dnstest.Start(t, "127.0.0.1:0", "a.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n")
	os.Chmod(filepath.Dir(program), 0o755)
	home := t.TempDir()
	x := openTerminalIn(t, home, []string{"PAGER=sed s/^/paged:/"}, "--demo=100")
	x.expect(promptRE)
	x.keys("encrypt --scheme sha512\r")
	x.expect(`password: $`)
	if os.Geteuid() == 0 {
		pid := childOf(t, x.cmd.Process.Pid)
		realsmtpd.WaitFor(t, patience, "the password to be asked for by nobody", func() error {
			if uid := statusLine(pid, "Uid"); uid == "" || strings.HasPrefix(uid, "0 ") {
				return fmt.Errorf("uid %q of %d", uid, pid)
			}
			return nil
		})
	}
	x.keys("hush\r")
	x.expect(`again: $`)
	x.keys("hush\r")
	hash := x.expect(`(\$6\$\S+)(?s).*` + promptRE)[1]
	if r := runCommand(t, exec.Command(program, "encrypt", "--verify", hash), "hush\n"); r.status != 0 {
		t.Errorf("%v", r)
	}
	// Interrupted, the terminal is as before.
	x.keys("encrypt\r")
	x.expect(`password: $`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("encrypt --scheme bcrypt --cost 10 -- secret | tr '$' '#'", `#2b#10#`)
	x.run("spf walk --resolver "+server.Addr+" a.example", `192\.0\.2\.1`)
	x.run("spf walk --resolver "+server.Addr+" none.example", `none.example does not exist(?s).*spf walk: 1 domain had problems`)
	x.run("spf walk --resolver "+server.Addr+" a.example > "+home+"/networks", "")
	if text, _ := os.ReadFile(home + "/networks"); string(text) != "192.0.2.1\n" {
		t.Errorf("wrote %q", text)
	}
	x.run("show queue", `paged:`)
	x.run("show status | tr a-z A-Z", `MTA RUNNING`)
	x.keys("exit\r")
	x.ended(0)
}

// childOf returns a child of a process.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	for range 200 {
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, d := range dirs {
			pid, _ := strconv.Atoi(filepath.Base(d))
			if statusLine(pid, "PPid") == strconv.Itoa(parent) {
				return pid
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no child")
	return 0
}

// TestSandboxSave removes and saves in one-shot commands, into a folder that has
// to be made.
func TestSandboxSave(t *testing.T) {
	t.Parallel()
	d := startDemoProcess(t)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	id := strings.SplitN(run(t, append(d, "-o", "plain", "show", "queue", "limit=1")...).stdout, "|", 2)[0]
	if r := run(t, append(d, "remove", id, "--save", dir)...); r.status != 0 {
		t.Fatal(r)
	}
	if _, err := os.Stat(filepath.Join(dir, id[:8], id)); err != nil {
		t.Error(err)
	}
}
