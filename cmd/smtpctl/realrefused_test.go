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
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/spool"
)

// withConf runs the program against a real smtpd, whose configuration it finds where smtpd.conf belongs: in a namespace of its own.
func withConf(t testing.TB, d *realsmtpd.Daemon, args ...string) result {
	t.Helper()
	script := `mount --bind "$0" /etc/smtpd.conf && exec "$@"`
	if _, err := os.Stat("/etc/smtpd.conf"); err != nil {
		t.Fatalf("this test puts smtpd's configuration over the machine's: %v", err)
	}
	words := append([]string{"-m", "sh", "-c", script, d.Root + "/etc/smtpd-test.conf", program, "--socket", d.Socket, "--spool", d.Spool}, args...)
	return runCommand(t, exec.Command("unshare", words...), "")
}

// envelopeText is an envelope that smtpd takes.
func envelopeText(dispatcher, to string) string {
	return "version: 3\ndispatcher: " + dispatcher + "\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n" +
		"sockaddr: 192.0.2.1\nsender: s@x.example\nrcpt: " + to + "\ndest: " + to + "\n" + fmt.Sprintf("ctime: %d\n", time.Now().Unix())
}

// TestRealRefused makes every state happen in which a real smtpd refuses mail on its disk, by what an administrator does: its
// actions are renamed, a file gets another owner, is edited, cut or packed. What smtpd does is compared with what is said of it.
func TestRealRefused(t *testing.T) {
	const good = protocol.EnvelopeID(0x0a000001<<32 | 1)
	id := func(n uint64) protocol.EnvelopeID { return protocol.EnvelopeID((0x0b000000+n)<<32 | 1) }
	var plant []realsmtpd.Planted
	for i, dispatcher := range []string{"relay", "old", "relay", "relay", "relay", "relay", "relay"} {
		plant = append(plant, realsmtpd.Planted{ID: id(uint64(i)), Text: envelopeText(dispatcher, fmt.Sprintf("r%d@lost.example", i)), Body: "Subject: x\n\nx\n"})
	}
	plant = append(plant, realsmtpd.Planted{ID: good, Text: envelopeText("relay", "r@ok.example"), Body: "Subject: x\n\nx\n"},
		realsmtpd.Planted{ID: good + 1, Text: envelopeText("old", "r@ok.example")})
	const both = "action \"old\" relay host smtp://127.0.0.1:2626"
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Extra: both, Plant: plant})
	d.WaitQueued(len(plant))
	if r := withConf(t, d, "show", "status"); r.status != 0 || r.stderr != "" {
		t.Errorf("all well: %v", r)
	}
	path := spool.Open(d.Spool).EnvelopePath
	edit := func(id protocol.EnvelopeID, f func(string) string) {
		b, err := os.ReadFile(path(id))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(id), []byte(f(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.Restart(func() {
		conf, _ := os.ReadFile(d.Root + "/etc/smtpd-test.conf")
		os.WriteFile(d.Root+"/etc/smtpd-test.conf", []byte(strings.Replace(string(conf), `action "old"`, `action "new"`, 1)), 0o644)
		os.Chown(path(id(2)), 0, 0)
		edit(id(3), func(s string) string { return s + "bogus: 1\n" })
		edit(id(4), func(s string) string { return s[:50] })
		os.Truncate(path(id(5)), 0)
		edit(id(6), func(s string) string { return strings.Replace(s, "helo: client.example", "helo:", 1) })
	})
	refused := []struct {
		id   protocol.EnvelopeID
		want string
	}{{id(1), `dispatcher "old", but /etc/smtpd.conf has no action of that name`}, {id(2), "belongs to uid 0"}, {id(3), `"bogus"`}, {id(4), "cut"},
		{id(5), "empty"}, {id(6), "helo"}, {good + 1, `dispatcher "old"`}}
	realsmtpd.WaitFor(t, patience, "smtpd to load the rest", func() error {
		if r := ours(t, d, "", "show", "queue"); strings.Count(r.stdout, "\n") != 2 {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	for _, tt := range refused {
		r := withConf(t, d, "explain", tt.id.String())
		if r.status != 1 || !strings.Contains(r.stdout, "verdict:  refused: ") || !strings.Contains(r.stdout, tt.want) {
			t.Errorf("explain %v: %v", tt.id, r)
		}
		t.Logf("%s", r.stdout)
		if r := withConf(t, d, "discover", tt.id.String()); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("discover %v: %v", tt.id, r)
		}
	}
	want := fmt.Sprintf("smtpd does not list %d envelope files", len(refused))
	// A busy machine may leave it no time for the comparison.
	realsmtpd.WaitFor(t, time.Minute, "show status to tell of them", func() error {
		if r := withConf(t, d, "show", "status"); r.status != 0 || strings.Count(r.stdout, "\n") != 3 || !strings.Contains(r.stderr, want+" that its queue on disk has (dispatcher ") {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	if r := withConf(t, d, "show", "queue"); r.stderr != "" {
		t.Errorf("show queue into a pipe: %v", r)
	}
	realsmtpd.WaitFor(t, time.Minute, "show queue on a terminal to tell of them", func() error {
		pty := exec.Command("unshare", "-m", "script", "-qec", program+" --socket "+d.Socket+" --spool "+d.Spool+" show queue", "/dev/null")
		if r := runCommand(t, pty, ""); !strings.Contains(r.stdout, want) {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	if r := withConf(t, d, "discover", good.Msg().String()); r.status != 1 || !strings.Contains(r.stderr, "would refuse 1 envelope file") {
		t.Errorf("discover a message of which one file is refused: %v", r)
	}
	// What is sent straight to it makes smtpd refuse the same.
	conn := d.Dial()
	for _, tt := range refused {
		if n, err := conn.DiscoverEnvelope(ctxBackground, tt.id); n != 0 || err != nil {
			t.Errorf("smtpd takes %v, of which it is said that it does not: %d, %v", tt.id, n, err)
		}
	}
	if !d.Running() {
		t.Fatalf("smtpd has ended: %s", d.Log())
	}
	// Once mended, discover takes it up; but not one more of a message that smtpd knows.
	os.Chown(path(id(2)), ownerOf(t, path(id(1))), 0)
	if r := withConf(t, d, "discover", id(2).String()); r.status != 0 || r.stdout != "1 envelope discovered\n" {
		t.Errorf("discover what was mended: %v", r)
	}
	edit(good+1, func(s string) string { return strings.Replace(s, "dispatcher: old", "dispatcher: relay", 1) })
	if r := withConf(t, d, "discover", (good + 1).String()); r.status != 1 || !strings.Contains(r.stderr, "smtpd counted 1 envelope that it does not list") {
		t.Errorf("discover one more of a message: %v", r)
	}
	if r := withConf(t, d, "explain", (good + 1).String()); !strings.Contains(r.stdout, "undiscovered") || !strings.Contains(r.stdout, "restart smtpd") {
		t.Errorf("explain one more of a message: %v", r)
	}
	withConf(t, d, "remove", "all")
	if r := withConf(t, d, "wait", "empty", "for", "1s"); r.status != 1 || !strings.Contains(r.stderr, "smtpd lists none, but") {
		t.Errorf("wait empty: %v", r)
	}
	os.RemoveAll(filepath.Join(d.Spool, "queue", "0b"))
	os.RemoveAll(filepath.Join(d.Spool, "queue", "0a"))
	if r := withConf(t, d, "wait", "empty", "for", "30s"); r.status != 0 {
		t.Errorf("wait empty: %v", r)
	}
	if !d.Running() {
		t.Fatalf("smtpd has ended: %s", d.Log())
	}
}

// TestRealShowSpool has every reason that show spool knows on the disk of a real smtpd, and compares what it says with what that
// smtpd lists.
func TestRealShowSpool(t *testing.T) {
	id := func(n uint64) protocol.EnvelopeID { return protocol.EnvelopeID((0x0b000000+n)<<32 | 1) }
	var plant []realsmtpd.Planted
	for i, dispatcher := range []string{"relay", "old", "relay", "relay", "relay", "relay", "relay", "relay", "relay"} {
		plant = append(plant, realsmtpd.Planted{ID: id(uint64(i)), Text: envelopeText(dispatcher, fmt.Sprintf("r%d@lost.example", i)), Body: "Subject: x\n\nx\n"})
	}
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Extra: "action \"old\" relay host smtp://127.0.0.1:2626", Plant: plant})
	d.WaitQueued(len(plant))
	if r := withConf(t, d, "show", "spool", "--fail"); r.status != 0 || r.stdout != "" {
		t.Errorf("all well: %v", r)
	}
	sp := spool.Open(d.Spool)
	edit := func(n uint64, f func(string) string) {
		b, err := os.ReadFile(sp.EnvelopePath(id(n)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sp.EnvelopePath(id(n)), []byte(f(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.Restart(func() {
		conf, _ := os.ReadFile(d.Root + "/etc/smtpd-test.conf")
		os.WriteFile(d.Root+"/etc/smtpd-test.conf", []byte(strings.Replace(string(conf), `action "old"`, `action "new"`, 1)), 0o644)
		os.Chown(sp.EnvelopePath(id(2)), 0, 0)
		edit(3, func(s string) string { return s + "bogus: 1\n" })
		edit(4, func(s string) string { return strings.TrimSuffix(s, "\n") })
		os.Truncate(sp.EnvelopePath(id(5)), 0)
		edit(6, func(s string) string { return strings.Replace(s, "version: 3", "version: 9", 1) })
		os.MkdirAll(filepath.Join(d.Spool, "corrupt", "0c000001"), 0o700)
	})
	// At once: it waits until smtpd has loaded its queue, and calls nothing refused that is being taken up.
	r := withConf(t, d, "show", "spool", "--fail")
	for n, reason := range map[uint64]string{1: "dispatcher", 2: "access", 3: "field", 4: "cut", 5: "empty", 6: "version"} {
		if !strings.Contains(r.stdout, fmt.Sprintf("%v refused %s: ", id(n), reason)) {
			t.Errorf("%s is missing", reason)
		}
	}
	if r.status != 1 || strings.Count(r.stdout, "\n") != 7 || !strings.Contains(r.stdout, "0c000001 aside corrupt: ") {
		t.Errorf("%v", r)
	}
	// Mail that smtpd lists, of which a file goes away.
	os.Remove(sp.EnvelopePath(id(7)))
	os.Remove(sp.MessagePath(id(8).Msg()))
	r = withConf(t, d, "show", "spool", id(7).String(), id(8).String())
	if r.status != 0 || strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, id(7).String()+" lost ") || !strings.Contains(r.stdout, id(8).String()+" no-message ") {
		t.Errorf("without files: %v", r)
	}
	if !d.Running() {
		t.Fatalf("smtpd has ended: %s", d.Log())
	}
}

func ownerOf(t testing.TB, path string) int {
	t.Helper()
	out, err := exec.Command("stat", "-c", "%u", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var uid int
	fmt.Sscan(string(out), &uid)
	return uid
}

// TestRealRefusedPacked turns queue compression and encryption on and off over a queue: smtpd refuses what was written before.
func TestRealRefusedPacked(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct{ before, after, want string }{
		{"queue compression", "", "is compressed, but"}, {"", "queue compression", "is not compressed, but"},
		{"queue encryption " + key, "", "encrypted, but"}, {"", "queue encryption " + key, "is not encrypted, but"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Extra: tt.before + "\n"})
			d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@y.example"}})
			d.WaitQueued(1)
			id := firstID(t, d)
			d.Restart(func() {
				conf, _ := os.ReadFile(d.Root + "/etc/smtpd-test.conf")
				text := strings.TrimPrefix(string(conf), tt.before+"\n")
				os.WriteFile(d.Root+"/etc/smtpd-test.conf", []byte(tt.after+"\n"+text), 0o644)
			})
			keyFile := t.TempDir() + "/key"
			os.WriteFile(keyFile, []byte(key), 0o600)
			if r := withConf(t, d, "--key-file", keyFile, "explain", id); r.status != 1 || !strings.Contains(r.stdout, "refused: ") || !strings.Contains(r.stdout, tt.want) {
				t.Errorf("%q, then %q: %v\n%s", tt.before, tt.after, r, d.Log())
			}
		})
	}
}

// TestRealMessageMissing takes the message of an envelope away: smtpd goes on trying, in vain.
func TestRealMessageMissing(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@ok.example"}})
	d.WaitQueued(1)
	id := firstID(t, d)
	sp := spool.Open(d.Spool)
	evp, err := protocol.ParseEnvelopeID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(sp.MessagePath(evp.Msg())); err != nil {
		t.Fatal(err)
	}
	if r := ours(t, d, "", "show", "message", id); r.status != 1 || !strings.Contains(r.stderr, "the file of the message is missing") {
		t.Errorf("%v", r)
	}
	explained(t, d, id, "message-missing", "")
	ours(t, d, "", "resume", "mta")
	realsmtpd.WaitFor(t, 30*time.Second, "the attempt to fail", func() error {
		if r := ours(t, d, "", "show", "queue", "error=?*"); r.stdout == "" {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	explained(t, d, id, "message-missing", "")
	if r := ours(t, d, "", "show", "message", "12345678"); r.status != 1 || !strings.Contains(r.stderr, "no such id in the queue") {
		t.Errorf("%v", r)
	}
}
