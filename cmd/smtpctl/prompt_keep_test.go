package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// keepBed is a prompt on a simulated smtpd with files, of six envelopes of two messages.
func keepBed(t *testing.T, options ...string) (x *terminal, list func() int, home string) {
	t.Helper()
	files, home := t.TempDir(), t.TempDir()
	sim, socket := simtest.Start(t, smtpdsim.Config{Spool: files})
	os.Mkdir(filepath.Join(files, "incoming"), 0o700)
	for i := range 6 {
		id := protocol.EnvelopeID(uint64(0xabcd0001+i/3)<<32 | uint64(i+1))
		sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d@y.example", i))})
	}
	args := []string{"--socket", socket, "--spool", files}
	x = openTerminalIn(t, home, nil, append(args, options...)...)
	x.expect(promptRE)
	return x, func() int {
		return strings.Count(run(t, append(args, "show", "queue")...).stdout, "\n")
	}, home
}

// keptFolders returns the folders of copies in a home.
func keptFolders(t *testing.T, home string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(home, ".local/state/smtpctl/removed/*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPromptKeeps removes at the prompt in every way, and takes it back.
func TestPromptKeeps(t *testing.T) {
	t.Parallel()
	x, list, home := keepBed(t)
	for _, tt := range []struct {
		line  string
		n     int
		asked bool
	}{
		{"remove abcd0001", 3, true}, {"remove all", 6, true}, {"remove all -y", 6, false}, {"remove --expect 6 all", 6, true},
		{"remove to=nobody*", 0, false}, {"remove abcd000100000001", 1, false}, {"remove to=r5*", 1, false},
	} {
		x.paste(tt.line + "\r")
		if tt.asked {
			x.expect(`remove them\? \[y/N\] $`)
			x.keys("y\r")
		}
		if tt.n == 0 {
			x.expect(`0 envelope removed(?s).*` + promptRE)
			continue
		}
		x.expect(fmt.Sprintf(`(?s)%d envelopes? removed.*copies are kept until 20\d\d-\d\d-\d\d: undo restores them.*`, tt.n) + promptRE)
		if got := list(); got != 6-tt.n {
			t.Fatalf("%s: %d are left", tt.line, got)
		}
		x.paste("undo\r")
		if tt.n > 5 {
			x.expect(`undo: remove(?s).*restore 6 envelopes\? \[y/N\] $`)
			x.keys("y\r")
		}
		x.expect(fmt.Sprintf(`%d envelopes? restored(?s).*`, tt.n) + promptRE)
		if got := list(); got != 6 {
			t.Fatalf("%s: %d envelopes after undo", tt.line, got)
		}
	}
	if n := len(keptFolders(t, home)); n != 6 {
		t.Errorf("%d folders of copies", n)
	}
	x.run("remove --keep 0 to=r0*", `1 envelope removed`)
	x.run("undo", `cannot be undone: no copies were kept`)
	x.keys("exit\r")
	x.ended(1) // that of the undo
}

// TestPromptKeepsNot removes where no copies can be kept: the user is told before.
func TestPromptKeepsNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		options []string
		disk    bool // the home is on a small disk of its own
		want    string
	}{
		{"too large", []string{"--keep-size", "8k"}, false, `no copies are kept, so undo cannot restore this: they take \d+\.0 KiB, and --keep-size is 8\.0 KiB`},
		{"no files", []string{"--spool", t.TempDir()}, false, `no copies are kept, so undo cannot restore this: their files are not in `},
		{"full disk", nil, true, `no copies are kept, so undo cannot restore this: they take \d+\.0 KiB, and the disk has \d+\.0 KiB left`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, list, home := keepBed(t, tt.options...)
			if tt.disk {
				if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", home).CombinedOutput(); err != nil {
					t.Skipf("no disk can be mounted here: %s", out)
				}
				t.Cleanup(func() { exec.Command("umount", home).Run() })
			}
			x.paste("remove abcd0001\r")
			x.expect(tt.want + `(?s).*remove them\? \[y/N\] $`)
			x.keys("n\r")
			x.expect(`nothing done(?s).*` + promptRE)
			x.run("remove abcd000100000001", "(?s)1 envelope removed.*"+tt.want)
			if got := list(); got != 5 {
				t.Errorf("%d are left", got)
			}
			if n := len(keptFolders(t, home)); n != 0 {
				t.Errorf("%d folders of copies", n)
			}
		})
	}
}

// TestPromptKeepFails removes where copies should be kept and cannot: nothing is removed.
func TestPromptKeepFails(t *testing.T) {
	t.Parallel()
	x, list, home := keepBed(t)
	state := filepath.Join(home, ".local/state/smtpctl")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "removed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x.run("remove abcd000100000001", `no copies are kept(?s).*it is a regular file, expected a folder`)
	if got := list(); got != 5 {
		t.Errorf("%d are left", got)
	}
	os.Remove(filepath.Join(state, "removed"))
	os.Symlink("/proc/self/fdinfo", filepath.Join(state, "removed"))
	x.run("remove abcd000100000002", `smtpctl: copies could not be kept: .*; nothing removed: --keep 0 removes without copies`)
	if got := list(); got != 5 {
		t.Errorf("%d are left", got)
	}
}

// TestPromptKeepEnds keeps copies for a time and up to a size.
func TestPromptKeepEnds(t *testing.T) {
	t.Parallel()
	x, _, home := keepBed(t)
	x.run("remove abcd000100000001", `undo restores them`)
	first := keptFolders(t, home)
	if len(first) != 1 {
		t.Fatal(first)
	}
	old := filepath.Join(filepath.Dir(first[0]), time.Now().UTC().Add(-8*24*time.Hour).Format("20060102T150405Z")+"-old")
	if err := os.Rename(first[0], old); err != nil {
		t.Fatal(err)
	}
	x.run("remove abcd000100000002", `undo restores them`)
	second := keptFolders(t, home)
	if len(second) != 1 || second[0] == old {
		t.Errorf("copies of eight days ago are kept: %v", second)
	}
	x.run("remove --keep-size 20k abcd000100000003", `(?s)the copies of mail removed at 20.* were deleted, because --keep-size is 20.0 KiB.*undo restores them`)
	if third := keptFolders(t, home); len(third) != 1 || third[0] == second[0] {
		t.Errorf("kept: %v", third)
	}
}

// TestPromptKeepKilled kills the program at each step of a removal at the prompt: every
// envelope is in the queue still, or its copy is kept.
func TestPromptKeepKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; ; step++ {
		files, home := t.TempDir(), t.TempDir()
		sim, socket := simtest.Start(t, smtpdsim.Config{Spool: files})
		for i := range 3 {
			sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(0xabcd0001<<32 | uint64(i+1)), Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d@y.example", i))})
		}
		cmd := exec.Command(self)
		cmd.Args = []string{"smtpctl", "--socket", socket, "--spool", files}
		x := inTerminal(t, home, []string{fmt.Sprintf("%s=%d", killVariable, step)}, cmd)
		x.expect(promptRE)
		x.paste("remove all -y\r")
		x.paste("exit\r")
		select {
		case <-x.done:
		case <-time.After(patience):
			t.Fatal("the program goes on")
		}
		queued := len(sim.Envelopes())
		kept := 0
		for _, dir := range keptFolders(t, home) {
			kept += strings.Count(run(t, "show", "queue", "--from", dir, "--socket", socket).stdout, "\n")
		}
		killed := !x.cmd.ProcessState.Exited()
		switch {
		case killed && queued == 3: // and copies of some, perhaps
		case queued == 0 && kept == 3:
		default:
			t.Errorf("step %d, killed %v: %d in the queue, %d kept", step, killed, queued, kept)
		}
		if !killed {
			if step < 5 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}

// TestRealUndo takes back what was done at a prompt on a real smtpd.
func TestRealUndo(t *testing.T) {
	const paused = `smtpctl \[mta paused\]> $`
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	var mails []realsmtpd.Mail
	for i := range 30 {
		mails = append(mails, realsmtpd.Mail{From: fmt.Sprintf("s%d@x.example", i%3), To: []string{"a@y.example", "b@y.example"}, Body: fmt.Sprintf("Subject: number %d\n\nx\n", i)})
	}
	d.Send(mails...)
	d.WaitQueued(60)
	list := func(words ...string) map[string]int {
		n := map[string]int{}
		for line := range strings.Lines(ours(t, d, "", append([]string{"show", "queue"}, words...)...).stdout) {
			n[strings.Join(strings.Split(line, "|")[4:6], " ")]++
		}
		return n
	}
	before := list()
	x := openTerminalIn(t, t.TempDir(), nil, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(paused)
	x.paste("remove from=s1@*\r")
	x.expect(`remove them\? \[y/N\] $`)
	x.keys("y\r")
	x.expect(`20 envelopes removed(?s).*undo restores them(?s).*` + paused)
	if n := len(list("from=s1@*")); n != 0 {
		t.Errorf("%d are left", n)
	}
	x.paste("pause envelope subject=number*1* -y\r")
	x.expect(`\d+ envelopes paused(?s).*` + paused)
	suspended := len(list("state=suspended"))
	x.paste("resume envelope from=s0@* -y\r")
	x.expect(`\d+ envelopes resumed(?s).*` + paused)
	x.paste("undo -y\r")
	x.expect(`\d+ envelopes paused(?s).*` + paused)
	if n := len(list("state=suspended")); n != suspended {
		t.Errorf("%d are suspended, %d were", n, suspended)
	}
	x.paste("undo -y\r")
	x.expect(`\d+ envelopes resumed(?s).*` + paused)
	x.paste("undo -y\r")
	x.expect(`20 envelopes restored(?s).*` + paused)
	if after := list(); !maps.Equal(before, after) || len(list("state=suspended")) != 0 {
		t.Errorf("before %v, after %v", before, after)
	}
	d.Restart(nil)
	d.WaitQueued(60)
	if after := list(); !maps.Equal(before, after) {
		t.Errorf("after a restart %v", after)
	}
}
