package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// A machine is one from which, or to which, move-queue moves a queue.
type machine struct {
	*testing.T
	opts []string // of the program
}

// moves runs move-queue. It is killed when it gives its command of a number, 0 for none,
// before that or after it.
func (m machine) moves(kill int, after bool, way, folder string) result {
	m.Helper()
	dir := m.TempDir()
	give := program + " " + strings.Join(m.opts, " ") + ` "$@"`
	script := `#!/bin/sh
echo >>` + dir + `/count
[ $(($(wc -l <` + dir + `/count))) = ` + fmt.Sprint(kill) + ` ] || exec ` + give + "\n"
	if after {
		script += give + "\n"
	}
	script += "kill -KILL $PPID\n"
	wrapper := filepath.Join(dir, "smtpctl")
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		m.Fatal(err)
	}
	cmd := exec.Command("../../examples/move-queue", way, folder)
	cmd.Env = append(os.Environ(), "SMTPCTL="+wrapper, "TMPDIR="+dir)
	return runCommand(m.T, cmd, "")
}

// recipients returns how often each recipient is in the queue.
func (m machine) recipients() map[string]int {
	m.Helper()
	n := map[string]int{}
	for line := range strings.Lines(run(m.T, append(m.opts, "show", "queue")...).stdout) {
		n[strings.Split(line, "|")[5]]++
	}
	return n
}

// simMachine is one with a simulated smtpd.
func simMachine(t *testing.T) (machine, *smtpdsim.Server) {
	t.Helper()
	files := t.TempDir()
	sim, socket := simtest.Start(t, smtpdsim.Config{Spool: files})
	os.Mkdir(filepath.Join(files, "incoming"), 0o700)
	return machine{t, []string{"--socket", socket, "--spool", files}}, sim
}

// TestMoveQueue kills move-queue before or after each of its commands, and gives the command
// again: then each envelope is in one place exactly once. Outside CI it takes each third of them.
func TestMoveQueue(t *testing.T) {
	t.Parallel()
	const mails = 4
	filled := func(t *testing.T) machine {
		old, sim := simMachine(t)
		for i := range mails {
			sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(0xabcd0001+i/2)<<32 | uint64(i+1)), Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d@y.example", i))})
		}
		return old
	}
	t.Run("out", func(t *testing.T) {
		t.Parallel()
		for at := 1; ; at += fulltest.Of(1, 3) { // an odd number, so that some are killed before and some after
			old, folder := filled(t), filepath.Join(t.TempDir(), "queue")
			killed := old.moves(at, at%2 == 0, "out", folder)
			r := old.moves(0, false, "out", folder)
			if r.status != 0 || !strings.Contains(r.stdout, fmt.Sprintf("%d envelopes moved to %s; this queue is empty", mails, folder)) || len(old.recipients()) != 0 {
				t.Errorf("killed at %d (%v): %v, left %v", at, killed, r, old.recipients())
			}
			if copies, _ := filepath.Glob(folder + "/*/????????????????"); len(copies) != mails {
				t.Errorf("killed at %d: %d copies", at, len(copies))
			}
			if killed.status == 0 {
				if at < 10 {
					t.Errorf("it gives only %d commands", at-1)
				}
				return
			}
		}
	})
	t.Run("in", func(t *testing.T) {
		t.Parallel()
		old, moved := filled(t), filepath.Join(t.TempDir(), "queue")
		old.moves(0, false, "out", moved)
		for at := 1; ; at += fulltest.Of(1, 3) {
			fresh, _ := simMachine(t)
			folder := filepath.Join(t.TempDir(), "queue")
			if err := os.CopyFS(folder, os.DirFS(moved)); err != nil {
				t.Fatal(err)
			}
			killed := fresh.moves(at, at%2 == 0, "in", folder)
			r := fresh.moves(0, false, "in", folder)
			if err := once(fresh.recipients(), mails); r.status != 0 || !strings.Contains(r.stdout, fmt.Sprintf("%d envelopes are in the queue", mails)) || err != nil {
				t.Errorf("killed at %d (%v): %v, %v", at, killed, r, err)
			}
			if killed.status == 0 {
				if at < 5 {
					t.Errorf("it gives only %d commands", at-1)
				}
				return
			}
		}
	})
}

// TestMoveQueueRefuses has move-queue see that something is wrong.
func TestMoveQueueRefuses(t *testing.T) {
	t.Parallel()
	old, sim := simMachine(t)
	fresh, _ := simMachine(t)
	add := func(i int) {
		sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(0xabcd0001+i)<<32 | 1), Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d@y.example", i))})
	}
	for i := range 4 {
		add(i)
	}
	dir := t.TempDir()
	folder := dir + "/queue"
	refused := func(m machine, status int, want string, args ...string) {
		t.Helper()
		if r := m.moves(0, false, args[0], args[1]); r.status != status || !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("%q: %v, want status %d and %q", args, r, status, want)
		}
	}
	refused(old, 2, "usage: ", "away", folder)
	refused(old, 1, "is there already, and no queue was moved to it", "out", dir)
	refused(fresh, 1, "holds no queue that move-queue out has moved to its end", "in", dir)
	// A file that smtpd does not list.
	lost := filepath.Join(old.opts[3], "queue", "0b", "0b000001")
	os.MkdirAll(lost, 0o700)
	os.WriteFile(lost+"/0b00000100000001", nil, 0o600)
	refused(old, 1, "these files would stay behind", "out", folder)
	os.RemoveAll(lost)
	// Mail that was copied, and is delivered after the break.
	first := protocol.EnvelopeID(0xabcd0001<<32 | 1)
	run(t, append(old.opts, "remove", first.String(), "--save", folder)...)
	os.WriteFile(folder+"/move-queue", nil, 0o600)
	refused(old, 1, "1 copies that are not queued any more may have been delivered", "out", folder)
	run(t, append(old.opts, "pause", "mta")...)
	run(t, append(old.opts, "pause", "mda")...)
	refused(old, 0, "4 envelopes moved", "out", folder)
	// Something is lost on the way, and is copied again.
	message := filepath.Join(folder, "abcd0002", "message")
	text, _ := os.ReadFile(message)
	os.WriteFile(message, text[:len(text)/2], 0o600)
	refused(fresh, 1, "is not what it was on the old machine", "in", folder)
	os.WriteFile(message, text, 0o600)
	if out, err := exec.Command("cp", "-a", folder, dir+"/sent").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	refused(fresh, 0, "4 envelopes are in the queue, 0 of them", "in", folder)
	// The folder is copied once more: not restored twice.
	os.Rename(dir+"/sent", folder)
	refused(fresh, 0, "4 envelopes are in the queue, 4 of them since an earlier run", "in", folder)
	if err := once(fresh.recipients(), 4); err != nil {
		t.Error(err)
	}
	// Another queue in its place.
	add(9)
	os.RemoveAll(folder)
	refused(old, 0, "1 envelopes moved", "out", folder)
	refused(fresh, 1, "are two queues", "in", folder)
}

// TestRealMoveQueue moves mail from one real smtpd to another, which delivers it; the first
// one, started again, has nothing left to deliver. Both share the place of the spool: the
// machine is another one when its smtpd starts with a spool of its own.
func TestRealMoveQueue(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	m := machine{t, []string{"--socket", d.Socket, "--spool", d.Spool}}
	for i := range 5 {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("a%d@ok.example", i), fmt.Sprintf("b%d@ok.example", i)}, Body: "Subject: moved\n\nbody\n"})
	}
	d.WaitQueued(10)
	var before []string
	fields := func() (all []string) {
		for line := range strings.Lines(ours(t, d, "", "show", "queue").stdout) {
			all = append(all, strings.Join(strings.Split(line, "|")[:8], "|"))
		}
		return all
	}
	before = fields()
	folder := filepath.Join(t.TempDir(), "queue")
	killed := m.moves(8, true, "out", folder) // once in the middle, too
	if r := m.moves(0, false, "out", folder); r.status != 0 || !strings.Contains(r.stdout, "10 envelopes moved to ") {
		t.Fatalf("out: %v\n%v\n%s", r, killed, d.Log())
	}
	if len(d.Sink.Took()) != 0 {
		t.Errorf("delivered on the way: %v", d.Sink.Took())
	}
	aside := d.Spool + ".old"
	os.RemoveAll(aside)
	defer os.RemoveAll(aside)
	d.Restart(func() { os.Rename(d.Spool+"/queue", aside) })
	killed = m.moves(4, true, "in", folder)
	if r := m.moves(0, false, "in", folder); r.status != 0 || !strings.Contains(r.stdout, "10 envelopes are in the queue") {
		t.Fatalf("in: %v\n%v\n%s", r, killed, d.Log())
	}
	if after := fields(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("moved:\n%q\nbefore:\n%q", after, before)
	}
	deliver := func() {
		t.Helper()
		for _, s := range []string{"mta", "mda"} {
			ours(t, d, "", "resume", s)
		}
		ours(t, d, "", "schedule", "all")
		if r := ours(t, d, "", "wait", "empty", "for", "30s"); r.status != 0 {
			t.Errorf("%v\n%s", r, d.Log())
		}
		if err := once(d.Sink.Took(), 10); err != nil {
			t.Errorf("%v\n%s", err, d.Log())
		}
	}
	deliver()
	d.Restart(func() {
		os.RemoveAll(d.Spool + "/queue")
		os.Rename(aside, d.Spool+"/queue")
	})
	deliver()
}
