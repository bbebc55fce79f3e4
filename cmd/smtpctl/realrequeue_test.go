package main

import (
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/spool"
)

// sendRaw hands over a mail with options of DSN, whose lines end in CRLF.
func sendRaw(t *testing.T, mail string, rcpt []string, body string) {
	t.Helper()
	var conn net.Conn
	realsmtpd.WaitFor(t, patience, "smtpd to listen", func() (err error) {
		conn, err = net.DialTimeout("tcp", "127.0.0.1:2525", 5*time.Second)
		return err
	})
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := textproto.NewConn(conn)
	say := func(code int, line string) {
		t.Helper()
		if line != "" {
			c.PrintfLine("%s", line)
		}
		if _, text, err := c.ReadResponse(code); err != nil {
			t.Fatalf("%q: %v %s", line, err, text)
		}
	}
	say(220, "")
	say(250, "EHLO client.example")
	say(250, "MAIL FROM:"+mail)
	for _, r := range rcpt {
		say(250, "RCPT TO:"+r)
	}
	say(354, "DATA")
	w := c.DotWriter()
	w.Write([]byte(body))
	w.Close()
	say(250, "")
	say(221, "QUIT")
}

// TestRealRequeue gives mail to a real smtpd anew: byte for byte, with its options of DSN,
// also mail that smtpd refuses to load, and kills requeue at some of its steps.
func TestRealRequeue(t *testing.T) {
	relay := "listen on 127.0.0.1 port 2525\naction \"%s\" relay host smtp://127.0.0.1:2626\nmatch from any for domain \"no.example\" reject\nmatch from any for any action \"%s\"\n"
	d := realsmtpd.Start(t, realsmtpd.Config{Conf: fmt.Sprintf(relay, "old", "old"), Args: []string{"-P", "mta"}})
	state := t.TempDir()
	here := func(step int, args ...string) result {
		t.Helper()
		return killableIn(t, state, step, append([]string{"--socket", d.Socket, "--spool", d.Spool}, args...)...)
	}
	sp := spool.Open(d.Spool)
	message := "Received: from a by b;\n\tWed, 25 Nov 2026 00:00:00 +0000\nFrom: \"A, B\" <a@x.example>\nTo: b@ok.example,\n c@ok.example\nCc: undisclosed:;\nSubject: =?utf-8?q?x?= and " + strings.Repeat("long ", 300) +
		"\nDate: Wed, 25 Nov 2026 00:00:00 +0000\nMessage-ID: <1@x.example>\nX-Odd:\tone\n\ttwo\nContent-Type: text/plain; charset=utf-8\n\n.\n..\n.dots\nna\xc3\xafve \xff\x80\ttab \nFrom here\n" + strings.Repeat("y", 3000) + "\n\n\nlast\n"
	sendRaw(t, "<s@x.example> RET=HDRS ENVID=QQ314159", []string{"<e@ok.example>", "<b@ok.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alias@ok.example"}, message)
	sendRaw(t, "<s@x.example>", []string{"<c@ok.example> NOTIFY=NEVER"}, message)
	sendRaw(t, "<>", []string{"<n@ok.example>"}, "Subject: null\n\nx\n")
	d.WaitQueued(4)
	before := envelopesOf(t, d)
	stored, _ := os.ReadFile(sp.MessagePath(before["b@ok.example"].ID.Msg()))
	r := here(0, "requeue", "to=*")
	// smtpd before 7.6 takes options of DSN from other machines only.
	dsn := !strings.Contains(r.stderr, "--without-dsn")
	if !dsn {
		if r.status != 1 || !strings.HasSuffix(strings.TrimSpace(r.stdout), " -> "+envelopesOf(t, d)["n@ok.example"].ID.String()) || !strings.Contains(r.stderr, "3 envelopes are unchanged") {
			t.Errorf("options of DSN: %v", r)
		}
		r = here(0, "requeue", "to=*", "--without-dsn")
	}
	if r.status != 0 || strings.Count(r.stdout, " -> ") != 4 || r.stderr != "4 envelopes requeued\n" {
		t.Fatalf("%v\n%s", r, d.Log())
	}
	after := envelopesOf(t, d)
	for rcpt, b := range before {
		a := after[rcpt]
		if !dsn {
			b.DSNNotify, b.DSNRet, b.DSNEnvID, b.DSNOrcpt = 0, "", "", protocol.Address{}
			if rcpt == "n@ok.example" {
				b.ID = noted(r.stdout, a.ID)
			}
		}
		if a.ID == b.ID || a.ID == 0 || a.Sender != b.Sender || a.Rcpt != b.Rcpt || a.DSNNotify != b.DSNNotify || a.DSNRet != b.DSNRet || a.DSNEnvID != b.DSNEnvID || a.DSNOrcpt != b.DSNOrcpt ||
			a.Flags&protocol.FlagSuspend != 0 || !strings.Contains(r.stdout, fmt.Sprintf("%v -> %v\n", b.ID, a.ID)) {
			t.Errorf("%s:\n%+v\nbefore:\n%+v\n%v", rcpt, a, b, r)
		}
	}
	if b := before["b@ok.example"]; b.DSNNotify != 3 || b.DSNEnvID != "QQ314159" || b.DSNRet != "HDRS" || !strings.Contains(b.DSNOrcpt.String(), "alias@ok.example") {
		t.Errorf("the options of DSN did not come: %+v", b)
	}
	again, err := os.ReadFile(sp.MessagePath(after["b@ok.example"].ID.Msg()))
	// One more field before the others.
	field := string(again[:max(0, len(again)-len(stored))])
	if err != nil || field+string(stored) != string(again) || !strings.HasPrefix(field, "Received: from handover-") || strings.Count(field, "\nReceived") != 0 {
		t.Errorf("%v: %d bytes, were %d:\n%q\nbefore:\n%q", err, len(again), len(stored), again, stored)
	}

	// The action gets another name: smtpd refuses all of it.
	os.WriteFile(d.Root+"/etc/smtpd-test.conf", []byte(fmt.Sprintf(relay, "new", "new")), 0o644)
	d.Restart(nil)
	realsmtpd.WaitFor(t, patience, "smtpd to refuse its mail", func() error {
		if r := withConf(t, d, "show", "spool"); strings.Count(r.stdout, " refused dispatcher: ") != 4 {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	renameKilled(t, d, after["n@ok.example"].ID)
	if r := withConf(t, d, "requeue", "dispatcher=old"); r.status != 0 || strings.Count(r.stdout, " -> ") != 3 {
		t.Fatalf("mail that smtpd refuses: %v\n%s", r, d.Log())
	}
	if r := here(0, "show", "queue", "dispatcher=new"); strings.Count(r.stdout, "\n") != 4 {
		t.Errorf("with the new action: %v", r)
	}
	if left, _ := filepath.Glob(d.Spool + "/queue/*/*/*"); len(left) < 4+3 || len(left) > 4+4 {
		t.Errorf("on disk: %q", left)
	}

	// Killed: nothing is lost, and nothing is doubled.
	for step := 2; ; step += 3 {
		r := here(step, "requeue", "to=*")
		again := here(0, "requeue", "to=*")
		if strings.Contains(again.stderr, "interrupted just when smtpd was to accept the mail") {
			here(0, "resume", "envelope", "all")
		} else if again.status != 0 {
			t.Errorf("step %d: %v\n%s", step, again, d.Log())
		}
		if n := len(envelopesOf(t, d)); n != 4 {
			t.Errorf("step %d: %d recipients: %v\n%v", step, n, r, again)
		}
		if r.status == 0 {
			break
		}
	}
	here(0, "resume", "mta")
	here(0, "schedule", "all")
	realsmtpd.WaitFor(t, 60*time.Second, "delivery", func() error {
		if r := here(0, "show", "queue"); r.status != 0 || r.stdout != "" {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	took := d.Sink.Took()
	if dsn {
		if took["s@x.example"] != 1 {
			t.Errorf("the sender asked to be told of the delivery: %v", took)
		}
		delete(took, "s@x.example")
	}
	if err := once(took, 4); err != nil {
		t.Errorf("%v\n%s", err, d.Log())
	}
}

// renameKilled gives an envelope that smtpd refuses the action that there is, and kills
// that at each step: the file names the old action or the new one, and nothing else of it
// changes.
func renameKilled(t *testing.T, d *realsmtpd.Daemon, id protocol.EnvelopeID) {
	t.Helper()
	sp := spool.Open(d.Spool)
	old, err := os.ReadFile(sp.EnvelopePath(id))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(old), "dispatcher: old\n", "dispatcher: new\n", 1)
	if r := withConf(t, d, "requeue", id.String(), "--dispatcher", "none"); r.status != 2 || !strings.Contains(r.stderr, `has no action "none", only new`) {
		t.Errorf("an action that is not there: %v", r)
	}
	if r := withConf(t, d, "-n", "requeue", id.String(), "--dispatcher", "new"); r.status != 0 || !strings.Contains(r.stderr, "1 envelope would get the action new") {
		t.Errorf("dry run: %v", r)
	}
	for step := 1; ; step++ {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("unshare", "-m", "bash", "-c", `mount --bind "$0" /etc/smtpd.conf && exec -a smtpctl "$@"`, d.Root+"/etc/smtpd-test.conf", self,
			"--socket", d.Socket, "--spool", d.Spool, "requeue", id.String(), "--dispatcher", "new")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", killVariable, step))
		r := runCommand(t, cmd, "")
		text, err := os.ReadFile(sp.EnvelopePath(id))
		if err != nil || string(text) != want && string(text) != string(old) {
			t.Fatalf("step %d: %v: %v\n%s", step, r, err, text)
		}
		if r.status == 0 {
			if step < 3 || string(text) != want || !strings.Contains(r.stdout, id.String()+" old -> new\n") {
				t.Errorf("step %d: %v\n%s", step, r, text)
			}
			break
		}
		os.WriteFile(sp.EnvelopePath(id), old, 0o600) // its owner stays
	}
	if e := envelopesOf(t, d)["n@ok.example"]; e.ID != id || e.Dispatcher != "new" {
		t.Errorf("%+v\n%s", e, d.Log())
	}
	// What smtpd has loaded it keeps.
	if r := withConf(t, d, "requeue", id.String(), "--dispatcher", "new"); r.status != 1 || !strings.Contains(r.stderr, "smtpd has loaded it") {
		t.Errorf("again: %v", r)
	}
}

// noted returns the id in whose place requeue has put another one.
func noted(text string, as protocol.EnvelopeID) protocol.EnvelopeID {
	for line := range strings.Lines(text) {
		if old, now, _ := strings.Cut(strings.TrimSpace(line), " -> "); now == as.String() {
			id, _ := protocol.ParseEnvelopeID(old)
			return id
		}
	}
	return 0
}

// envelopesOf returns what smtpd lists, by the recipients; each must be there once.
func envelopesOf(t *testing.T, d *realsmtpd.Daemon) map[string]protocol.Envelope {
	t.Helper()
	all := map[string]protocol.Envelope{}
	for e, err := range d.Dial().Envelopes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if old, ok := all[e.Rcpt.String()]; ok {
			t.Errorf("%v is there twice: %v and %v", e.Rcpt, old.ID, e.ID)
		}
		all[e.Rcpt.String()] = *e
	}
	return all
}
