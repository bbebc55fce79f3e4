package shell

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
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

const testConf = `# a comment with action "commented"
name = "macro"
action "relay" \
	relay host smtp://127.0.0.1 ttl 1d # action "also"
action $name relay
action plain mbox
queue ttl 2d
`

// A queueTest is a simulated smtpd with a spool, and files in it that it does not know.
type queueTest struct {
	*testing.T
	sim       *smtpdsim.Server
	sp        *spool.Spool
	s         *Session
	out, errs *realsmtpd.LockedBuffer
}

func newQueueTest(t *testing.T) *queueTest {
	t.Helper()
	dir := t.TempDir()
	sim, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Spool: dir})
	conf := filepath.Join(dir, "smtpd.conf")
	if err := os.WriteFile(conf, []byte(testConf), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	os.Chtimes(conf, old, old)
	q := &queueTest{T: t, sim: sim, sp: spool.Open(dir), out: &realsmtpd.LockedBuffer{}, errs: &realsmtpd.LockedBuffer{}}
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = path, dir
	q.s = NewSession(opts, IO{In: strings.NewReader(""), Out: q.out, Err: q.errs, Env: func(string) string { return "" }})
	q.s.conf, q.s.patience = conf, time.Minute
	t.Cleanup(q.s.Close)
	return q
}

// plant puts an envelope file into the queue that smtpd does not know.
func (q *queueTest) plant(id protocol.EnvelopeID, text string) {
	q.Helper()
	if err := os.MkdirAll(q.sp.MessageDir(id.Msg()), 0o700); err != nil {
		q.Fatal(err)
	}
	os.WriteFile(q.sp.MessagePath(id.Msg()), []byte("Subject: x\n\nx\n"), 0o600)
	if err := os.WriteFile(q.sp.EnvelopePath(id), []byte(text), 0o600); err != nil {
		q.Fatal(err)
	}
}

// eval evaluates a line and returns what it said and its status.
func (q *queueTest) eval(line string) (out, errs string, status int) {
	q.Helper()
	*q.out, *q.errs = realsmtpd.LockedBuffer{}, realsmtpd.LockedBuffer{}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	status = printError(q.errs, q.s.style, q.s.Eval(ctx, line))
	q.s.out.Flush()
	return q.out.String(), q.errs.String(), status
}

const planted = "version: 3\ndispatcher: relay\ntype: mta\nhelo: h\nhostname: h\nsockaddr: local\nsender: a@x.example\nrcpt: b@lost.example\ndest: b@lost.example\nctime: 1\n"

// refusedFiles are files that smtpd refuses, with what the cause must name.
var refusedFiles = []struct{ name, text, want string }{
	{"dispatcher", strings.Replace(planted, "dispatcher: relay", "dispatcher: gone", 1), `dispatcher "gone"`},
	{"commented action", strings.Replace(planted, "dispatcher: relay", "dispatcher: commented", 1), `dispatcher "commented"`},
	{"no dispatcher", strings.Replace(planted, "dispatcher: relay\n", "", 1), "no dispatcher"},
	{"unknown field", planted + "bogus: 1\n", `"bogus"`},
	{"bad value", strings.Replace(planted, "ctime: 1", "ctime: soon", 1), "ctime"},
	{"cut", planted[:50], "cut"},
	{"empty", "", "empty"},
	{"garbage", "\x00\x01\x02", ""},
	{"packed", "\x1f\x8b garbage", "damaged"},
}

// TestRefusedFiles puts every kind of file that smtpd refuses into the queue: explain says why, discover sends nothing, and wait
// empty does not call it empty; what is not refused can be discovered.
func TestRefusedFiles(t *testing.T) {
	for i, tt := range refusedFiles {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := newQueueTest(t)
			id := protocol.EnvelopeID(0xabc00000+uint64(i))<<32 | 1
			q.plant(id, tt.text)
			for _, word := range []string{id.String(), id.Msg().String()} {
				out, errs, status := q.eval("explain " + word)
				if status != command.StatusFailed || !strings.Contains(out, "verdict:  refused: ") && tt.name != "garbage" || !strings.Contains(out, tt.want) {
					t.Errorf("explain %s: status %d, %s%s", word, status, out, errs)
				}
				if tt.name != "garbage" && !strings.Contains(errs, "does not list it") {
					t.Errorf("explain %s: %s", word, errs)
				}
				if out, errs, status = q.eval("discover " + word); status != command.StatusFailed || out != "" || !strings.Contains(errs, "nothing sent") || !strings.Contains(errs, tt.want) {
					t.Errorf("discover %s: status %d, %s%s", word, status, out, errs)
				}
			}
			if n := q.sim.Requests(protocol.TypeDiscoverEnvelope) + q.sim.Requests(protocol.TypeDiscoverMessage); n > 0 {
				t.Errorf("%d requests to discover a file that is refused", n)
			}
			if out, errs, _ := q.eval("show status"); strings.Count(out, "\n") != 3 || !strings.Contains(errs, "does not list 1 envelope file") || !strings.Contains(errs, "explain "+id.String()) {
				t.Errorf("show status: %s%s", out, errs)
			}
			if _, errs, status := q.eval("wait empty " + id.String() + " for 1s"); status != command.StatusFailed || !strings.Contains(errs, "does not list") {
				t.Errorf("wait empty ID: status %d, %s", status, errs)
			}
			q.eval("remove all")
			if _, errs, status := q.eval("wait empty for 1s"); status != command.StatusFailed || !strings.Contains(errs, "smtpd lists none, but 1 envelope file is left") {
				t.Errorf("wait empty: status %d, %s", status, errs)
			}
			os.Remove(q.sp.EnvelopePath(id))
			if _, errs, status := q.eval("wait empty for 1m"); status != command.StatusOK {
				t.Errorf("wait empty: status %d, %s", status, errs)
			}
		})
	}
}

// TestUnlistedGood finds files that smtpd does not list though nothing is wrong with them, also of a message of which it lists
// others, and takes them up by discover.
func TestUnlistedGood(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"relay", "macro", "plain"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			q := newQueueTest(t)
			known := q.sim.Envelopes()[0].ID
			text := strings.Replace(planted, "dispatcher: relay", "dispatcher: "+action, 1)
			for _, id := range []protocol.EnvelopeID{0xabc00000<<32 | 1, known + 1} {
				q.plant(id, text)
				if out, errs, status := q.eval("explain " + id.String()); status != command.StatusFailed || !strings.Contains(out, "verdict:  undiscovered: ") {
					t.Errorf("%s: explain: status %d, %s%s", action, status, out, errs)
				}
				if _, errs, _ := q.eval("show status"); !strings.Contains(errs, "does not list 1 envelope file") {
					t.Errorf("%s: show status: %s", action, errs)
				}
				if _, _, status := q.eval("wait empty domain=lost.example for 1s"); status != command.StatusFailed {
					t.Errorf("%s: wait empty domain=: status %d", action, status)
				}
				if _, errs, status := q.eval("wait empty domain=other.example for 20s"); status != command.StatusOK {
					t.Errorf("%s: wait empty domain=: status %d, %s", action, status, errs)
				}
				if out, errs, status := q.eval("discover " + id.String()); status != command.StatusOK || out != "1 envelope discovered\n" {
					t.Errorf("%s: discover: status %d, %s%s", action, status, out, errs)
				}
				if _, errs, _ := q.eval("show status"); errs != "" {
					t.Errorf("%s: show status: %s", action, errs)
				}
			}
			// A socket from elsewhere says nothing of the spool here.
			q.plant(0xabc00001<<32|1, text)
			c := &command.Call{Env: q.s.env(), Opts: q.s.opts}
			c.Opts.Spool = command.DefaultOptions().Spool
			if disk.OwnSpool(c) {
				t.Error("the spool of this machine passes for that of a forwarded socket")
			}
		})
	}
}

// TestUnlistedMoving lets mail come and go under show status: it claims nothing that a moment ends.
func TestUnlistedMoving(t *testing.T) {
	t.Parallel()
	q := newQueueTest(t)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := uint64(1); ; i++ {
			id := protocol.EnvelopeID((0xdd000000+i)<<32 | 1)
			q.plant(id, planted)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			os.RemoveAll(q.sp.MessageDir(id.Msg()))
		}
	}()
	for range 5 {
		if _, errs, status := q.eval("show status"); status != command.StatusOK || strings.Contains(errs, "does not list") {
			t.Errorf("status %d, %s", status, errs)
		}
	}
	close(stop)
	<-ended
}

// TestUnlistedLoading shows the status of an smtpd that is still loading its queue: it is said, and takes no longer than it may.
// The test measures time, so that it runs alone.
func TestUnlistedLoading(t *testing.T) {
	q := newQueueTest(t)
	const files = 400
	for i := range uint64(files) {
		q.plant(protocol.EnvelopeID((0xdd000000+i)<<32|1), planted)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := range uint64(files) {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			q.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID((0xdd000000+i)<<32 | 1), Text: planted})
		}
	}()
	q.s.patience = 0
	start := time.Now()
	if _, errs, status := q.eval("show status"); status != command.StatusOK || !strings.Contains(errs, "their number is falling") && !strings.Contains(errs, "no time to check twice") {
		t.Errorf("status %d, %s", status, errs)
	}
	if took := time.Since(start); took > disk.UnlistedStatus+2*time.Second {
		t.Errorf("took %v", took)
	}
	close(stop)
	<-ended
}

// TestMessageErrors takes the message, its envelope and the right to read away: three errors.
func TestMessageErrors(t *testing.T) {
	q := newQueueTest(t)
	id := q.sim.Envelopes()[0].ID
	line := "show message " + id.String()
	path := q.sp.MessagePath(id.Msg())
	if os.Geteuid() != 0 {
		os.Chmod(path, 0)
		if _, errs, status := q.eval(line); status != command.StatusFailed || !strings.Contains(errs, "permission denied") {
			t.Errorf("unreadable: status %d, %s", status, errs)
		}
	}
	os.Remove(path)
	if _, errs, status := q.eval(line); status != command.StatusFailed || !strings.Contains(errs, "the file of the message is missing, although 1 envelope is of the message there: "+path) {
		t.Errorf("missing: status %d, %s", status, errs)
	}
	if out, errs, status := q.eval("explain " + id.String()); status != command.StatusOK || !strings.Contains(out, "verdict:  message-missing: ") || !strings.Contains(out, path) {
		t.Errorf("explain: status %d, %s%s", status, out, errs)
	}
	os.Mkdir(path, 0o700)
	if _, errs, status := q.eval(line); status != command.StatusFailed || !strings.Contains(errs, "it is a folder") {
		t.Errorf("unreadable: status %d, %s", status, errs)
	}
	os.RemoveAll(filepath.Dir(path))
	if _, errs, status := q.eval(line); status != command.StatusFailed || !strings.Contains(errs, "no such id in the queue") {
		t.Errorf("no envelope: status %d, %s", status, errs)
	}
}

// TestConfFacts reads what smtpd.conf says in its several ways.
func TestConfFacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smtpd.conf")
	for text, want := range map[string]string{
		testConf:                           "map[macro:0 plain:0 relay:86400] 172800 true false false false",
		"":                                 "map[] 345600 false false false false",
		"action 'a b' mbox\n":              "map[a b:0] 345600 true false false false",
		"action $x mbox\nqueue ttl soon\n": "map[$x:0] 345600 true true false false",
		"queue compression\nqueue encryption k # action a mbox\n action\ta\tmbox ttl 90m": "map[a:5400] 345600 true false true true",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f := disk.ReadConf(path)
		if got := fmt.Sprint(f.Actions, f.Ttl, f.Read, f.Unsure, f.Compressed, f.Encrypted); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestShowSpool puts every kind of file that smtpd refuses into one queue, takes the files of listed mail away, and finds each
// with its reason; mail that comes meanwhile is not among them.
func TestShowSpool(t *testing.T) {
	t.Parallel()
	q := newQueueTest(t)
	reasons := map[string]string{"dispatcher": "dispatcher", "commented action": "dispatcher", "no dispatcher": "dispatcher", "unknown field": "field",
		"bad value": "field", "cut": "cut", "empty": "empty", "garbage": "cut", "packed": "damaged"}
	for i, tt := range refusedFiles {
		q.plant(protocol.EnvelopeID(0xabc00000+uint64(i))<<32|1, tt.text)
	}
	good := protocol.EnvelopeID(0xabd00000<<32 | 1)
	q.plant(good, planted)
	listed := q.sim.Envelopes()
	lost, silent := listed[0].ID, listed[len(listed)-1].ID
	os.Remove(q.sp.EnvelopePath(lost))
	os.Remove(q.sp.MessagePath(silent.Msg()))
	out, errs, status := q.eval("show spool")
	for i, tt := range refusedFiles {
		id := protocol.EnvelopeID(0xabc00000+uint64(i))<<32 | 1
		want := fmt.Sprintf("%v refused %s: ", id, reasons[tt.name])
		if !strings.Contains(out, want) {
			t.Errorf("%s: no %q", tt.name, want)
		}
	}
	for _, want := range []string{good.String() + " unlisted unknown: ", lost.String() + " lost no-file: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := len(refusedFiles) + 3; status != command.StatusOK || strings.Count(out, "\n") != n || !strings.Contains(out, " no-message no-message: ") ||
		!strings.Contains(errs, "smtpctl: 3 refused, dispatcher: ") {
		t.Errorf("status %d, want %d lines:\n%s%s", status, n, out, errs)
	}
	if _, _, status := q.eval("show spool --fail"); status != command.StatusFailed {
		t.Errorf("--fail: status %d", status)
	}
	if out, _, _ := q.eval("show spool to=b@lost.example limit=2"); strings.Count(out, "\n") != 2 {
		t.Errorf("terms: %s", out)
	}
	out, _, _ = q.eval("show stats -o openmetrics")
	for _, want := range []string{`{reason="dispatcher"} 3`, `{reason="field"} 2`, `{reason="cut"} 2`, `{reason="access"} 0`, `{reason="unknown"} 1`} {
		if !strings.Contains(out, "opensmtpd_spool_refused"+want+"\n") {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	_, errs, _ = q.eval("show status")
	if !strings.Contains(errs, " that its queue on disk has (dispatcher 3, cut 2, field 2, ") || !strings.Contains(errs, ", unknown 1") {
		t.Errorf("show status does not count by reason: %s", errs)
	}
}
