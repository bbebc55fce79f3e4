package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/copies"
	"smtpctl/shell/remote/sshdtest"
)

// A putBed is an sshd whose smtpd has an empty queue, and a folder with copies of mail.
type putBed struct {
	ended chan struct{} // closed at the end of what start has started
	*farSpool
	bin string // of the programs that count
	top string // of the copies, which are in its folder mx1
}

// putting are the programs there that change files, and those that restore waits for.
var putting = []string{"mkdir", "dd", "chown", "find", "mv", "rm", "sync"}

// newPutBed returns an sshd on which the programs that change files count how often they are
// started, and wait at one of them: from the n-th on, of the file at, until there is a file go.
func newPutBed(t *testing.T) *putBed {
	t.Helper()
	bin := countingPrograms(t)
	return &putBed{farSpool: &farSpool{farBed: newFarBed(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))}, bin: bin}
}

// countingPrograms makes the programs of newPutBed, and returns their folder.
func countingPrograms(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range putting {
		text := fmt.Sprintf("#!/bin/sh\nb=%s; n=0; a=0; [ ! -e $b/n ] || read -r n <$b/n; n=$((n+1)); echo $n >$b/n; [ ! -e $b/at ] || read -r a <$b/at\n"+
			"[ $n != $a ] || { echo %[2]s >$b/hung; while [ -d $b ] && [ ! -e $b/go ]; do sleep 0.05; done; }\nexec /usr/bin/%[2]s \"$@\"\n", bin, name)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// kinds are the numbers of recipients of the messages of with, and their texts.
var kinds = []struct {
	rcpts int
	text  string
}{{1, "Subject: one\n\nbody\n"}, {3, ""}, {40, strings.Repeat("\x00\xff\n.\n", 30_000)}, {1, "no end of line"}, {2, "m 1 00000000\ne\n$(reboot)\n"}}

// with returns the same sshd with an smtpd and a spool of their own, which are empty, and with
// copies of mail, each message of which has n recipients at most. at is where a program waits.
func (b *putBed) with(t *testing.T, n, at int) *putBed {
	t.Helper()
	one := &putBed{farSpool: &farSpool{farBed: &farBed{b.Server, t}, dir: t.TempDir()}, bin: b.bin, top: filepath.Join(t.TempDir(), "saved")}
	one.waitAt(at)
	one.sim, one.socket = simtest.Start(t, smtpdsim.Config{Seed: 1, Spool: one.dir})
	one.ids = makeCopies(t, filepath.Join(one.top, "mx1"), 0xabcd0001, n)
	return one
}

// waitAt lets the next start count its programs anew, and wait at one of them.
func (b *putBed) waitAt(at int) {
	for _, name := range []string{"n", "hung", "go"} {
		os.Remove(filepath.Join(b.bin, name))
	}
	os.WriteFile(filepath.Join(b.bin, "at"), fmt.Appendf(nil, "%d\n", at), 0o600)
}

// makeCopies writes copies of messages, the first of which has this id, with n recipients at most
// each.
func makeCopies(t *testing.T, dir string, first protocol.MessageID, n int) (ids []protocol.EnvelopeID) {
	t.Helper()
	sp := spool.OpenCopies(dir, nil)
	for i, kind := range kinds {
		msg := first + protocol.MessageID(i)
		if err := os.MkdirAll(sp.MessageDir(msg), 0o700); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(sp.MessagePath(msg), []byte(kind.text), 0o600)
		for j := range min(kind.rcpts, n) {
			id := protocol.EnvelopeID(uint64(msg)<<32 | uint64(j+1))
			ids = append(ids, id)
			os.WriteFile(sp.EnvelopePath(id), []byte(envelopeText("relay", fmt.Sprintf("r%d-%d@y.example", msg, j))), 0o600)
		}
	}
	return ids
}

// words are those of a restore.
func (b *putBed) words(more ...string) []string {
	return append([]string{"--socket", b.socket, "--spool", b.dir, "--host", "mx1", "restore", b.top}, more...)
}

// restore restores the copies.
func (b *putBed) restore(more ...string) result { return b.run("", b.words(more...)...) }

// start starts restore, and waits until a program there waits, or until restore has ended.
// It reports whether one waits.
func (b *putBed) start(options ...string) (cmd *exec.Cmd, out *strings.Builder, waits bool) {
	b.farBed.t.Helper()
	return b.startWords(append(options, b.words()...)...)
}

// startWords is start for any command.
func (b *putBed) startWords(words ...string) (cmd *exec.Cmd, out *strings.Builder, waits bool) {
	b.farBed.t.Helper()
	cmd, out = b.command(words...), &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		b.farBed.t.Fatal(err)
	}
	ended := make(chan struct{})
	b.ended = ended
	go func() { cmd.Wait(); close(ended) }()
	deadline := time.After(patience)
	for {
		if info, err := os.Stat(filepath.Join(b.bin, "hung")); err == nil && info.Size() > 0 {
			return cmd, out, true
		}
		select {
		case <-ended:
			return cmd, out, false
		case <-deadline:
			cmd.Process.Kill()
			b.farBed.t.Fatalf("it neither waits nor ends: %s", out.String())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// end waits for the end of what start has started, which kill may have ended.
func (b *putBed) end(cmd *exec.Cmd) {
	b.farBed.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(patience):
		cmd.Process.Kill()
		b.farBed.t.Fatal("it does not end")
	}
}

// quiet waits until nothing of a restore runs on the other machine any more.
func (b *putBed) quiet() {
	b.farBed.t.Helper()
	os.WriteFile(filepath.Join(b.bin, "go"), nil, 0o600)
	os.Remove(filepath.Join(b.bin, "at"))
	for deadline := time.Now().Add(patience); len(b.Sessions()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.farBed.t.Fatal("something still runs there")
		}
	}
}

// mails returns the mail beneath a folder: for each envelope its text, and that of its message.
func mails(t testing.TB, dir string) (all []string) {
	t.Helper()
	texts := contents(t, dir)
	for name, text := range texts {
		if folder, file := filepath.Split(name); file != "message" && file != copies.JournalName {
			message, ok := texts[folder+"message"]
			if !ok || file[:8] != strings.TrimSuffix(folder, "/") {
				t.Errorf("%s has no message, or is in a folder that is not its own", name)
			}
			all = append(all, text+"\x00"+message)
		}
	}
	slices.Sort(all)
	return all
}

// once fails unless each mail of the copies is in the queue once, on disk and for smtpd, and
// nothing is in the folder incoming.
func (b *putBed) once(what string) {
	b.farBed.t.Helper()
	want, got := mails(b.farBed.t, filepath.Join(b.top, "mx1")), mails(b.farBed.t, filepath.Join(b.dir, "queue"))
	if !slices.Equal(got, want) {
		b.farBed.t.Errorf("%s: %d mails are in the queue, and not the %d of the copies each once", what, len(got), len(want))
	}
	if n := len(b.sim.Envelopes()); n != len(want) {
		b.farBed.t.Errorf("%s: smtpd has %d envelopes, want %d", what, n, len(want))
	}
	if left, err := os.ReadDir(filepath.Join(b.dir, "incoming")); len(left) > 0 || err != nil {
		b.farBed.t.Errorf("%s: %v is left in incoming, %v", what, left, err)
	}
}

// loseAt loses the connection or, with crash, the machine while the program there that is the
// at-th hangs, and says so in words.
func (b *putBed) loseAt(at int, crash bool) string {
	hung, _ := os.ReadFile(filepath.Join(b.bin, "hung"))
	b.lose(crash)
	return fmt.Sprintf("%d, %s, crash %v", at, strings.TrimSpace(string(hung)), crash)
}
