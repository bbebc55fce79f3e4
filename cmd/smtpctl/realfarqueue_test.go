package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// TestRealFarDispatcher changes mail that a real smtpd refuses to load, from another machine, as a
// user who is root only by sudo: to some it gives another action, of which it kills a part of the
// steps, and the rest it gives to smtpd anew. smtpd then delivers each mail once.
func TestRealFarDispatcher(t *testing.T) {
	const conf = "action \"%[1]s\" relay host smtp://127.0.0.1:2626\nmatch from any for any action \"%[1]s\"\nmatch from local for any action \"%[1]s\"\n"
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Conf: "listen on lo port 25\nlisten on 127.0.0.1 port 2525\n" + fmt.Sprintf(conf, "old")})
	for i := range 4 {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("a%d@ok.example", i), fmt.Sprintf("b%d@ok.example", i)}, Body: "Subject: kept\n\nbody"})
	}
	d.WaitQueued(8)
	text, err := os.ReadFile(d.Root + "/etc/smtpd-test.conf")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(d.Root+"/etc/smtpd-test.conf", []byte(strings.ReplaceAll(string(text), `"old"`, `"new"`)), 0o644)
	if _, err := os.Stat("/etc/smtpd.conf"); err != nil {
		t.Fatalf("this test puts smtpd's configuration over the machine's: %v", err)
	}
	srv := sshdtest.StartMachine(t, sshdtest.Machine{Mounts: "mount --bind " + d.Root + "/etc/smtpd-test.conf /etc/smtpd.conf\n",
		Sudoers: "root ALL=(ALL) ALL\n" + sshdtest.User + " ALL=(root) NOPASSWD: ALL\n"})
	srv.Config("Host mx1\nUser " + sshdtest.User + "\n")
	d.Restart(nil)
	state, ssh := t.TempDir(), &farBed{srv, t}
	far := func(step int, args ...string) result {
		t.Helper()
		b := &requeueBed{state: state, args: []string{"--socket", d.Socket, "--spool", d.Spool}}
		b.reach(t, ssh, "")
		return b.run(t, step, args...)
	}
	realsmtpd.WaitFor(t, patience, "smtpd to refuse its mail", func() error {
		if r := withConf(t, d, "show", "spool"); strings.Count(r.stdout, " refused dispatcher: ") != 8 {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	before := owners(filepath.Join(d.Spool, "queue"))
	if r := far(0, "requeue", "to=a0*", "--dispatcher", "none"); r.status != 2 || !strings.Contains(r.stderr, `has no action "none", only `) {
		t.Errorf("an action that is not there: %v", r)
	}
	// All of the first two messages get the action; killed before and after the files are changed.
	for step, mail := range []string{1: "0@ok.example", 2: "1@ok.example"} {
		if step == 0 {
			continue
		}
		r := far(step, "requeue", "to=?"+mail, "--dispatcher", "new")
		again := far(0, "requeue", "to=?"+mail, "--dispatcher", "new")
		list := far(0, "show", "spool").stdout
		told := map[string]bool{}
		for line := range strings.Lines(list) {
			if msg := line[:8]; !strings.Contains(line, "refused") && !told[msg] {
				told[msg] = true
				if r := far(0, "discover", msg); r.status != 0 {
					t.Errorf("step %d: discover: %v", step, r)
				}
			}
		}
		if n := len(envelopesOf(t, d)); n != 2*step {
			t.Errorf("step %d: smtpd has %d: %v\n%v\n%s\n%s", step, n, r, again, list, d.Log())
		}
	}
	if after := owners(filepath.Join(d.Spool, "queue")); after != before {
		t.Errorf("users and modes:\n%s\nbefore\n%s", after, before)
	}
	if r := far(0, "requeue", "to=?2@ok.example", "--dispatcher", "new"); r.status != 0 || strings.Count(r.stdout, " old -> new\n") != 2 {
		t.Errorf("not killed: %v\n%s", r, d.Log())
	}
	if r := far(0, "requeue", "to=?0@ok.example", "--dispatcher", "new"); r.status != 1 || !strings.Contains(r.stderr, "smtpd has loaded it") {
		t.Errorf("what smtpd has loaded: %v", r)
	}
	for _, e := range envelopesOf(t, d) {
		if e.Dispatcher != "new" {
			t.Errorf("%+v", e)
		}
	}
	// The rest is given to smtpd anew, and its files are deleted.
	for step := 3; ; step += 2 {
		r := far(step, "requeue", "to=?3@ok.example")
		if again := far(0, "requeue", "to=?3@ok.example", "state=pending,held"); strings.Contains(again.stderr, "just when smtpd was to accept") {
			notes, _ := filepath.Glob(state + "/smtpctl/handover@mx1/*")
			for _, path := range notes {
				os.Remove(path)
			}
		}
		if strings.Count(far(0, "show", "spool").stdout, " refused dispatcher: ") == 0 || r.status == 0 || step > 12 {
			break
		}
	}
	if r := far(0, "show", "spool"); strings.Contains(r.stdout, " refused ") {
		if r := far(0, "requeue", "to=?3@ok.example"); r.status != 0 {
			t.Errorf("%v\n%s", r, d.Log())
		}
	}
	if all := envelopesOf(t, d); len(all) != 8 {
		t.Errorf("smtpd has %d\n%s", len(all), d.Log())
	}
	if left, _ := filepath.Glob(d.Spool + "/incoming/*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	deliveredOnce(t, d, "all", 8)
}

// TestRealFarSessions gives 110 mails to a real smtpd anew from another machine: it takes 100 of them
// in one SMTP session, and the rest in the next.
func TestRealFarSessions(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	const n = 110
	for i := range n {
		d.Send(realsmtpd.Mail{From: "s@ok.example", To: []string{fmt.Sprintf("a%d@ok.example", i)}, Body: fmt.Sprintf("Subject: mail %d\n\nbody", i)})
	}
	d.WaitQueued(n)
	b := &requeueBed{state: t.TempDir(), args: []string{"--socket", d.Socket, "--spool", d.Spool}}
	b.reach(t, newFarBed(t, ""), "host mx1 = smtp=127.0.0.1:2525\n")
	if r := b.run(t, 0, "requeue", "to=*"); r.status != 0 || strings.Count(r.stdout, " -> ") != n || r.stderr != fmt.Sprintf("%d envelopes requeued\n", n) {
		t.Errorf("%v\n%s", r, d.Log())
	}
	sessions := map[string]int{}
	sp := spool.Open(d.Spool)
	for rcpt, e := range envelopesOf(t, d) {
		sessions[e.Helo]++
		text, err := os.ReadFile(sp.MessagePath(e.ID.Msg()))
		if want := "Subject: mail " + strings.TrimSuffix(rcpt[1:], "@ok.example") + "\n"; err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v: %q", rcpt, err, text)
		}
	}
	if len(sessions) != 2 {
		t.Errorf("%v", sessions)
	}
	here := func(args ...string) { ours(t, d, "", args...) }
	here("resume", "mta")
	here("schedule", "all")
	realsmtpd.WaitFor(t, patience, "delivery", func() error { return once(d.Sink.Took(), n) })
}
