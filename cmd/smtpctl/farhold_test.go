package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/spool"
)

// TestFarHold holds mail of another machine, of which the record is here: it is another hold
// than one with the same terms of this machine, and of a third.
func TestFarHold(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", 0)
	add := func(first, n int) {
		for i := first; i < first+n; i++ {
			f.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(i+1)<<32 | 1, Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600,
				Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\n"})
		}
	}
	add(0, 10)
	run := func(host, want string, held int, words ...string) {
		t.Helper()
		r := f.run("", append([]string{"--socket", f.socket, "--spool", f.dir, "--host", host}, words...)...)
		if r.status != 0 || !strings.HasPrefix(r.stdout, want) || suspended(f.sim) != held {
			t.Errorf("%s %q: want %q, %d are suspended and not %d: %v", host, words, want, suspended(f.sim), held, r)
		}
	}
	run("mx1", "10 envelopes held\n", 10, "hold", "domain=y.example")
	add(20, 5)
	run("mx2", "", 10, "hold", "--again")
	run("local", "", 10, "hold", "--again")
	run("mx1", "5 envelopes held (domain=y.example)\n", 15, "hold", "--again")
	run("mx1", "domain=y.example: until released, 15 suspended, since ", 15, "show", "holds")
	run("local", "", 15, "show", "holds")
	run("mx2", "0 envelopes released\n", 15, "release", "all")
	if r := f.run("", "--socket", f.socket, "--spool", f.dir, "--host", "mx2", "release", "domain=y.example"); r.status != 1 || !strings.Contains(r.stderr, "no such hold; there is none") {
		t.Errorf("%v", r)
	}
	run("mx1", "15 envelopes released", 0, "release", "domain=y.example")
	// In a session, with undo.
	r := f.run("connect mx1\nhold domain=y.example\nundo\n", "--socket", f.socket, "--spool", f.dir, "-f", "-")
	if r.status != 0 || !strings.Contains(r.stdout, "15 envelopes held\n") || !strings.Contains(r.stdout, "15 envelopes released") || suspended(f.sim) != 0 {
		t.Errorf("%v", r)
	}
}

// TestFarHoldLost loses the connection while envelopes are being held: the record has those
// that may be suspended, and release resumes them.
func TestFarHoldLost(t *testing.T) {
	t.Parallel()
	const all, answered = 200, 50
	f := newHooked(t).with(t, "", smtpdsim.Config{Messages: all, Tamper: okThenMute(answered)})
	cmd := f.command("--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "hold", "from=*")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked := untilMute(t, f.sim, protocol.TypePauseEnvelope, answered, &errs)
	f.kill()
	status := f.end(cmd)
	want := fmt.Sprintf("%d held, %d asked for without an answer, %d as before", answered, asked-answered, all-asked)
	if status != 3 || suspended(f.sim) != asked || !strings.Contains(errs.String(), want) {
		t.Errorf("status %d, %d are suspended, want %q: %s%s", status, suspended(f.sim), want, out.String(), errs.String())
	}
	conn, err := protocol.Dial(context.Background(), f.socket, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := f.run("", "--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "show", "holds")
	if r.status != 0 || !strings.Contains(r.stdout, fmt.Sprintf("%d of %d suspended", asked, all)) {
		t.Errorf("%v", r)
	}
}

// TestFarHoldStays loses the machine while hold --stay makes passes: it ends and says so, since
// no pass can be made any more.
func TestFarHoldStays(t *testing.T) {
	t.Parallel()
	f := newHooked(t).with(t, "", smtpdsim.Config{Messages: 20})
	cmd := f.command("--socket", f.socket, "--spool", f.farSpool.dir, "--host", "mx1", "hold", "from=*", "--stay", "every=1s")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); suspended(f.sim) < 20; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatalf("%d are suspended: %s", suspended(f.sim), errs.String())
		}
	}
	time.Sleep(time.Second)
	f.kill()
	if status := f.end(cmd); status != 3 || out.String() != "20 envelopes held\n" || !strings.Contains(errs.String(), "no more passes are made, and suspended envelopes stay suspended\n") {
		t.Errorf("status %d: %s%s", status, out.String(), errs.String())
	}
}

// discoverable puts a file of an envelope, of which like is one, and its message into a queue.
func discoverable(t *testing.T, dir string, like, id protocol.EnvelopeID) {
	t.Helper()
	sp := spool.Open(dir)
	text, err := os.ReadFile(sp.EnvelopePath(like))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(sp.MessageDir(id.Msg()), 0o700); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(sp.MessagePath(id.Msg()), []byte("Subject: found\n\nbody\n"), 0o600)
	os.WriteFile(sp.EnvelopePath(id), text, 0o600)
}

// TestFarDiscover discovers files there, and sends nothing for one that smtpd would refuse.
func TestFarDiscover(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", 3)
	good, bad, empty := protocol.EnvelopeID(0xabcd000100000001), protocol.EnvelopeID(0xabcd000200000001), protocol.EnvelopeID(0xabcd000300000001)
	for _, id := range []protocol.EnvelopeID{good, bad, empty} {
		discoverable(t, f.dir, f.ids[0], id)
	}
	os.WriteFile(spool.Open(f.dir).EnvelopePath(empty), nil, 0o600)
	os.Remove(spool.Open(f.dir).EnvelopePath(bad))
	os.Symlink("/etc/passwd", spool.Open(f.dir).EnvelopePath(bad))
	for _, id := range []string{bad.String(), empty.String(), empty.Msg().String(), "12341234", "1234123400000001"} {
		here, far := f.both("", "discover", id)
		f.same(id, here, far)
		if far.status != 1 || far.stdout != here.stdout {
			t.Errorf("%s: %v", id, far)
		}
	}
	if n := f.sim.Requests(protocol.TypeDiscoverEnvelope) + f.sim.Requests(protocol.TypeDiscoverMessage); n != 0 {
		t.Errorf("%d requests for what smtpd would refuse", n)
	}
	r := f.run("", "--socket", f.socket, "--spool", f.dir, "--host", "mx1", "discover", good.String())
	if r.status != 0 || r.stdout != "1 envelope discovered\n" || r.stderr != "" {
		t.Errorf("%v", r)
	}
	r = f.run("", "--socket", f.socket, "--spool", f.dir, "--host", "mx1", "show", "queue", good.String())
	if !strings.HasPrefix(r.stdout, good.String()+"|") {
		t.Errorf("%v", r)
	}
}

// TestRealFarHold holds, releases and discovers mail of a real smtpd from another machine.
func TestRealFarHold(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range 3 {
		d.Send(realsmtpd.Mail{From: fmt.Sprintf("a%d@x.example", i), To: []string{"b@y.example", "c@z.example"}})
	}
	d.WaitQueued(6)
	b := newFarBed(t, "")
	run := func(want string, words ...string) {
		t.Helper()
		r := b.run("", append([]string{"--socket", d.Socket, "--spool", d.Spool, "--host", "mx1"}, words...)...)
		if r.status != 0 || !strings.HasPrefix(r.stdout, want) {
			t.Errorf("%q: want %q: %v", words, want, r)
		}
	}
	run("3 envelopes held\n", "hold", "domain=y.example")
	run("domain=y.example: until released, 3 suspended", "show", "holds")
	d.Send(realsmtpd.Mail{From: "new@x.example", To: []string{"b@y.example"}})
	d.WaitQueued(7)
	run("1 envelope held", "hold", "--again")
	run("4 envelopes released", "release", "all")
	ids := realIDs(t, d)
	path := filepath.Join(d.Spool, "queue", ids[0][:2], ids[0][:8])
	text, err := os.ReadFile(filepath.Join(path, ids[0]))
	if err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(filepath.Join(path, "message"))
	if err != nil {
		t.Fatal(err)
	}
	evp := protocol.EnvelopeID(0xabcd000100000001)
	d.Plant(realsmtpd.Planted{ID: evp, Text: string(text), Body: string(message)})
	run("1 envelope discovered\n", "discover", evp.String())
	run(evp.String()+"|", "show", "queue", evp.String())
}
