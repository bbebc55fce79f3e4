package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/spool"
)

// TestFarRestore restores copies into the queue of another machine, one-shot, which is confined,
// and in a session: byte for byte, all or the selected, and once however often it is given.
func TestFarRestore(t *testing.T) {
	t.Parallel()
	bed := newPutBed(t)
	b := bed.with(t, fulltest.Of(100, 8), 0)
	n := len(b.ids)
	if r := b.restore("-n"); r.status != 0 || strings.Count(r.stdout, "|offline|") != n || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes would be restored; nothing was", n)) {
		t.Errorf("dry run: %v", r)
	}
	if r := b.restore("--expect", "3"); r.status != 1 || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes to restore, 3 expected: nothing done", n)) || len(contents(t, filepath.Join(b.dir, "queue"))) > 0 {
		t.Errorf("--expect: %v", r)
	}
	if r := b.restore(b.ids[1].String()); r.status != 0 || r.stdout != "1 envelope restored\n" || r.stderr != "" {
		t.Errorf("one of three: %v", r)
	}
	// Its message is in the queue, so the others of it get another one.
	r := b.restore()
	if r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes restored\n", n-1) || !strings.Contains(r.stderr, "1 envelope was restored before") || strings.Count(r.stderr, " now\n") != 2 {
		t.Errorf("the rest: %v", r)
	}
	b.once("all")
	if r := b.restore(); r.status != 0 || r.stdout != "0 envelopes restored\n" || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes were restored before", n)) {
		t.Errorf("again: %v", r)
	}
	b.once("again")
	for _, mode := range []string{"connect", "on", "the folder itself", "option"} {
		b := bed.with(t, fulltest.Of(100, 3), 0)
		n := len(b.ids)
		opts := []string{"--socket", b.socket, "--spool", b.dir, "-f", "-"}
		line := map[string]string{"connect": "connect mx1\nrestore " + b.top, "on": "on mx1 restore " + b.top, "the folder itself": "on mx1 restore " + b.top + "/mx1"}[mode]
		r := b.run(line+"\n", opts...)
		if mode == "option" {
			r = b.restore("-j")
			r.stdout = regexp.MustCompile(`.*"done":(\d+).*`).ReplaceAllString(r.stdout, "$1 envelopes restored")
		}
		if r.status != 0 || !strings.HasSuffix(r.stdout, fmt.Sprintf("%d envelopes restored\n", n)) || r.stderr != "" {
			t.Errorf("%s: %v", mode, r)
		}
		b.once(mode)
	}
	// What has come from another machine is said; a folder of several machines is taken apart.
	b = bed.with(t, fulltest.Of(100, 3), 0)
	n = len(b.ids)
	r = b.run("", "--socket", b.socket, "--spool", b.dir, "--host", "mx1,mx2", "restore", b.top)
	if r.status != 1 || !strings.Contains(r.stdout, fmt.Sprintf("mx1: %d envelopes restored\n", n)) || !strings.Contains(r.stderr, b.top+"/mx2: no such file or directory; nothing done") {
		t.Errorf("one of two: %v", r)
	}
	b.once("one of two")
}

// stateOf reads what the error of a restore says of its envelopes.
var stateOf = regexp.MustCompile(`(\d+) restored(?:, (\d+) in the queue on disk and not loaded by smtpd as far as it has said)?(?:, (\d+) of which it is not known whether they are in the queue on disk)?(?:, (\d+) left)?`)

// restoredSome matches a result that is not that nothing was restored.
var restoredSome = regexp.MustCompile(`(?m)^[1-9]\d* envelopes? restored$`)

// TestFarRestoreLost loses the connection or, by turns, the other machine itself at each program
// that is started there, and gives the command again: then each mail is in the queue once. What
// is said of the numbers is true. Outside CI it takes some of them.
func TestFarRestoreLost(t *testing.T) {
	t.Parallel()
	bed := newPutBed(t)
	for at := 1; ; at += fulltest.Of(1, 23) {
		for k, crash := range []bool{false, true} {
			if (at/fulltest.Of(1, 23)+k)%2 != 0 {
				continue
			}
			b := bed.with(t, 3, at)
			cmd, out, waits := b.start()
			if !waits {
				if at < 20 {
					t.Errorf("there are only %d programs: %s", at, out.String())
				}
				return
			}
			what := b.loseAt(at, crash)
			b.end(cmd)
			before := len(mails(t, filepath.Join(b.dir, "queue")))
			b.quiet()
			after := len(mails(t, filepath.Join(b.dir, "queue")))
			if cmd.ProcessState.ExitCode() != 3 || restoredSome.MatchString(out.String()) {
				t.Errorf("%s: status %d: %s", what, cmd.ProcessState.ExitCode(), out.String())
			}
			if m := stateOf.FindStringSubmatch(out.String()); m != nil {
				num := func(i int) int { n, _ := strconv.Atoi(m[i]); return n }
				if num(1) != 0 || before > num(2)+num(3) || after < num(2) || after > num(2)+num(3) || num(2)+num(3)+num(4) != len(b.ids) {
					t.Errorf("%s: %d are in the queue, %d afterwards: %s", what, before, after, out.String())
				}
			} else if after > 0 || !strings.Contains(out.String(), "nothing done") && !strings.Contains(out.String(), "nothing restored") {
				t.Errorf("%s: %d are in the queue: %s", what, after, out.String())
			}
			if r := b.restore(); r.status != 0 {
				t.Errorf("%s: again: %v", what, r)
			}
			got, want := mails(t, filepath.Join(b.dir, "queue")), mails(t, filepath.Join(b.top, "mx1"))
			if fmt.Sprint(got) != fmt.Sprint(want) || len(b.sim.Envelopes()) != len(want) {
				t.Errorf("%s: %d mails, smtpd has %d, want %d: %s", what, len(got), len(b.sim.Envelopes()), len(want), out.String())
			}
			if !crash {
				b.once(what)
			}
			if r := b.restore(); r.status != 0 || r.stdout != "0 envelopes restored\n" {
				t.Errorf("%s: a third time: %v", what, r)
			}
		}
	}
}

// TestFarRestoreKilled kills restore at each of its own steps, and gives the command again: then
// each mail is in the queue once.
func TestFarRestoreKilled(t *testing.T) {
	t.Parallel()
	bed := newPutBed(t)
	for step := 1; ; step += fulltest.Of(1, 9) {
		b := bed.with(t, 3, 0)
		cmd := b.command(b.words()...)
		self, _ := os.Executable()
		cmd.Path = self
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", killVariable, step))
		r := runCommand(t, cmd, "")
		b.quiet()
		again := b.restore()
		if again.status != 0 {
			t.Errorf("step %d: %v", step, again)
		}
		got, want := mails(t, filepath.Join(b.dir, "queue")), mails(t, filepath.Join(b.top, "mx1"))
		if fmt.Sprint(got) != fmt.Sprint(want) || len(b.sim.Envelopes()) != len(want) {
			t.Errorf("step %d: %d mails, smtpd has %d, want %d: %v", step, len(got), len(b.sim.Envelopes()), len(want), again)
		}
		if r.status == 0 {
			if step < 10 {
				t.Errorf("there are only %d steps", step)
			}
			return
		}
	}
}

// TestFarRestoreInterrupted interrupts restore at each program that is started there: what is in
// the queue is known or said to be unknown, nothing else is left there, and the same command goes
// on.
func TestFarRestoreInterrupted(t *testing.T) {
	t.Parallel()
	bed := newPutBed(t)
	for at := 1; ; at += fulltest.Of(2, 23) {
		b := bed.with(t, 3, at)
		cmd, out, waits := b.start()
		if !waits {
			return
		}
		cmd.Process.Signal(syscall.SIGINT)
		os.WriteFile(filepath.Join(b.bin, "go"), nil, 0o600)
		b.end(cmd)
		b.quiet()
		if status := cmd.ProcessState.ExitCode(); status != 130 && status != 0 {
			t.Errorf("%d: status %d: %s", at, status, out.String())
		}
		if r := b.restore(); r.status != 0 {
			t.Errorf("%d: again: %v after %s", at, r, out.String())
		}
		b.once(fmt.Sprint("interrupted at ", at))
	}
}

// TestFarRestoreFails has what keeps mail from being put there: the reason is said, nothing is
// left there, and once that is mended the same command restores all.
func TestFarRestoreFails(t *testing.T) {
	t.Parallel()
	bed := newPutBed(t)
	for name, tt := range map[string]struct {
		want     string
		do, mend func(b *putBed)
	}{
		"no incoming": {"incoming: no such file or directory; nothing done", func(b *putBed) { os.Rename(b.dir+"/incoming", b.dir+"/away") }, func(b *putBed) { os.Rename(b.dir+"/away", b.dir+"/incoming") }},
		"a full disk": {"no space left on device: nothing restored: the same command tries again", func(b *putBed) {
			if err := syscall.Mount("tmpfs", b.dir+"/incoming", "tmpfs", 0, "size=64k"); err != nil {
				t.Skip(err)
			}
			// what df(1) says of the file systems is not looked at, so that it is the disk that fails
			os.WriteFile(b.bin+"/df", []byte("#!/bin/sh\n"), 0o755)
		}, func(b *putBed) { syscall.Unmount(b.dir+"/incoming", 2); os.Remove(b.bin + "/df") }},
		"sync fails": {"input/output error: nothing restored: the same command tries again", func(b *putBed) {
			os.WriteFile(b.bin+"/sync.sh", []byte("#!/bin/sh\necho \"sync: error syncing: Input/output error\" >&2; exit 1\n"), 0o755)
			os.Rename(b.bin+"/sync", b.bin+"/sync.old")
			os.Rename(b.bin+"/sync.sh", b.bin+"/sync")
		}, func(b *putBed) { os.Rename(b.bin+"/sync.old", b.bin+"/sync") }},
		"a link above": {"expected no symbolic link: nothing restored: the same command tries again", func(b *putBed) { os.Symlink("/etc", b.dir+"/queue/ab") }, func(b *putBed) { os.Remove(b.dir + "/queue/ab") }},
	} {
		t.Run(name, func(t *testing.T) {
			b := bed.with(t, fulltest.Of(3, 1), 0)
			tt.do(b)
			r := b.restore()
			tt.mend(b)
			b.quiet()
			if r.status != 1 || !strings.Contains(r.stderr, tt.want) || r.stdout != "0 envelopes restored\n" && r.stdout != "" || len(b.sim.Envelopes()) > 0 {
				t.Errorf("%v", r)
			}
			if left := tree(t, b.dir+"/incoming"); strings.Contains(left, "abcd") {
				t.Errorf("left: %s", left)
			}
			if r := b.restore(); r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes restored\n", len(b.ids)) {
				t.Errorf("again: %v", r)
			}
			b.once(name)
		})
	}
}

// TestFarRestoreHostile has folders of copies with names and files that must not get there:
// nothing of them is sent, and the others are restored.
func TestFarRestoreHostile(t *testing.T) {
	t.Parallel()
	b := newPutBed(t).with(t, 3, 0)
	sp := spool.OpenCopies(b.top+"/mx1", nil)
	for _, name := range []string{"$(touch x)", "-rf", "a b", "..x", "abcd00", "ABCD0001", "abcd00011", "\n"} {
		os.MkdirAll(filepath.Join(b.top, "mx1", name), 0o700)
		os.WriteFile(filepath.Join(b.top, "mx1", name, "message"), []byte("x"), 0o600)
		os.WriteFile(filepath.Join(sp.MessageDir(b.ids[0].Msg()), name), []byte("x"), 0o600)
	}
	os.WriteFile(filepath.Join(sp.MessageDir(b.ids[0].Msg()), "0000000100000001"), []byte(envelopeText("relay", "x@y.example")), 0o600) // of another message
	os.Remove(sp.MessagePath(b.ids[1].Msg()))
	os.Symlink("/etc/passwd", sp.MessagePath(b.ids[1].Msg()))
	r := b.restore()
	if r.status != 1 || !strings.Contains(r.stderr, "symbolic link") || !strings.Contains(r.stderr, "nothing restored") {
		t.Errorf("a link: %v", r)
	}
	// The shell there deletes what it had begun, also once its sshd has ended.
	realsmtpd.WaitFor(t, patience, "nothing left", func() error {
		if left := contents(t, b.dir); len(left) > 0 {
			return fmt.Errorf("left: %q", left)
		}
		return nil
	})
	os.Remove(sp.MessagePath(b.ids[1].Msg()))
	os.WriteFile(sp.MessagePath(b.ids[1].Msg()), nil, 0o600)
	r = b.restore()
	if r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes restored\n", len(b.ids)) {
		t.Errorf("%v", r)
	}
	if got := contents(t, b.dir+"/queue"); len(got) != len(b.ids)+len(kinds) {
		t.Errorf("%d files are there", len(got))
	}
}

// TestFarRestoreAcross restores mail of several machines whose ids are the same and whose mail is
// not: each gets its own. What a restore into the queue of
// one machine has begun is never taken up for another.
func TestFarRestoreAcross(t *testing.T) {
	t.Parallel()
	each := fulltest.Of(30, 4)
	cfg := smtpdsim.Config{Seed: 1, Messages: each, Spool: "spool"}
	m := newFarMachines(t, cfg, cfg, cfg)
	var queued []map[string]string
	for i, dir := range m.spools {
		sp := spool.Open(dir)
		for id := range sp.IDs() {
			os.WriteFile(sp.MessagePath(id.Msg()), fmt.Appendf(nil, "Subject: of mx%d\n\n%v\n", i+1, id), 0o600)
		}
		queued = append(queued, contents(t, filepath.Join(dir, "queue")))
	}
	dir := filepath.Join(t.TempDir(), "saved")
	opts := []string{"--socket", m.socket, "--spool", filepath.Join(filepath.Dir(m.socket), "spool")}
	far := func(hosts string, words ...string) result {
		return m.run("", append(append(slices.Clone(opts), "--host", hosts), words...)...)
	}
	if r := far("mx1,mx2,mx3", "remove", "--save", dir, "from=*"); r.status != 0 {
		t.Fatal(r)
	}
	// Of one machine the journal says that a restore into the queue of another has begun.
	journal := filepath.Join(dir, "mx3", "journal")
	saved, _ := os.ReadFile(journal)
	ids, _ := os.ReadDir(filepath.Join(dir, "mx3"))
	names, _ := filepath.Glob(filepath.Join(dir, "mx3", ids[0].Name(), ids[0].Name()+"*"))
	begun := fmt.Sprintf("{\"event\":\"placing\",\"id\":\"%[1]s\",\"as\":\"%[1]s\",\"into\":\"mx9\"}\n", filepath.Base(names[0]))
	os.WriteFile(journal, append(slices.Clone(saved), begun...), 0o600)
	r := far("mx1,mx2,mx3", "restore", dir)
	if r.status != 1 || !strings.HasPrefix(r.stdout, fmt.Sprintf("mx1: %[1]d envelopes restored\nmx2: %[1]d envelopes restored\nmx3: %[2]d envelopes restored\n", each, each-1)) || !strings.Contains(r.stderr, "into the queue of mx9: give the command for that machine again") {
		t.Errorf("%v", r)
	}
	os.WriteFile(journal, bytes.ReplaceAll(must(os.ReadFile(journal)), []byte(begun), nil), 0o600)
	if r := far("mx1,mx2,mx3", "restore", dir); r.status != 0 || r.stdout != "mx1: 0 envelopes restored\nmx2: 0 envelopes restored\nmx3: 1 envelope restored\n" {
		t.Errorf("again: %v", r)
	}
	for i := range m.sims {
		if n := len(m.sims[i].Envelopes()); n != each {
			t.Errorf("mx%d has %d", i+1, n)
		}
		sameFiles(t, fmt.Sprint("mx", i+1), contents(t, filepath.Join(m.spools[i], "queue")), queued[i])
	}
	// The copies of one machine may be given to another, which is said.
	if r := far("mx1", "remove", "all"); r.status != 0 {
		t.Fatal(r)
	}
	os.WriteFile(filepath.Join(dir, "mx2", "journal"), saved2(t, dir), 0o600)
	r = far("mx1", "restore", filepath.Join(dir, "mx2"))
	if r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes restored\n", each) || !strings.Contains(r.stderr, fmt.Sprintf("%d of them were removed from the queue of mx2: mx1 delivers what it restores", each)) {
		t.Errorf("to another: %v", r)
	}
}

// saved2 returns the lines of the journal of mx2 that say what was saved.
func saved2(t *testing.T, dir string) (lines []byte) {
	t.Helper()
	for line := range bytes.Lines(must(os.ReadFile(filepath.Join(dir, "mx2", "journal")))) {
		if bytes.Contains(line, []byte(`"saved"`)) {
			lines = append(lines, line...)
		}
	}
	return lines
}

// must returns a value that there is.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
