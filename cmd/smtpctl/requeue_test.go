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
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
)

// requeueBed is a simulated smtpd with mail in it.
type requeueBed struct {
	sim   *smtpdsim.Server
	args  []string // of the program
	spool *spool.Spool
	state string // the folder of what outlasts a session
	ids   []protocol.EnvelopeID
	env   []string // more variables of the program
	host  string   // the machine of smtpd; "" for this one
}

// newRequeueBed has three messages, each for two recipients.
func newRequeueBed(t *testing.T) *requeueBed {
	t.Helper()
	files := t.TempDir()
	sim, socket := simtest.Start(t, smtpdsim.Config{Spool: files})
	os.Mkdir(filepath.Join(files, "incoming"), 0o700)
	b := &requeueBed{sim: sim, spool: spool.Open(files), args: []string{"--socket", socket, "--spool", files}, state: t.TempDir()}
	for i := range 3 {
		for j := range 2 {
			id := protocol.EnvelopeID(uint64(0xabcd0001+i)<<32 | uint64(j+1))
			b.ids = append(b.ids, id)
			sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d%d@y.example", i, j))})
		}
	}
	return b
}

// run runs the program, which is killed at a step; 0 for none.
func (b *requeueBed) run(t *testing.T, step int, args ...string) result {
	t.Helper()
	return runCommand(t, b.command(t, step, args...), "")
}

// command returns the command that run runs.
func (b *requeueBed) command(t *testing.T, step int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := killableCommand(t, b.state, step, append(slices.Clone(b.args), args...)...)
	cmd.Env = append(cmd.Env, b.env...)
	return cmd
}

// queued returns the recipients of what smtpd lists, each with how often.
func (b *requeueBed) queued() map[string]int {
	n := map[string]int{}
	for _, e := range b.sim.Envelopes() {
		parsed, err := protocol.ParseEnvelope([]byte(e.Text))
		if err == nil {
			n[parsed.Rcpt.String()]++
		}
	}
	return n
}

// suspended returns how many envelopes are suspended.
func (b *requeueBed) suspended() int {
	n := 0
	for _, e := range b.sim.Envelopes() {
		if e.Flags&protocol.FlagSuspend != 0 {
			n++
		}
	}
	return n
}

// TestRequeueKilled kills requeue at each of its steps, and gives the command again: then
// each recipient is in the queue exactly once, and nothing is suspended.
func TestRequeueKilled(t *testing.T) {
	t.Parallel()
	killEach(t, 3, newRequeueBed, []string{"requeue", "to=r*"}, 15, func(b *requeueBed) error { return once(b.queued(), 6) })
}

// TestBounceKilled does it with bounce: then there is one notice for each message, and the
// envelopes are gone.
func TestBounceKilled(t *testing.T) {
	t.Parallel()
	killEach(t, 3, newRequeueBed, []string{"bounce", "to=r*"}, 15, func(b *requeueBed) error {
		if n := b.queued(); len(n) != 1 || n["s@x.example"] != 3 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
}

// TestUnknownKilled does it with requeue of mail that smtpd does not know.
func TestUnknownKilled(t *testing.T) {
	t.Parallel()
	killEach(t, 3, newRequeueBed, []string{"requeue", "to=u*"}, 8, func(b *requeueBed) error {
		n := b.queued()
		if left, _ := filepath.Glob(b.spool.MessageDir(0x0b000001) + "/*"); len(left) != 0 || n["u0@y.example"] != 1 || n["u1@y.example"] != 1 {
			return fmt.Errorf("%v, %v", n, left)
		}
		return nil
	})
}

// killEach kills a command at each of its steps, of which there are so many at least, and
// gives the command again. Outside CI it takes one of n of them.
func killEach(t *testing.T, n int, newBed func(t *testing.T) *requeueBed, command []string, least int, check func(b *requeueBed) error) {
	unsure := 0
	for step := 1; ; step += fulltest.Of(1, n) {
		b := newBed(t)
		b.plantUnknown(t)
		r := b.run(t, step, command...)
		doubled := 0
		for _, n := range b.queued() {
			if n > 1 {
				doubled++
			}
		}
		// Where both the old and the new are there, the old ones are suspended.
		if command[0] == "requeue" && doubled > 0 && b.suspended() < doubled {
			t.Errorf("step %d: %d recipients are doubled, and %d envelopes suspended", step, doubled, b.suspended())
		}
		if b.again(t, fmt.Sprint("step ", step), check, command...) {
			unsure++
		}
		if r.status == 0 {
			if step < least || fulltest.On() && unsure == 0 || unsure > 3 {
				t.Errorf("there are only %d steps, and at %d it was not known whether smtpd has the mail", step, unsure)
			}
			return
		}
	}
}

// again gives a command again that was interrupted. Then all is in order: the check says so,
// nothing is suspended, and there are no notes. unsure is true if it could not be known whether
// smtpd had the mail.
func (b *requeueBed) again(t *testing.T, what string, check func(b *requeueBed) error, command ...string) (unsure bool) {
	t.Helper()
	again := b.run(t, 0, command...)
	if unsure = strings.Contains(again.stderr, "interrupted just when smtpd was to accept the mail"); unsure {
		// smtpd has not taken it: they are resumed, as it says.
		b.run(t, 0, "resume", "envelope", "all")
		if strings.Contains(again.stderr, "unchanged on disk") {
			for _, notes := range b.notes() {
				os.Remove(notes)
			}
		}
		again = b.run(t, 0, command...)
	}
	if again.status != 0 {
		t.Errorf("%s: %v", what, again)
	}
	if err := check(b); err != nil {
		t.Errorf("%s: %v: %v", what, err, again)
	}
	if n := b.suspended(); n != 0 {
		t.Errorf("%s: %d are suspended: %v", what, n, again)
	}
	if left := b.notes(); len(left) != 0 {
		t.Errorf("%s: %v is left: %v", what, left, again)
	}
	return unsure
}

// notes returns the files of notes.
func (b *requeueBed) notes() []string {
	files, _ := filepath.Glob(b.state + "/smtpctl/handover" + at(b.host) + "/*")
	return files
}

// at returns what stands behind the name of a folder of notes for a machine.
func at(host string) string {
	if host == "" {
		return ""
	}
	return "@" + host
}

// plantUnknown puts a message on the disk that smtpd does not load.
func (b *requeueBed) plantUnknown(t *testing.T) {
	t.Helper()
	const msg = protocol.MessageID(0x0b000001)
	if err := os.MkdirAll(b.spool.MessageDir(msg), 0o700); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(b.spool.MessagePath(msg), []byte("Subject: unknown\n\nx\n"), 0o600)
	for i := range 2 {
		text := envelopeText("relay", fmt.Sprintf("u%d@y.example", i)) + "bogus: 1\n"
		os.WriteFile(b.spool.EnvelopePath(msg.First()+protocol.EnvelopeID(i+1)), []byte(text), 0o600)
	}
}

// TestRequeue requeues what the rules take, and keeps what they reject.
func TestRequeue(t *testing.T) {
	t.Parallel()
	testRequeue(t, newRequeueBed(t))
}

// testRequeue is TestRequeue with one bed.
func testRequeue(t *testing.T, b *requeueBed) {
	t.Helper()
	text := "version: 3\ndispatcher: old\ntype: mta\nsmtpname: mx.example\nhelo: h\nhostname: h\nsockaddr: local\nsender: @\nrcpt: %s\ndest: %s\nctime: 1\nlast-try: 0\nlast-bounce: 0\nttl: 0\nretry: 3\n" +
		"dsn-notify: 3\ndsn-orcpt: alias@x.example\ndsn-ret: HDRS\ndsn-envid: abc\n"
	id := protocol.EnvelopeID(0x12345678_00000001)
	b.sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: fmt.Sprintf(text, "a@z.example", "b@z.example")},
		smtpdsim.Envelope{ID: id + 1, Time: time.Now().Unix() + 3600, Text: fmt.Sprintf(text, "no@rejected.example", "no@rejected.example")})
	message := "Received: from a by b;\n x\nSubject: dots\nBcc: secret@x.example\n\n.\n..\n.x\nlong " + strings.Repeat("x", 2000) + "\nlast\n"
	os.WriteFile(b.spool.MessagePath(id.Msg()), []byte(message), 0o600)
	if r := b.run(t, 0, "-n", "requeue", "12345678"); r.status != 0 || strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stderr, "2 envelopes would be requeued; nothing was") {
		t.Errorf("dry run: %v", r)
	}
	r := b.run(t, 0, "requeue", "12345678")
	if r.status != 1 || !strings.Contains(r.stderr, "1234567800000002 is kept: smtpd rejects it: 550 Invalid recipient") || !strings.Contains(r.stderr, "1 envelope requeued") {
		t.Errorf("%v", r)
	}
	old, as, _ := strings.Cut(strings.TrimSpace(r.stdout), " -> ")
	if old != id.String() || len(as) != 16 {
		t.Errorf("%v", r)
	}
	as2, _ := protocol.ParseEnvelopeID(as)
	e, err := b.spool.ReadEnvelope(as2)
	if err != nil || e.Sender.String() != "@" || e.Rcpt.String() != "b@z.example" || e.DSNNotify != 3 || e.DSNRet != "HDRS" || e.DSNEnvID != "abc" || e.DSNOrcpt.String() != "rfc822;alias@x.example" {
		t.Errorf("%+v, %v", e, err)
	}
	got, _ := os.ReadFile(b.spool.MessagePath(as2.Msg()))
	if head, rest, _ := strings.Cut(string(got), "\nReceived: from a by b;"); !strings.HasPrefix(head, "Received: from handover-") || "Received: from a by b;"+rest != message {
		t.Errorf("%q", got)
	}
	if n := b.queued(); n["no@rejected.example"] != 1 || b.suspended() != 0 || n["a@z.example"] != 0 {
		t.Errorf("%v", n)
	}
	if r := b.run(t, 0, "-j", "requeue", "abcd000100000001", "1111111122222222"); r.status != 0 || !strings.Contains(r.stdout, `{"id":"abcd000100000001","new":"`) {
		t.Errorf("JSON: %v", r)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"requeue"}, 2, "selector"}, {[]string{"requeue", "all"}, 2, "all"}, {[]string{"requeue", "abcd"}, 2, "8 or 16 hex digits"}, {[]string{"-r", "requeue", "abcd0001"}, 1, "read-only"},
		{[]string{"requeue", "5555555566666666"}, 1, "no such id"}, {[]string{"requeue", "from=*", "--expect", "3"}, 1, "3 expected: nothing done"},
	} {
		if r := b.run(t, 0, tt.args...); r.status != tt.status || r.stdout != "" || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%q: %v", tt.args, r)
		}
	}
}
