package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// newRenameBed is newPutBed with an smtpd.conf of its own, which has the actions new and local.
func newRenameBed(t *testing.T) *putBed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	bin := countingPrograms(t)
	srv := sshdtest.StartMachine(t, sshdtest.Machine{Extra: sshdtest.SetEnv("PATH=" + bin + ":/usr/bin:/bin"),
		Mounts: "rm -f /etc/smtpd.conf\nprintf 'action \"new\" relay\\naction \"local\" mbox\\n' >/etc/smtpd.conf\n"})
	return &putBed{farSpool: &farSpool{farBed: &farBed{srv, t}}, bin: bin}
}

// rename returns the same sshd with an smtpd of its own, which has refused mail: two messages for
// an action that there is not any more, and one for which something else is wrong.
func (b *putBed) rename(t *testing.T, at int) *putBed {
	t.Helper()
	one := &putBed{farSpool: &farSpool{farBed: &farBed{b.Server, t}, dir: t.TempDir()}, bin: b.bin}
	one.waitAt(at)
	one.sim, one.socket = simtest.Start(t, smtpdsim.Config{Seed: 1, Spool: one.dir})
	os.Mkdir(filepath.Join(one.dir, "incoming"), 0o700)
	sp := spool.Open(one.dir)
	for i, more := range []string{"", "", "bogus: 1\n"} {
		msg := protocol.MessageID(0xabcd0001 + i)
		os.MkdirAll(sp.MessageDir(msg), 0o700)
		os.WriteFile(sp.MessagePath(msg), []byte("Subject: x\n\nx\n"), 0o600)
		for j := range 2 {
			id := msg.First() + protocol.EnvelopeID(j+1)
			os.WriteFile(sp.EnvelopePath(id), []byte(envelopeText("old", fmt.Sprintf("r%d%d@y.example", i, j))+more), 0o600)
			if more == "" {
				one.ids = append(one.ids, id)
			}
		}
	}
	return one
}

// renameWords are those of the command that gives them another action.
func (b *putBed) renameWords(more ...string) []string {
	return append([]string{"--socket", b.socket, "--spool", b.dir, "--host", "mx1", "requeue", "dispatcher=old", "--dispatcher", "new"}, more...)
}

// renamed fails unless the files in the queue are those before, of which each may have another
// action, and all of them if all is true; then smtpd has loaded them, and nothing is left there.
func (b *putBed) renamed(what string, before map[string]string, all bool) {
	b.farBed.t.Helper()
	after := contents(b.farBed.t, filepath.Join(b.dir, "queue"))
	if !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
		b.farBed.t.Errorf("%s: other files: %q", what, slices.Sorted(maps.Keys(after)))
	}
	for name, text := range after {
		now := strings.Replace(before[name], "dispatcher: old\n", "dispatcher: new\n", 1)
		ours := slices.ContainsFunc(b.ids, func(id protocol.EnvelopeID) bool { return strings.HasSuffix(name, id.String()) })
		if text != before[name] && !(ours && text == now) || all && ours && text != now {
			b.farBed.t.Errorf("%s: %s is %q", what, name, text)
		}
	}
	if !all {
		return
	}
	loaded := map[protocol.EnvelopeID]int{}
	for _, e := range b.sim.Envelopes() {
		loaded[e.ID]++
	}
	for _, id := range b.ids {
		if loaded[id] != 1 {
			b.farBed.t.Errorf("%s: smtpd has %v %d times", what, id, loaded[id])
		}
	}
	if left, err := os.ReadDir(filepath.Join(b.dir, "incoming")); len(left) > 0 || err != nil {
		b.farBed.t.Errorf("%s: %v is left in incoming, %v", what, left, err)
	}
}

// goOn does what the error of an interrupted command tells: it gives the command again, and then
// has smtpd discover what show spool lists with nothing wrong.
func (b *putBed) goOn(what string) {
	b.farBed.t.Helper()
	opts := []string{"--socket", b.socket, "--spool", b.dir, "--host", "mx1"}
	r := b.run("", b.renameWords()...)
	list := b.run("", append(opts, "show", "spool")...)
	script := "connect mx1\n"
	for _, msg := range []string{"abcd0001", "abcd0002"} {
		if strings.Contains(list.stdout, msg) {
			script += "discover " + msg + "\n"
		}
	}
	if strings.Contains(script, "discover") {
		if r := b.run(script, "--socket", b.socket, "--spool", b.dir, "-f", "-"); r.status != 0 {
			b.farBed.t.Errorf("%s: discover: %v", what, r)
		}
	}
	if strings.Contains(r.stderr, "not known") {
		b.farBed.t.Errorf("%s: again: %v", what, r)
	}
}

// TestFarDispatcher gives mail of another machine that smtpd refuses another action, and keeps what
// cannot have it.
func TestFarDispatcher(t *testing.T) {
	t.Parallel()
	bed := newRenameBed(t)
	b := bed.rename(t, 0)
	before := contents(t, filepath.Join(b.dir, "queue"))
	opts := []string{"--socket", b.socket, "--spool", b.dir, "--host", "mx1"}
	if r := b.run("", append(opts, "requeue", "dispatcher=old", "--dispatcher", "none")...); r.status != 2 || !strings.Contains(r.stderr, `/etc/smtpd.conf has no action "none", only local, new`) {
		t.Errorf("an action that is not there: %v", r)
	}
	if r := b.run("", append(opts, "requeue", "dispatcher=old", "--dispatcher", "local")...); r.status != 1 || strings.Count(r.stderr, "it is to be relayed, and the action delivers on this machine") != 4 {
		t.Errorf("an action of another kind: %v", r)
	}
	if r := b.run("", b.renameWords("-n")...); r.status != 0 || !strings.Contains(r.stderr, "4 envelopes would get the action new; nothing was done") {
		t.Errorf("dry run: %v", r)
	}
	b.renamed("nothing done", before, false)
	if n := len(b.sim.Envelopes()); n != 0 {
		t.Errorf("%d are loaded", n)
	}
	r := b.run("", b.renameWords()...)
	if r.status != 1 || strings.Count(r.stdout, " old -> new\n") != 4 || !strings.Contains(r.stderr, "4 envelopes have the action new now") || strings.Count(r.stderr, `smtpd refuses it for something else: `) != 2 {
		t.Errorf("%v", r)
	}
	b.renamed("all", before, true)
	b = bed.rename(t, 0)
	before = contents(t, filepath.Join(b.dir, "queue"))
	if r := b.run("connect mx1\nrequeue abcd0001 --dispatcher new\non mx1 requeue abcd0002 --dispatcher new\n", "--socket", b.socket, "--spool", b.dir, "-f", "-"); r.status != 0 || strings.Count(r.stdout, " old -> new\n") != 4 {
		t.Errorf("script: %v", r)
	}
	b.renamed("script", before, true)
}

// TestFarDispatcherLost loses the connection or, by turns, the other machine itself at each program
// that is started there: each file has the old action or the new one, and what the error tells to do
// completes it. Outside CI it takes some of them.
func TestFarDispatcherLost(t *testing.T) {
	t.Parallel()
	bed := newRenameBed(t)
	for at := 1; ; at += fulltest.Of(1, 11) {
		for k, crash := range []bool{false, true} {
			if (at/fulltest.Of(1, 11)+k)%2 != 0 {
				continue
			}
			b := bed.rename(t, at)
			before := contents(t, filepath.Join(b.dir, "queue"))
			cmd, out, waits := b.startWords(b.renameWords()...)
			if !waits {
				if at < 10 {
					t.Errorf("there are only %d programs: %s", at, out.String())
				}
				return
			}
			what := b.loseAt(at, crash)
			b.end(cmd)
			b.quiet()
			b.renamed(what, before, false)
			if status := cmd.ProcessState.ExitCode(); status != 3 || strings.Contains(out.String(), " -> new") {
				t.Errorf("%s: status %d: %s", what, status, out.String())
			}
			// What is said to be as before is.
			changed := 0
			for name, text := range contents(t, filepath.Join(b.dir, "queue")) {
				if text != before[name] {
					changed++
				}
			}
			if changed > 0 && !strings.Contains(out.String(), "of 4 of 4 it is not known whether they have the action: the same command tries again") {
				t.Errorf("%s: %d are changed: %s", what, changed, out.String())
			}
			b.goOn(what)
			if crash { // nothing there could delete what it had begun
				left, _ := filepath.Glob(filepath.Join(b.dir, "incoming", "*"))
				for _, path := range left {
					os.RemoveAll(path)
				}
			}
			b.renamed(what, before, true)
		}
	}
}

// TestFarDispatcherKilled kills the command at each of its own steps.
func TestFarDispatcherKilled(t *testing.T) {
	t.Parallel()
	bed := newRenameBed(t)
	for step := 1; ; step++ {
		b := bed.rename(t, 0)
		before := contents(t, filepath.Join(b.dir, "queue"))
		cmd := b.command(b.renameWords()...)
		self, _ := os.Executable()
		cmd.Path = self
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", killVariable, step))
		r := runCommand(t, cmd, "")
		b.quiet()
		b.renamed(fmt.Sprint("step ", step), before, false)
		b.goOn(fmt.Sprint("step ", step))
		b.renamed(fmt.Sprint("step ", step), before, true)
		if strings.Contains(r.stdout, " -> new") {
			if step < 2 {
				t.Errorf("there are only %d steps", step)
			}
			return
		}
	}
}
