package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/spool"
)

// odd gives messages of a queue contents that might be taken for something else.
func (f *farSpool) odd() {
	f.farBed.t.Helper()
	sp := spool.Open(f.dir)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(bytes.Repeat([]byte("line\n"), 10_000))
	w.Close()
	noise := make([]byte, 3<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	for i, text := range []string{z.String(), string(noise), "", "\x01" + string(noise[:100_000]), strings.Repeat("x", 64<<10), strings.Repeat("y\n", 300_000), "no end of line", "\x00\n.\n\r\nr 1 / etc/passwd\n$(reboot)\n"} {
		if err := os.WriteFile(sp.MessagePath(f.ids[i].Msg()), []byte(text), 0o600); err != nil {
			f.farBed.t.Fatal(err)
		}
	}
}

// TestFarSave removes mail of another machine with --save, one-shot, which is confined, and in
// a script: the copies are what the files there were, and can be listed and restored.
func TestFarSave(t *testing.T) {
	t.Parallel()
	bed := newHooked(t)
	for i, mode := range []string{"one-shot", "script", "connect"} {
		t.Run(mode, func(t *testing.T) {
			// One request to smtpd is for 256 at most; two modes have more, one of them in CI.
			messages := fulltest.Of(30, 10)
			if mode == "connect" {
				messages = fulltest.Of(300, 10)
			}
			f := bed.with(t, "", smtpdsim.Config{Messages: messages}).farSpool
			f.odd()
			if i == 0 {
				f.many(fulltest.Of(230, 250))
			}
			queued := contents(t, filepath.Join(f.dir, "queue"))
			dir := filepath.Join(t.TempDir(), "new", "saved")
			opts := []string{"--socket", f.socket, "--spool", f.dir}
			var r result
			switch words := []string{"remove", "--save", dir, "from=*"}; mode {
			case "one-shot":
				r = f.run("", append(append(opts, "--host", "mx1"), words...)...)
			case "script":
				r = f.run(strings.Join(words, " ")+"\n", append(opts, "--host", "mx1", "-f", "-")...)
			default:
				r = f.run("connect mx1\n"+strings.Join(words, " ")+"\nundo\n", append(opts, "-f", "-")...)
				// undo puts them back into the queue there.
				if want := fmt.Sprintf(`undo: remove "from=*", by restore %q "%d envelopes"`+"\n", filepath.Join(dir, "mx1"), len(f.ids)); r.status != 0 || !strings.HasSuffix(r.stdout, fmt.Sprintf("%d envelopes restored\n", len(f.ids))) || r.stderr != want {
					t.Errorf("%v", r)
				}
				sameFiles(t, "undone", contents(t, filepath.Join(f.dir, "queue")), queued)
				dir = filepath.Join(t.TempDir(), "again")
				r = f.run("connect mx1\nremove --save "+dir+" from=*\n", append(opts, "-f", "-")...)
			}
			if want := fmt.Sprintf("%d envelopes removed\n", len(f.ids)); r.status != 0 || !strings.HasSuffix(r.stdout, want) || r.stderr != "" {
				t.Fatalf("%v", r)
			}
			if left := f.sim.Envelopes(); len(left) > 0 {
				t.Errorf("%d are left", len(left))
			}
			sameFiles(t, "copies", contents(t, filepath.Join(dir, "mx1")), queued)
			here := func(words ...string) result { return runCommand(t, f.command(append(opts, words...)...), "") }
			if r := here("show", "journal", filepath.Join(dir, "mx1")); r.status != 0 || strings.Count(r.stdout, "\n") != 1 || !strings.HasSuffix(r.stdout, fmt.Sprintf("%d envelopes saved from mx1\n", len(f.ids))) {
				t.Errorf("%v", r)
			}
			if r := here("show", "journal"); r.status != 0 || !strings.Contains(r.stdout, ", copies in "+filepath.Join(dir, "mx1")+"\n") {
				t.Errorf("%v", r)
			}
			if r := here("show", "queue", "--from", filepath.Join(dir, "mx1")); strings.Count(r.stdout, "\n") != len(f.ids) || r.status != 0 {
				t.Errorf("%v", r)
			}
			// On the machine itself they can be put back.
			if r := here("restore", filepath.Join(dir, "mx1")); r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes restored\n", len(f.ids)) || !strings.Contains(r.stderr, fmt.Sprintf("%d of them were removed from the queue of mx1", len(f.ids))) {
				t.Errorf("%v", r)
			}
			sameFiles(t, "restored", contents(t, filepath.Join(f.dir, "queue")), queued)
		})
	}
}

// TestFarSaveLost ends the connection, the program or the answers while the files of the
// 300th envelope are read: the 256 before are removed and saved, the others are as before, and
// of those nothing is left in the folder.
func TestFarSaveLost(t *testing.T) {
	t.Parallel()
	bed := newHooked(t)
	for i, tt := range []struct {
		name, timeout, want string
		status              int
		do                  func(f *hooked, cmd *exec.Cmd)
	}{
		{"ssh killed", "60s", "mx1: ", 3, func(f *hooked, _ *exec.Cmd) { f.kill() }},
		{"hung", "6s", "no answer within 6s while files were read there", 3, func(*hooked, *exec.Cmd) {}},
		{"interrupted", "60s", "interrupted", 130, func(_ *hooked, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGINT) }},
		{"killed", "60s", "", -1, func(_ *hooked, cmd *exec.Cmd) { cmd.Process.Kill() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, all, hang := 256, fulltest.Of(400, 300), fulltest.Of(600, 560)
			if !fulltest.Takes(i, 4) {
				first, all, hang = 0, 8, 10
			}
			f := bed.with(t, fmt.Sprintf("[ $n -lt %d ] || hang", hang), smtpdsim.Config{Messages: all})
			queued := contents(t, filepath.Join(f.farSpool.dir, "queue"))
			cmd, out, errs := f.start("--timeout", tt.timeout)
			tt.do(f, cmd)
			status := f.end(cmd)
			in, gone := f.left()
			if len(gone) != first || status != tt.status || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("status %d, %d of %d are removed: %s%s", status, len(gone), all, out.String(), errs.String())
			}
			if tt.name == "killed" {
				// What it was copying is there and does not count: no record says that it was saved.
				r := runCommand(t, f.command("show", "journal", filepath.Join(f.dir, "mx1")), "")
				if saved := fmt.Sprintf("%d envelopes saved from mx1\n", first); first > 0 && !strings.HasSuffix(r.stdout, saved) || first == 0 && r.stdout != "" {
					t.Errorf("%v", r)
				}
				return
			}
			want, done := fmt.Sprintf("%d removed, %d as before", first, len(in)), fmt.Sprintf("%d envelopes removed\n", first)
			if first == 0 {
				want, done = "", ""
			}
			if !strings.Contains(errs.String(), want) || out.String() != done {
				t.Errorf("want %q: %s%s", want, out.String(), errs.String())
			}
			f.copied(tt.name, queued, gone)
			// The same command goes on.
			r := f.run("", "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")
			if r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes removed\n", len(in)) {
				t.Errorf("again: %v", r)
			}
			f.copied("again", queued, f.ids)
		})
	}
}

// TestFarSaveUnanswered loses the connection while smtpd removes: what was asked for and what
// smtpd has confirmed is said exactly, and whatever is gone there is here.
func TestFarSaveUnanswered(t *testing.T) {
	t.Parallel()
	const answered = 50
	all := fulltest.Of(200, 100)
	f := newHooked(t).with(t, "", smtpdsim.Config{Messages: all, Tamper: okThenMute(answered)})
	queued := contents(t, filepath.Join(f.farSpool.dir, "queue"))
	cmd := f.command("--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked := untilMute(t, f.sim, protocol.TypeRemove, answered, &errs)
	f.kill()
	status := f.end(cmd)
	_, gone := f.left()
	want := fmt.Sprintf("%d removed, %d asked for without an answer, %d as before", answered, asked-answered, all-asked)
	if status != 3 || len(gone) != asked || !strings.Contains(errs.String(), want) {
		t.Errorf("status %d, %d are gone, want %q: %s%s", status, len(gone), want, out.String(), errs.String())
	}
	have := contents(t, filepath.Join(f.dir, "mx1"))
	for _, id := range gone {
		for _, name := range []string{id.Msg().String() + "/message", id.Msg().String() + "/" + id.String()} {
			if text, ok := have[name]; !ok || text != queued[name] {
				t.Errorf("%s is gone, and not saved", name)
			}
		}
	}
}

// TestFarSaveKeeps has files that cannot be saved, for each reason: their envelopes stay, the
// reason and the numbers are said, the others are saved and removed, and no part of a file is
// left behind.
func TestFarSaveKeeps(t *testing.T) {
	t.Parallel()
	kept, all := fulltest.Of(10, 3), fulltest.Of(40, 6)
	nth := fmt.Sprintf("[ $n != %d ] || ", 2*kept+1) // the file of the envelope
	bed := newHooked(t)
	for _, tt := range []struct {
		name, hook, want string
		do               func(t *testing.T, f *hooked, sp *spool.Spool)
	}{
		{"a shorter answer", nth + "{ head -c 3; exit; }", "the file changed while it was read", nil},
		{"a longer answer", nth + "{ cat; echo more; exit; }", "", nil},
		{"an error there", nth + "exit 1", "", nil},
		{"file gone", "", "no such file or directory", func(t *testing.T, f *hooked, sp *spool.Spool) { os.Remove(sp.EnvelopePath(f.ids[kept])) }},
		{"message gone", "", "no such file or directory", func(t *testing.T, f *hooked, sp *spool.Spool) { os.Remove(sp.MessagePath(f.ids[kept].Msg())) }},
		{"a link", "", "symbolic link", func(t *testing.T, f *hooked, sp *spool.Spool) {
			os.Remove(sp.MessagePath(f.ids[kept].Msg()))
			os.Symlink("/etc/passwd", sp.MessagePath(f.ids[kept].Msg()))
		}},
		{"a folder of another", "", "symbolic link", func(t *testing.T, f *hooked, sp *spool.Spool) {
			os.RemoveAll(sp.MessageDir(f.ids[kept].Msg()))
			os.Symlink("/etc", sp.MessageDir(f.ids[kept].Msg()))
		}},
		{"a pipe", "", "it is a FIFO", func(t *testing.T, f *hooked, sp *spool.Spool) {
			os.Remove(sp.MessagePath(f.ids[kept].Msg()))
			syscall.Mkfifo(sp.MessagePath(f.ids[kept].Msg()), 0o600)
		}},
		{"another file here", "", "a different file is already there", func(t *testing.T, f *hooked, sp *spool.Spool) {
			os.MkdirAll(filepath.Join(f.dir, "mx1", f.ids[kept].Msg().String()), 0o700)
			os.WriteFile(filepath.Join(f.dir, "mx1", f.ids[kept].Msg().String(), "message"), []byte("other"), 0o600)
		}},
		{"this disk full", "", "no space left on device", func(t *testing.T, f *hooked, sp *spool.Spool) {
			os.Mkdir(f.dir, 0o700)
			if err := unix.Mount("tmpfs", f.dir, "tmpfs", 0, "size=1m"); err != nil {
				t.Skipf("cannot mount a small disk here: %v", err)
			}
			t.Cleanup(func() { unix.Unmount(f.dir, unix.MNT_DETACH) })
			os.WriteFile(sp.MessagePath(f.ids[kept].Msg()), make([]byte, 2<<20), 0o600)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := bed.with(t, tt.hook, smtpdsim.Config{Messages: all})
			sp := spool.Open(f.farSpool.dir)
			if tt.do != nil {
				tt.do(t, f, sp)
			}
			queued := contents(t, filepath.Join(f.farSpool.dir, "queue"))
			r := f.run("", "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")
			in, gone := f.left()
			if r.status != 1 || len(in) != 1 || in[0] != f.ids[kept] || r.stdout != fmt.Sprintf("%d envelopes removed\n", all-1) {
				t.Errorf("%d are left: %v", len(in), r)
			}
			if strings.Count(r.stderr, "is kept: ") != 1 || !strings.Contains(r.stderr, fmt.Sprintf("smtpctl: envelope %v is kept: ", f.ids[kept])) || !strings.Contains(r.stderr, tt.want) || !strings.Contains(r.stderr, "1 envelope could not be saved and was not removed") {
				t.Errorf("%v", r)
			}
			if tt.name == "another file here" {
				os.RemoveAll(filepath.Join(f.dir, "mx1", f.ids[kept].Msg().String()))
			}
			f.copied(tt.name, queued, gone)
		})
	}
	// Without room for even the records of what is saved, nothing is removed and nothing stays.
	all = 40
	f := bed.with(t, "", smtpdsim.Config{Messages: all})
	os.Mkdir(f.dir, 0o700)
	if err := unix.Mount("tmpfs", f.dir, "tmpfs", 0, "size=200k"); err != nil {
		t.Skipf("cannot mount a small disk here: %v", err)
	}
	defer unix.Unmount(f.dir, unix.MNT_DETACH)
	r := f.run("", "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")
	in, _ := f.left()
	if r.status != 1 || len(in) != all || r.stdout != "0 envelope removed\n" || strings.Count(r.stderr, "is kept: ") != 3 || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes could not be saved and were not removed", all)) {
		t.Errorf("%d are left: %v", len(in), r)
	}
	f.copied("a full disk", nil, nil)
}

// TestFarSaveDelivered has mail leave the queue between the listing and the reading of its
// files, and between that and its removal: it counts as gone, and no copy is left that could
// be restored.
func TestFarSaveDelivered(t *testing.T) {
	t.Parallel()
	f := newHooked(t).with(t, "[ $n != 21 ] || hang", smtpdsim.Config{Messages: 40})
	queued := contents(t, filepath.Join(f.farSpool.dir, "queue"))
	sp := spool.Open(f.farSpool.dir)
	cmd, out, errs := f.start()
	conn, err := protocol.Dial(context.Background(), f.socket, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	left := []protocol.EnvelopeID{f.ids[3], f.ids[30]} // the files of one have been read
	if _, err := conn.Act(context.Background(), protocol.RemoveEnvelope, left, func(protocol.EnvelopeID, bool) {}); err != nil {
		t.Fatal(err)
	}
	for _, id := range left {
		os.RemoveAll(sp.MessageDir(id.Msg()))
	}
	os.WriteFile(filepath.Join(f.bin, "go"), nil, 0o600)
	if status := f.end(cmd); status != 0 || out.String() != "38 envelopes removed\n" || !strings.Contains(errs.String(), "2 envelopes left the queue meanwhile\n") {
		t.Errorf("status %d: %s%s", status, out.String(), errs.String())
	}
	f.copied("delivered", queued, slices.DeleteFunc(slices.Clone(f.ids), func(id protocol.EnvelopeID) bool { return slices.Contains(left, id) }))
}

// TestFarSaveLocked waits for the lock of the other machine before anything is copied or removed.
func TestFarSaveLocked(t *testing.T) {
	t.Parallel()
	f := newHooked(t).with(t, "", smtpdsim.Config{Messages: 20})
	lock, err := os.Open(f.farSpool.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	r := f.run("", "--timeout", "5s", "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")
	if r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "another smtpctl changes envelopes there") || len(f.sim.Envelopes()) != 20 {
		t.Errorf("%d are left: %v", len(f.sim.Envelopes()), r)
	}
	f.copied("locked", nil, nil)
}

// TestFarSaveAcross saves mail of several machines whose ids are the same and whose mail is
// not: each has a folder, and no copy is lost.
func TestFarSaveAcross(t *testing.T) {
	t.Parallel()
	each := fulltest.Of(30, 5)
	cfg := smtpdsim.Config{Seed: 1, Messages: each, Spool: "spool"}
	m := newFarMachines(t, cfg, cfg, cfg)
	var queued []map[string]string
	for i := range m.sims {
		dir := m.spools[i]
		sp := spool.Open(dir)
		for id := range sp.IDs() {
			os.WriteFile(sp.MessagePath(id.Msg()), fmt.Appendf(nil, "Subject: of mx%d\n\n%v\n", i+1, id), 0o600)
		}
		queued = append(queued, contents(t, filepath.Join(dir, "queue")))
	}
	dir := filepath.Join(t.TempDir(), "saved")
	remove := func() result {
		return m.run("", "--socket", m.socket, "--spool", filepath.Join(filepath.Dir(m.socket), "spool"), "--host", "mx1,mx2,mx3", "remove", "--save", dir, "from=*")
	}
	// What cannot be saved of one of them stays there, and the others are done.
	os.Mkdir(dir, 0o700)
	os.WriteFile(filepath.Join(dir, "mx2"), nil, 0o600)
	r := remove()
	if r.status != 1 || r.stdout != fmt.Sprintf("mx1: %[1]d envelopes removed\nmx3: %[1]d envelopes removed\n", each) || !strings.Contains(r.stderr, "smtpctl: mx2: --save: "+filepath.Join(dir, "mx2")) || !strings.Contains(r.stderr, "nothing done") || len(m.sims[1].Envelopes()) != each {
		t.Errorf("%v", r)
	}
	os.Remove(filepath.Join(dir, "mx2"))
	r = remove()
	if r.status != 0 || r.stdout != fmt.Sprintf("mx1: 0 envelope removed\nmx2: %d envelopes removed\nmx3: 0 envelope removed\n", each) || r.stderr != "" {
		t.Errorf("%v", r)
	}
	for i, sim := range m.sims {
		if n := len(sim.Envelopes()); n != 0 {
			t.Errorf("mx%d: %d are left", i+1, n)
		}
		sameFiles(t, fmt.Sprint("mx", i+1), contents(t, filepath.Join(dir, fmt.Sprint("mx", i+1))), queued[i])
	}
}

// TestRealFarSave removes mail of a real smtpd from another machine with --save, and puts it
// back on the machine itself.
func TestRealFarSave(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range 20 {
		d.Send(realsmtpd.Mail{From: fmt.Sprintf("a%d@x.example", i), To: []string{"b@y.example", "c@z.example"}, Body: "Subject: kept\n\n" + strings.Repeat("line\n", 1+i*i*100)})
	}
	d.WaitQueued(40)
	b := newFarBed(t, "")
	dir := filepath.Join(t.TempDir(), "saved")
	queued := contents(t, filepath.Join(d.Spool, "queue"))
	opts := []string{"--socket", d.Socket, "--spool", d.Spool}
	r := b.run("", append(opts, "--host", "mx1", "remove", "--save", dir, "to=@y.example", "--expect", "20")...)
	if r.status != 0 || r.stdout != "20 envelopes removed\n" || r.stderr != "" || len(realIDs(t, d)) != 20 {
		t.Fatalf("%v", r)
	}
	r = b.run("connect mx1\nremove --save "+dir+" all\n", append(opts, "-f", "-")...)
	if r.status != 0 || !strings.HasSuffix(r.stdout, "20 envelopes removed\n") || r.stderr != "" || len(realIDs(t, d)) != 0 {
		t.Fatalf("%v", r)
	}
	sameFiles(t, "copies", contents(t, filepath.Join(dir, "mx1")), queued)
	r = runCommand(t, b.command(append(opts, "restore", filepath.Join(dir, "mx1"))...), "")
	if r.status != 0 || r.stdout != "40 envelopes restored\n" || !strings.Contains(r.stderr, "40 of them were removed from the queue of mx1") {
		t.Fatalf("%v", r)
	}
	d.WaitQueued(40)
	sameFiles(t, "restored", contents(t, filepath.Join(d.Spool, "queue")), queued)
}
