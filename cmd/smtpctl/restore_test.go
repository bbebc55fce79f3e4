package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/copies"
)

// restoreBed is a simulated smtpd whose mail has been removed with --save.
type restoreBed struct {
	sim   *smtpdsim.Server
	args  []string // of the program
	spool *spool.Spool
	dir   string // of the copies
	ids   []protocol.EnvelopeID
}

func newRestoreBed(t *testing.T) *restoreBed {
	t.Helper()
	files := t.TempDir()
	sim, socket := simtest.Start(t, smtpdsim.Config{Spool: files})
	os.Mkdir(filepath.Join(files, "incoming"), 0o700)
	b := &restoreBed{sim: sim, spool: spool.Open(files), dir: filepath.Join(t.TempDir(), "saved"), args: []string{"--socket", socket, "--spool", files}}
	for i := range 3 {
		for j := range 2 {
			id := protocol.EnvelopeID(uint64(0xabcd0001+i)<<32 | uint64(j+1))
			b.ids = append(b.ids, id)
			sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("r%d%d@y.example", i, j))})
		}
	}
	if r := b.run(t, "remove", "all", "--save", b.dir); r.stdout != "6 envelopes removed\n" {
		t.Fatal(r)
	}
	return b
}

func (b *restoreBed) run(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, append(b.args, args...)...)
}

// queued returns the recipients of what smtpd lists, each with how often.
func (b *restoreBed) queued(t *testing.T) map[string]int {
	t.Helper()
	n := map[string]int{}
	for line := range strings.Lines(b.run(t, "show", "queue").stdout) {
		n[strings.Split(line, "|")[5]]++
	}
	return n
}

// once checks that all recipients are there exactly once.
func once(n map[string]int, want int) error {
	for rcpt, k := range n {
		if k != 1 {
			return fmt.Errorf("%s is there %d times", rcpt, k)
		}
	}
	if len(n) != want {
		return fmt.Errorf("%d recipients, want %d: %v", len(n), want, n)
	}
	return nil
}

// deliveredOnce lets smtpd, whose relaying is paused, deliver its queue to the sink: n recipients
// get their mail once.
func deliveredOnce(t *testing.T, d *realsmtpd.Daemon, what string, n int) {
	t.Helper()
	ours(t, d, "", "resume", "mta")
	ours(t, d, "", "schedule", "all")
	realsmtpd.WaitFor(t, 60*time.Second, what, func() error {
		if left := ours(t, d, "", "show", "queue").stdout; left != "" {
			return fmt.Errorf("%s", left)
		}
		return nil
	})
	if err := once(d.Sink.Took(), n); err != nil {
		t.Errorf("%s: %v\n%s", what, err, d.Log())
	}
	d.Sink.Forget()
	ours(t, d, "", "pause", "mta")
}

// TestRestore restores what --save has saved: all, some, again, and what is in the way.
func TestRestore(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	if r := b.run(t, "show", "queue", "--from", b.dir); r.status != 0 || strings.Count(r.stdout, "|offline|") != 6 {
		t.Errorf("list the copies: %v", r)
	}
	if r := b.run(t, "show", "queue", "by", "domain", "--from", b.dir, "to=r0*"); r.status != 0 || !strings.Contains(r.stdout, "2") {
		t.Errorf("group the copies: %v", r)
	}
	if r := b.run(t, "show", "queue", "state=held", "--from", b.dir); r.status != 1 || !strings.Contains(r.stderr, "only the scheduler of smtpd knows state") {
		t.Errorf("what copies do not know: %v", r)
	}
	if r := b.run(t, "-n", "restore", b.dir); r.status != 0 || strings.Count(r.stdout, "|offline|") != 6 || !strings.Contains(r.stderr, "6 envelopes would be restored; nothing was") || len(b.queued(t)) != 0 {
		t.Errorf("dry run: %v", r)
	}
	if r := b.run(t, "restore", b.dir, "--expect", "5"); r.status != 1 || !strings.Contains(r.stderr, "6 envelopes to restore, 5 expected: nothing done") {
		t.Errorf("--expect: %v", r)
	}
	// One envelope, then the rest: its message is in the queue, so the rest gets a new id.
	if r := b.run(t, "restore", b.dir, b.ids[0].String()); r.status != 0 || r.stdout != "1 envelope restored\n" || r.stderr != "" {
		t.Errorf("one: %v", r)
	}
	if r := b.run(t, "restore", b.dir); r.status != 0 || r.stdout != "5 envelopes restored\n" || !strings.Contains(r.stderr, b.ids[1].String()+" is ") || !strings.Contains(r.stderr, "1 envelope was restored before") {
		t.Errorf("the rest: %v", r)
	}
	if err := once(b.queued(t), 6); err != nil {
		t.Error(err)
	}
	if r := b.run(t, "restore", b.dir); r.status != 0 || r.stdout != "0 envelopes restored\n" || !strings.Contains(r.stderr, "6 envelopes were restored before") {
		t.Errorf("again: %v", r)
	}
	// What is removed and saved again can be restored again.
	if r := b.run(t, "remove", b.ids[0].String(), "--save", b.dir); r.status != 0 {
		t.Errorf("remove again: %v", r)
	}
	if r := b.run(t, "restore", b.dir, "-j"); r.status != 0 || !strings.Contains(r.stdout, `"done":1,"restored_before":5`) {
		t.Errorf("removed again: %v", r)
	}
	// The journal says who did what, for every envelope.
	text, _ := os.ReadFile(filepath.Join(b.dir, copies.JournalName))
	events := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		events[fmt.Sprint(r["event"])]++
		if r["event"] == "saved" && (r["who"] == "" || !strings.Contains(fmt.Sprint(r["command"]), "remove") || len(fmt.Sprint(r["sha256"])) != 64 || len(fmt.Sprint(r["message_sha256"])) != 64) {
			t.Errorf("%s", line)
		}
	}
	if fmt.Sprint(events) != "map[placing:7 queued:7 restored:7 saved:7]" {
		t.Error(events)
	}
}

// TestRestoreContent lists and restores copies by what their messages hold.
func TestRestoreContent(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	if r := b.run(t, "restore", b.dir); r.stdout != "6 envelopes restored\n" {
		t.Fatal(r)
	}
	for i, text := range []string{"Subject: winner\nList-Id: <a.example>\n\nbuy this\n", "Subject: your order\n\nthanks\n", "Subject: report\n\n" + strings.Repeat("0123456789\n", 20_000)} {
		msg := b.ids[2*i].Msg()
		if err := os.WriteFile(b.spool.MessagePath(msg), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "copies")
	if r := b.run(t, "remove", "all", "--save", dir); r.stdout != "6 envelopes removed\n" {
		t.Fatal(r)
	}
	for _, tt := range []struct {
		words string
		want  int
	}{{"subject~^win", 2}, {"header:List-Id=<a.example>", 2}, {"header:list-id!=?*", 4}, {"size=100k-", 2}, {"size=-1k", 4}, {"body~thank", 2}, {"body~buy|thank to=r00@*", 1}, {"subject=none", 0}} {
		if r := b.run(t, append([]string{"show", "queue", "--from", dir}, strings.Fields(tt.words)...)...); r.status != 0 || strings.Count(r.stdout, "|offline|") != tt.want {
			t.Errorf("%s lists not %d: %v", tt.words, tt.want, r)
		}
	}
	if r := b.run(t, "show", "queue", "--from", dir, "sort=-size", "limit=1"); r.status != 0 || !strings.HasPrefix(r.stdout, b.ids[4].String()+"|") {
		t.Errorf("the largest: %v", r)
	}
	if r := b.run(t, "show", "queue", "by", "subject", "--from", dir); r.status != 0 || !strings.Contains(r.stdout, "|winner") {
		t.Errorf("by subject: %v", r)
	}
	if r := b.run(t, "restore", dir, "subject=your*", "body~thank"); r.status != 0 || r.stdout != "2 envelopes restored\n" {
		t.Errorf("by content: %v", r)
	}
	if r := b.run(t, "restore", dir, "size=100k-", "--expect", "3"); r.status != 1 || !strings.Contains(r.stderr, "2 envelopes to restore, 3 expected: nothing done") {
		t.Errorf("--expect: %v", r)
	}
	if n := b.queued(t); once(n, 2) != nil || n["r10@y.example"] != 1 || n["r11@y.example"] != 1 {
		t.Errorf("in the queue: %v", n)
	}
	// A message that was cut off in the folder is not taken for one that does not match.
	found := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if strings.Contains(path, "abcd0001") && !d.IsDir() && !strings.Contains(filepath.Base(path), "0000000") {
			found++
			return os.Remove(path)
		}
		return nil
	})
	if found != 1 {
		t.Fatalf("%d messages removed", found)
	}
	if r := b.run(t, "restore", dir, "subject=winner"); r.status == 0 && r.stdout != "0 envelopes restored\n" || once(b.queued(t), 2) != nil {
		t.Errorf("without its message: %v", r)
	}
}

// TestRestoreRefuses tries what must not be restored.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	files := b.args[3]
	file := func(id protocol.EnvelopeID) string { return filepath.Join(b.dir, id.Msg().String(), id.String()) }
	os.WriteFile(file(b.ids[0]), []byte(envelopeText("relay", "x@y.example")+"bogus: 1\n"), 0o600)
	os.Remove(filepath.Join(b.dir, b.ids[2].Msg().String(), "message"))
	os.Remove(file(b.ids[4]))
	os.Symlink(file(b.ids[5]), file(b.ids[4]))
	r := b.run(t, "restore", b.dir)
	if r.status != 1 || r.stdout != "2 envelopes restored\n" || !strings.Contains(r.stderr, `"bogus" is unknown`) || !strings.Contains(r.stderr, "the copy of its message is missing") ||
		!strings.Contains(r.stderr, "symbolic link") {
		t.Error(r)
	}
	for _, args := range [][]string{{files}, {filepath.Join(files, "queue")}} {
		if r := b.run(t, append([]string{"restore"}, args...)...); r.status != 1 || !strings.Contains(r.stderr, "it is the queue itself") {
			t.Errorf("%v: %v", args, r)
		}
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"restore", "/nonexistent/folder"}, 1, "no such file"}, {[]string{"restore", ""}, 2, "folder"}, {[]string{"restore", b.dir, "abcd"}, 2, "8 or 16 hex digits"},
		{[]string{"restore", t.TempDir()}, 1, "no copies of mail"}, {[]string{"-r", "restore", b.dir}, 1, "read-only"}, {[]string{"--restricted", "restore", b.dir}, 2, "--restricted"},
		{[]string{"show", "queue", "--from", "/nonexistent"}, 1, "no such file"}, {[]string{"show", "status", "--from", b.dir}, 2, "--from works only with show queue"},
	} {
		if r := b.run(t, tt.args...); r.status != tt.status || r.stdout != "" || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%q: %v", tt.args, r)
		}
	}
}

// TestRestoreAtOnce restores mail whose files smtpd is still removing, and mail whose file
// it has left there.
func TestRestoreAtOnce(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	leave := func(id protocol.EnvelopeID) string {
		path := b.spool.EnvelopePath(id)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(envelopeText("relay", "r00@y.example")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left, going := leave(b.ids[0]), leave(b.ids[3])
	r := b.run(t, "--timeout", "500ms", "restore", b.dir, b.ids[0].String())
	if r.status != 1 || r.stdout != "0 envelopes restored\n" || !strings.Contains(r.stderr, "the queue has a file of it that smtpd does not list") {
		t.Errorf("left there: %v", r)
	}
	os.Remove(left)
	time.AfterFunc(time.Second, func() { os.Remove(going) })
	if r := b.run(t, "restore", b.dir); r.status != 0 || r.stdout != "6 envelopes restored\n" {
		t.Errorf("being removed: %v", r)
	}
	if err := once(b.queued(t), 6); err != nil {
		t.Error(err)
	}
}

// TestRestoreKilled kills restore at each of its steps, and gives the command again:
// then each envelope is in the queue exactly once. Outside CI it takes each third of them.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	for step := 1; ; step += fulltest.Of(1, 3) {
		b := newRestoreBed(t)
		r := killable(t, step, append(b.args, "restore", b.dir)...)
		again := b.run(t, "restore", b.dir)
		if again.status != 0 {
			t.Errorf("step %d: %v", step, again)
		}
		if err := once(b.queued(t), 6); err != nil {
			t.Errorf("step %d: %v: %v", step, err, again)
		}
		if r.status == 0 {
			if step < 15 {
				t.Errorf("there are only %d steps", step)
			}
			return
		}
	}
}

// TestRealRestore restores mail into the queue of a real smtpd, which delivers it; and
// kills restore at each step, with smtpd running and started again.
func TestRealRestore(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	send := func() (before string) {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@ok.example", "b@ok.example"}, Body: "Subject: one\n\nbody\n"},
			realsmtpd.Mail{From: "t@x.example", To: []string{"c@ok.example"}, Body: "Subject: two\n\nbody\n"})
		d.WaitQueued(3)
		return ours(t, d, "", "show", "queue").stdout
	}
	// fields are those of a listing that a removal and a restoration keep.
	fields := func(listing string) string {
		var out []string
		for line := range strings.Lines(listing) {
			out = append(out, strings.Join(strings.Split(line, "|")[:8], "|"))
		}
		return strings.Join(out, "\n")
	}
	before := send()
	dir := filepath.Join(t.TempDir(), "saved")
	if r := ours(t, d, "", "remove", "all", "--save", dir); r.stdout != "3 envelopes removed\n" {
		t.Fatal(r)
	}
	if r := ours(t, d, "", "show", "queue", "--from", dir, "sort=from"); len(strings.Split(fields(r.stdout), "\n")) != 3 {
		t.Errorf("the copies: %v", r)
	}
	if r := ours(t, d, "", "restore", dir); r.status != 0 || r.stdout != "3 envelopes restored\n" || r.stderr != "" {
		t.Errorf("restore: %v", r)
	}
	if after := ours(t, d, "", "show", "queue").stdout; fields(after) != fields(before) {
		t.Errorf("restored:\n%s\nbefore:\n%s", after, before)
	}
	// One of two envelopes of a message, which smtpd would not take up under its old id.
	lines := strings.Split(before, "\n")
	first, _, _ := strings.Cut(lines[1], "|") // the messages have one and two envelopes
	if r := ours(t, d, "", "remove", first, "--save", dir); r.status != 0 {
		t.Fatal(r)
	}
	if r := ours(t, d, "", "restore", dir, first); r.status != 0 || r.stdout != "1 envelope restored\n" || !strings.Contains(r.stderr, first+" is ") {
		t.Errorf("one of two: %v", r)
	}
	delivered := func(what string) {
		t.Helper()
		deliveredOnce(t, d, what, 3)
	}
	delivered("delivery")

	// Every third step here: TestRestoreKilled has them all.
	for step := 1; ; step += 3 {
		send()
		dir := filepath.Join(t.TempDir(), "saved")
		ours(t, d, "", "remove", "all", "--save", dir)
		r := killable(t, step, "--socket", d.Socket, "--spool", d.Spool, "restore", dir)
		if step%2 == 0 {
			d.Restart(nil)
		}
		again := ours(t, d, "", "restore", dir)
		unsure := strings.Contains(again.stderr, "is no longer in the queue")
		if again.status != 0 && !unsure {
			t.Errorf("step %d: %v\n%s", step, again, d.Log())
		}
		if unsure { // smtpd has emptied the folder incoming: the journal says how to go on
			if step%2 != 0 {
				t.Errorf("step %d: %v", step, again)
			}
			journal := filepath.Join(dir, copies.JournalName)
			text, _ := os.ReadFile(journal)
			var kept string
			for line := range strings.Lines(string(text)) {
				if !strings.Contains(line, `"placing"`) {
					kept += line
				}
			}
			os.WriteFile(journal, []byte(kept), 0o600)
			if again = ours(t, d, "", "restore", dir); again.status != 0 {
				t.Errorf("step %d, after the journal was edited: %v", step, again)
			}
		}
		delivered(fmt.Sprintf("delivery after step %d", step))
		if r.status == 0 {
			break
		}
	}
}
