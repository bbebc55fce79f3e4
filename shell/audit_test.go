package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
)

// auditedSession returns a session on a simulation, and what it logs.
func auditedSession(t *testing.T, messages int, streams IO) (*Session, *smtpdsim.Server, *[]string) {
	t.Helper()
	sim, path := simtest.Start(t, smtpdsim.Config{Messages: messages, Tables: []string{"aliases"}})
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = path, t.TempDir()
	if streams.Env == nil {
		streams.Env = func(string) string { return "" }
	}
	s := NewSession(opts, streams)
	t.Cleanup(s.Close)
	s.who = "user ann"
	logged := new([]string)
	s.audit.to = func(text string) { *logged = append(*logged, text) }
	return s, sim, logged
}

// TestAudit looks at what is logged: every change, who made it, its ids and its
// counts, and nothing else.
func TestAudit(t *testing.T) {
	var out, errs bytes.Buffer
	s, sim, logged := auditedSession(t, 3, IO{In: strings.NewReader(""), Out: &out, Err: &errs})
	var ids, msgs []string
	for _, e := range sim.Envelopes() {
		ids = append(ids, e.ID.String())
		msgs = append(msgs, e.ID.Msg().String())
	}
	for _, line := range []string{
		"show queue", "show stats", "remove -n all", "pause mta", "pause mta", "pause envelope all", "remove all --expect 9",
		"remove domain=nowhere.example", "resume envelope " + ids[0], "remove " + strings.Join(ids[:2], " "), "remove all",
		"update table aliases", "resume mta", "bogus",
	} {
		_ = s.Eval(context.Background(), line) // some fail, which is logged too
	}
	var want []string
	add := func(program string, lines ...string) {
		for _, l := range append([]string{"begins"}, lines...) {
			want = append(want, "user ann: "+program+": "+l)
		}
	}
	add("pause mta", "done")
	add("pause mta", "failed: pause mta: mta is paused already")
	add("pause envelope all", "ids "+strings.Join(msgs, " "), "done=3")
	add("remove all --expect 9", "done=0, failed: remove all: 3 envelopes selected, 9 expected: nothing done")
	add("remove domain=nowhere.example", "done=0")
	add("resume envelope "+ids[0], "ids "+ids[0], "done=1")
	add("remove "+ids[0]+" "+ids[1], "ids "+ids[0]+" "+ids[1], "done=2")
	add("remove all", "ids "+msgs[2], "done=1")
	add("update table aliases", "done")
	add("resume mta", "done")
	if !slices.Equal(*logged, want) {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(*logged, "\n"), strings.Join(want, "\n"))
	}
}

// TestAuditLines acts on many envelopes in every way that they can be named. Each
// id is in the log once, no line is too long, and none is logged after the end.
func TestAuditLines(t *testing.T) {
	t.Parallel()
	const n = 300
	for _, how := range []string{"all", "terms", "stdin", "words"} {
		for _, verb := range []string{"pause envelope", "schedule", "remove"} {
			t.Run(how+"/"+verb, func(t *testing.T) {
				t.Parallel()
				s, sim, logged := auditedSession(t, n, IO{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
				var ids, sent []string
				for _, e := range sim.Envelopes() {
					ids = append(ids, e.ID.String())
					if verb != "schedule" || e.Time > time.Now().Unix()+60 { // what is due need not be sent
						sent = append(sent, e.ID.String())
					}
				}
				args := map[string]string{"all": "all", "terms": "tries=0-", "stdin": "-", "words": strings.Join(ids, " ")}[how]
				s.io.In = strings.NewReader(strings.Join(ids, "\n"))
				if err := s.Eval(context.Background(), verb+" "+args); err != nil {
					t.Fatal(err)
				}
				seen := map[string]int{}
				for i, line := range *logged {
					if len(line) > maxAuditLine || !utf8.ValidString(line) {
						t.Errorf("%d bytes: %q", len(line), line)
					}
					switch _, list, ok := strings.Cut(line, ": ids "); {
					case i == 0:
						if !strings.HasSuffix(line, ": begins") {
							t.Errorf("the first line is %q", line)
						}
					case i == len(*logged)-1:
						if !strings.HasSuffix(line, fmt.Sprintf(": done=%d", n)) {
							t.Errorf("the last line is %q", line)
						}
					case !ok:
						t.Errorf("line %q", line)
					default:
						for _, id := range strings.Fields(list) {
							seen[id]++
						}
					}
				}
				if len(sent) < n/4 {
					t.Fatalf("only %d are sent", len(sent))
				}
				for _, id := range sent {
					if seen[id]+seen[id[:8]] != 1 {
						t.Fatalf("%s is in the log %d times", id, seen[id]+seen[id[:8]])
					}
				}
			})
		}
	}
}

// TestAuditFirst has the log look at what smtpd has got at each line: the beginning
// is logged before anything is sent, an id before it is acted on, and the end
// before anything is printed. Standard output takes nothing, in three ways.
func TestAuditFirst(t *testing.T) {
	t.Parallel()
	var changes []string
	for _, c := range commandTable() {
		switch words := strings.Fields(c.Pattern); {
		case !c.Changes() || c.Bulk() || words[0] == "discover":
		default:
			line := c.Pattern
			for arg, value := range map[string]string{"<address>": "192.0.2.1", "<domain>": "x.example", "<route>": "all", "<table>": "aliases",
				"<trace>": "smtp", "<profile>": "queue"} {
				line = strings.Replace(line, arg, value, 1)
			}
			changes = append(changes, line)
		}
	}
	for _, a := range []string{"pause envelope", "resume envelope", "schedule", "remove"} {
		changes = append(changes, a+" all", a+" tries=0-", a+" ID", a+" MSG")
	}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		full = nil // the other two are tried everywhere
	}
	r, broken, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, line := range changes {
		for name, stdout := range map[string]*os.File{"closed": closed, "full": full, "broken": broken} {
			if stdout == nil {
				continue
			}
			t.Run(line+" to "+name, func(t *testing.T) {
				t.Parallel()
				s, sim, logged := auditedSession(t, 3, IO{In: strings.NewReader(""), Out: stdout, Err: stdout})
				first := sim.Envelopes()[0].ID
				line := strings.NewReplacer("ID", first.String(), "MSG", first.Msg().String()).Replace(line)
				var late []string
				requests := func() (n int) {
					for k := protocol.Type(1); k < 40; k++ {
						n += sim.Requests(k)
					}
					return n
				}
				acted := func() int {
					return sim.Requests(protocol.TypePauseEnvelope) + sim.Requests(protocol.TypeResumeEnvelope) +
						sim.Requests(protocol.TypeRemove) + sim.Requests(protocol.TypeSchedule)
				}
				s.audit.to = func(text string) {
					switch {
					case strings.HasSuffix(text, ": begins") && requests() > 0:
						late = append(late, text)
					case strings.Contains(text, ": ids ") && acted() > 0:
						late = append(late, text)
					case s.out.Err != nil:
						late = append(late, text)
					}
					*logged = append(*logged, text)
				}
				err := s.Eval(context.Background(), line)
				if err == nil {
					t.Errorf("%s, standard output %s: no error", line, name)
				}
				if n := len(*logged); n < 2 || len(late) > 0 || strings.HasSuffix((*logged)[n-1], ": begins") {
					t.Errorf("%s, standard output %s: logged %q, too late %q", line, name, *logged, late)
				}
			})
		}
	}
}

// TestAuditBounds cuts every part of a line that others choose, and no rune.
func TestAuditBounds(t *testing.T) {
	t.Parallel()
	s, _, logged := auditedSession(t, 1, IO{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
	for n := range 8 {
		long := strings.Repeat("x", n) + strings.Repeat("ü", 3000)
		*logged = nil
		s.who = "user " + long
		_ = s.Eval(context.Background(), "remove from="+long)
		for _, line := range *logged {
			if len(line) > maxAuditLine || !utf8.ValidString(line) {
				t.Errorf("%d bytes, valid: %v", len(line), utf8.ValidString(line))
			}
		}
		if n := len(*logged); n != 2 || !strings.Contains((*logged)[1], "done=0") {
			t.Errorf("logged %q", *logged)
		}
	}
	log := &callAudit{s: s, c: &command.Call{Cmd: &command.Command{}}, head: "head: "}
	*logged = nil
	log.End(errors.New(strings.Repeat("ü", 3000)))
	if line := (*logged)[0]; len(line) > maxAuditLine || !utf8.ValidString(line) {
		t.Errorf("%d bytes: %q", len(line), line)
	}
	for _, text := range []string{"", "abc", "äöü", "a\U0001F4E7b", "日本語"} {
		for n := range 12 {
			got := confine.Cut(text, n)
			if len(got) > max(n, 3) || !utf8.ValidString(got) || n >= len(text) && got != text {
				t.Errorf("cut(%q, %d) = %q", text, n, got)
			}
		}
	}
}

// TestWho believes the kernel, and not the environment.
func TestWho(t *testing.T) {
	t.Parallel()
	self := confine.UserName(fmt.Sprint(os.Getuid()))
	for _, tt := range []struct {
		env   map[string]string
		login string
		want  string
	}{
		{nil, "0", "user root"},
		{nil, "", "user " + self},
		{map[string]string{"SUDO_USER": "ann"}, "0", "user root (SUDO_USER says ann, unverified)"},
		{map[string]string{"DOAS_USER": "ann"}, "0", "user root (DOAS_USER says ann, unverified)"},
		{map[string]string{"LOGNAME": "ann"}, "", "user " + self + " (LOGNAME says ann, unverified)"},
		{map[string]string{"SUDO_USER": "root"}, "0", "user root"},
		{map[string]string{"SUDO_USER": "ann\x1b[2J\nuser eve"}, "4000000001", `user uid 4000000001 (SUDO_USER says ann\^[[2J\^Juser eve, unverified)`},
		{map[string]string{"SUDO_USER": strings.Repeat("ü", 99)}, "0", "user root (SUDO_USER says " + strings.Repeat("ü", 30) + "..., unverified)"},
	} {
		if got := confine.Who(func(name string) string { return tt.env[name] }, tt.login); got != tt.want {
			t.Errorf("login %q, %v: %q, want %q", tt.login, tt.env, got, tt.want)
		}
	}
}

// TestAuditUnjournaled has a journal that cannot be written: that is said once until the journal
// takes a command again, and keeps no command from working.
func TestAuditUnjournaled(t *testing.T) {
	var out, errs bytes.Buffer
	state := t.TempDir()
	s, _, _ := auditedSession(t, 3, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string {
		return map[string]string{"XDG_STATE_HOME": state}[name]
	}})
	s.lasting = true
	path := filepath.Join(state, "smtpctl", "journal")
	for _, step := range []struct {
		do   func() error
		said bool
	}{
		{func() error { return os.MkdirAll(path, 0o700) }, true}, {func() error { return nil }, false},
		{func() error { return os.Remove(path) }, false},
		{func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		errs.Reset()
		if err := s.Eval(context.Background(), "update table aliases"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(errs.String(), "the journal lacks this command, or a part of it: "+path+": "); got != step.said {
			t.Errorf("%q, want it said: %v", errs.String(), step.said)
		}
	}
}
