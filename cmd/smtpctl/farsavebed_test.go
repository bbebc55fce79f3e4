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
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// contents returns the contents of all regular files beneath a folder of a queue or of
// copies, by the last two parts of their paths.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && filepath.Dir(path) != dir {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			all[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] = string(text)
		}
		return nil
	})
	return all
}

// sameFiles fails unless got has the files of want, and no others.
func sameFiles(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if have, ok := got[name]; !ok || have != text {
			t.Errorf("%s: %s: %d bytes (there: %v) and not the %d of the queue", what, name, len(have), ok, len(text))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: there is %s", what, name)
		}
	}
}

// A hooked is a farSpool that runs a hook at each file that is read there.
type hooked struct {
	*farSpool
	bin, dir string // of the hook, and of the copies
}

// newHooked returns an sshd on which dd, which reads the files there, first carries out a hook.
func newHooked(t *testing.T) *hooked {
	t.Helper()
	bin := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\nb=%s; n=0; [ ! -e $b/n ] || read -r n <$b/n; n=$((n+1)); echo $n >$b/n\n"+
		"hang() { echo $n >$b/hung; while [ -d $b ] && [ ! -e $b/go ]; do sleep 0.1; done; }\n. $b/hook\nPATH=/usr/bin:/bin exec dd \"$@\"\n", bin)
	if err := os.WriteFile(filepath.Join(bin, "dd"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	// Once that hangs, so does what reads a single file.
	text = fmt.Sprintf("#!/bin/sh\nb=%s; while [ -e $b/hung ] && [ ! -e $b/go ]; do sleep 0.1; done; PATH=/usr/bin:/bin exec cat \"$@\"\n", bin)
	if err := os.WriteFile(filepath.Join(bin, "cat"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return &hooked{farSpool: &farSpool{farBed: newFarBed(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))}, bin: bin}
}

// with returns the same sshd with an smtpd and a spool of their own, and a hook for sh(1) in
// which $n is how many files have been read.
func (f *hooked) with(t *testing.T, hook string, cfg smtpdsim.Config) *hooked {
	t.Helper()
	one := &hooked{farSpool: &farSpool{farBed: &farBed{f.Server, t}, dir: t.TempDir()}, bin: f.bin, dir: filepath.Join(t.TempDir(), "saved")}
	for _, name := range []string{"n", "hung", "go"} {
		os.Remove(filepath.Join(f.bin, name))
	}
	if err := os.WriteFile(filepath.Join(f.bin, "hook"), []byte(hook+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Seed, cfg.Spool = 1, one.farSpool.dir
	one.sim, one.socket = simtest.Start(t, cfg)
	for id, err := range spool.Open(cfg.Spool).IDs() {
		if err != nil {
			t.Fatal(err)
		}
		one.ids = append(one.ids, id)
	}
	return one
}

// many adds one message with n recipients to the queue: that is half as many files as n messages.
func (f *farSpool) many(n int) {
	for i := range n {
		id := protocol.EnvelopeID(0xf0000001<<32 | uint64(i+1))
		f.sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("many%d@y.example", i))})
		f.ids = append(f.ids, id)
	}
}

// start starts remove --save of everything, and waits until the hook hangs.
func (f *hooked) start(options ...string) (cmd *exec.Cmd, out, errs *strings.Builder) {
	f.farBed.t.Helper()
	cmd = f.command(append(options, "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "remove", "--save", f.dir, "from=*")...)
	out, errs = &strings.Builder{}, &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		f.farBed.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(f.bin, "hung")); err == nil && info.Size() > 0 {
			return cmd, out, errs
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			f.farBed.t.Fatalf("it does not read: %s", errs.String())
		}
	}
}

// end waits for the end of what start has started.
func (f *hooked) end(cmd *exec.Cmd) int {
	f.farBed.t.Helper()
	timer := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
	os.WriteFile(filepath.Join(f.bin, "go"), nil, 0o600)
	if cmd.ProcessState.Exited() {
		f.farBed.gone()
	}
	return cmd.ProcessState.ExitCode()
}

// kill kills the ssh that holds the connection.
func (f *hooked) kill() { f.killMasters() }

// copied fails unless the folder has copies of exactly these envelopes, as they were in the
// queue, and their messages.
func (f *hooked) copied(what string, queued map[string]string, ids []protocol.EnvelopeID) {
	f.farBed.t.Helper()
	want := map[string]string{}
	for _, id := range ids {
		for _, name := range []string{id.Msg().String() + "/message", id.Msg().String() + "/" + id.String()} {
			want[name] = queued[name]
		}
	}
	sameFiles(f.farBed.t, what, contents(f.farBed.t, filepath.Join(f.dir, "mx1")), want)
}

// left returns the envelopes that are in the queue and those that are not any more.
func (f *hooked) left() (in, out []protocol.EnvelopeID) {
	listed := map[protocol.EnvelopeID]bool{}
	for _, e := range f.sim.Envelopes() {
		listed[e.ID] = true
	}
	for _, id := range f.ids {
		if listed[id] {
			in = append(in, id)
		} else {
			out = append(out, id)
		}
	}
	return in, out
}
