package shell

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
	"smtpctl/shell/render"
)

// A shownBuffer is a terminal that knows when a progress is shown on it.
type shownBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	times int // that one was shown
}

func (b *shownBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.HasSuffix(p, []byte("\x1b[K\r")) {
		b.times++
	}
	return b.text.Write(p)
}

// count returns how often one was shown.
func (b *shownBuffer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.times
}

// all returns all that was written.
func (b *shownBuffer) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A slowSmtpd is a simulated smtpd that answers only when a progress was shown that did
// not tell of the answer.
type slowSmtpd struct {
	terminal *shownBuffer
	patience time.Duration
	silent   int // answers before which none was shown
}

// answer waits until one is shown.
func (s *slowSmtpd) answer(_ int, raw []byte) []byte {
	before := s.terminal.count()
	for deadline := time.Now().Add(s.patience); s.terminal.count() == before; time.Sleep(time.Millisecond / 4) {
		if time.Now().After(deadline) {
			s.silent++
			break
		}
	}
	return raw
}

// slowSession returns a session at the prompt, on a terminal, with a smtpd that waits.
func slowSession(t *testing.T, messages int) (*Session, *shownBuffer, *slowSmtpd) {
	t.Helper()
	terminal := &shownBuffer{}
	slow := &slowSmtpd{terminal: terminal, patience: 10 * time.Second}
	opts := command.DefaultOptions()
	opts.Spool = t.TempDir()
	_, opts.Socket = simtest.Start(t, smtpdsim.Config{Messages: messages, Spool: opts.Spool, Tamper: func() func(int, []byte) []byte { return slow.answer }})
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(name string) string { return map[string]string{"TERM": "xterm"}[name] }})
	t.Cleanup(s.Close)
	s.audit.to = func(string) {}
	s.mode, s.demo = command.AtPrompt, true
	s.confirm = func(context.Context, string) bool { return true }
	s.console = command.NewTestConsole(terminal, 200)
	s.err = s.console
	s.out = command.NewOutput(s.console.Over(terminal), true, render.NewStyle(false))
	return s, terminal, slow
}

// withoutProgress are the commands that take the screen, go on for ever or need no smtpd.
var withoutProgress = map[string]string{
	"browse": "has the screen", "browse <selector...>": "has the screen", "watch <word...>": "has the screen", "monitor": "prints a line each second",
	"exit": "ends", "quit": "ends", "source <file>": "those in it have their own", "encrypt": "asks",
}

// TestEveryCommandShowsProgress runs every command with a smtpd that answers only once the
// terminal says what is being done: whenever a command of the table waits for smtpd, it does.
func TestEveryCommandShowsProgress(t *testing.T) {
	t.Parallel()
	for _, c := range commandTable() {
		if c.Hidden() || c.Needs == command.NeedsNothing || withoutProgress[c.Pattern] != "" {
			continue
		}
		t.Run(c.Pattern, func(t *testing.T) {
			t.Parallel()
			s, terminal, slow := slowSession(t, 20)
			limit := 60 * time.Second
			if c.Pattern == "wait empty" {
				limit = time.Second // for it never is
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			err := s.Eval(ctx, commandtest.Lines[c.Pattern])
			if ctx.Err() != nil && !c.Live || slow.silent > 0 {
				t.Errorf("%d answers of smtpd were waited for in silence: %v: %q", slow.silent, err, terminal.all())
			}
			if text := terminal.all(); strings.Count(text, "\x1b[K\r") > 0 && !strings.Contains(text, "\r\x1b[K") {
				t.Errorf("what was shown is still there: %q", text)
			}
		})
	}
}

// TestProgressOfPhases runs the commands that take long with a slow smtpd, and finds
// what they show: how many, of how many, and what is done with them.
func TestProgressOfPhases(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line  string
		shows []string // regular expressions, in this order
	}{
		{"show queue sort=age", []string{`looked at \d+ of 30, \d+%`}},
		{"show queue from=nobody@nowhere.invalid", []string{`looked at \d+ of 30, \d+%`}},
		{"show queue by domain", []string{`looked at \d+ of 30, \d+%`}},
		{"show queue > FILE", []string{`looked at \d+ of 30, \d+%`}},
		{"explain all", []string{`explain all: working`, `looked at \d+ of 30, \d+%`}},
		{"remove from=*", []string{`looked at \d+ of 30`, `copied \d+ of 30`, `looked at \d+`, `removed \d+ of 30`}},
		{"remove all", []string{`looked at \d+ of 30`, `copied \d+ of 30`, `looked at \d+`, `removed \d+ of 30`}},
		{"remove -y --keep 0 all", []string{`looked at 0 of 30`, `removed \d+ of 30`}},
		{"remove -y --keep 0 from=*", []string{`looked at \d+ of 30`, `removed \d+ of 30`}},
		{"pause envelope from=*", []string{`looked at \d+ of 30`, `looked at \d+( of 30)?, paused \d+`}},
		{"hold from=* for=1h", []string{`looked at \d+ of 30`, `looked at \d+( of 30)?, held \d+`}},
		{"schedule from=*", []string{`looked at \d+ of 30`, `looking what smtpd makes of them, for`}},
		{"schedule from=* batch=10 stop=100%", []string{`looked at \d+ of 30`, `scheduled \d+ of 30`}},
		{"show spool", []string{`compared \d+ of 30`}},
		{"show routes", []string{`lines read:`}},
		{"show hosts", []string{`lines read:`}},
		{"wait from=nobody@nowhere.invalid for 2s", []string{`wait: no envelope is selected, gives up in \ds`}},
		{"wait empty for 2s", []string{`wait empty: 30 envelopes are left, gives up in \ds`}},
		{"wait stats uptime=-0 for 2s", []string{`wait stats: uptime is \d+, gives up in \ds`}},
		{"requeue from=*", []string{`looked at \d+ of 30`, `requeued`}},
		{"bounce from=*", []string{`looked at \d+ of 30`, `returned`}},
		{"notify from=*", []string{`looked at \d+ of 30`, `notices sent:`}},
		{"remove --save DIR from=*; restore DIR", []string{`removed`, `restored`}},
		{"spf walk --resolver 127.0.0.1:1 example.com", []string{`spf walk: working`}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			s, terminal, _ := slowSession(t, 30)
			dir := t.TempDir()
			line := strings.NewReplacer("FILE", filepath.Join(dir, "f"), "DIR", filepath.Join(dir, "d")).Replace(tt.line)
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			// missing returns what has not been shown yet.
			missing := func() string {
				rest := terminal.all()
				for _, want := range tt.shows {
					at := regexp.MustCompile(`\r` + want + `[^\r]*\x1b\[K\r`).FindStringIndex(rest)
					if at == nil {
						return want
					}
					rest = rest[at[0]:]
				}
				return ""
			}
			go func() { // it need not end by itself
				for ctx.Err() == nil && missing() != "" {
					time.Sleep(5 * time.Millisecond)
				}
				cancel()
			}()
			err := s.Eval(ctx, line)
			if want := missing(); want != "" {
				t.Errorf("%v: no %s in %q", err, want, terminal.all())
			}
		})
	}
}

// TestNoProgress runs a command where nothing is to be shown: with standard error or the
// results going elsewhere, in scripts, on a terminal that can only print.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *Session){
		"standard error elsewhere": func(s *Session) { s.err = io.Discard },
		"a pipe":                   func(s *Session) { s.out = command.NewOutput(io.Discard, false, render.NewStyle(false)) },
		"a script":                 func(s *Session) { s.mode = command.FromFile },
		"a script, standard input": func(s *Session) { s.mode = command.FromStdin },
		"a dumb terminal":          func(s *Session) { s.io.Env = func(string) string { return "dumb" } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, terminal, slow := slowSession(t, 3)
			slow.patience = 5 * time.Millisecond
			change(s)
			if err := s.Eval(context.Background(), "show queue sort=age; show routes; pause envelope from=*"); err != nil {
				t.Error(err)
			}
			if n := terminal.count(); n > 0 {
				t.Errorf("shown %d times: %q", n, terminal.all())
			}
		})
	}
}

// cancelWriter ends a context once it has been written to.
type cancelWriter struct{ cancel context.CancelCauseFunc }

func (w cancelWriter) Write(p []byte) (int, error) {
	w.cancel(&command.SignalError{Sig: 2})
	return len(p), nil
}

// TestInterrupted ends a listing and says how far it got.
func TestInterrupted(t *testing.T) {
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 50_000})
	ctx, cancel := context.WithCancelCause(context.Background())
	opts := command.DefaultOptions()
	opts.Socket = path
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: cancelWriter{cancel}, Err: io.Discard, Env: func(string) string { return "" }})
	defer s.Close()
	err := s.Eval(ctx, "show queue")
	if err == nil || !regexp.MustCompile(`^show queue: interrupted after \d+ envelopes$`).MatchString(err.Error()) || command.Status(err) != 130 {
		t.Errorf("%v, status %d", err, command.Status(err))
	}
	if err := s.Eval(context.Background(), "show status"); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestInterruptedActions interrupts actions before each answer of smtpd, and compares what
// they say they did with what is so.
func TestInterruptedActions(t *testing.T) {
	t.Parallel()
	const all = 12
	said := regexp.MustCompile(`: interrupted, (?:nothing (\w+)|(\d+) (\w+)(?:, (\d+) asked for without an answer)?, (?:(\d+)|the rest) as before)$`)
	for _, tt := range []struct {
		line string
		done func(e smtpdsim.Envelope) bool // to an envelope that is still there
	}{
		{"remove --keep 0 from=*", func(smtpdsim.Envelope) bool { return false }},
		{"remove -y --keep 0 from=*", func(smtpdsim.Envelope) bool { return false }},
		{"remove -y --keep 0 all", func(smtpdsim.Envelope) bool { return false }},
		{"remove from=*", func(smtpdsim.Envelope) bool { return false }},
		{"pause envelope from=*", func(e smtpdsim.Envelope) bool { return e.Flags&protocol.FlagSuspend != 0 }},
		{"pause envelope -y all", func(e smtpdsim.Envelope) bool { return e.Flags&protocol.FlagSuspend != 0 }},
		{"hold from=* for=1h", func(e smtpdsim.Envelope) bool { return e.Flags&protocol.FlagSuspend != 0 }},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			nothing, some := 0, 0
			for at := 0; at < 200; at += fulltest.Of(1, 3) {
				ctx, cancel := context.WithCancelCause(context.Background())
				opts := command.DefaultOptions()
				opts.Spool, opts.Window = t.TempDir(), 1
				answers := 0
				sim, path := simtest.Start(t, smtpdsim.Config{Messages: all, Spool: opts.Spool, Tamper: func() func(int, []byte) []byte {
					return func(_ int, raw []byte) []byte {
						if answers++; answers == at {
							cancel(&command.SignalError{Sig: 2})
							time.Sleep(time.Millisecond)
						}
						return raw
					}
				}})
				opts.Socket = path
				s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
				s.audit.to = func(string) {}
				s.mode, s.demo = command.AtPrompt, true
				s.confirm = func(context.Context, string) bool { return true }
				err := s.Eval(ctx, tt.line)
				s.Close()
				cancel(nil)
				left, changed := 0, 0
				for _, e := range sim.Envelopes() {
					left++
					if tt.done(e) {
						changed++
					}
				}
				sim.Close()
				did := all - left + changed
				if err == nil {
					if did != all {
						t.Errorf("at %d: no error, and %d of %d done", at, did, all)
					}
					if answers < at {
						break // it ends before it is interrupted
					}
					continue
				}
				m := said.FindStringSubmatch(err.Error())
				switch {
				case m == nil:
					t.Errorf("at %d: %q, and %d of %d were done", at, err, did, all)
				case m[1] != "":
					nothing++
					if did != 0 {
						t.Errorf("at %d: %q, and %d were done", at, err, did)
					}
				default:
					some++
					done, _ := strconv.Atoi(m[2])
					open, _ := strconv.Atoi(m[4])
					rest, _ := strconv.Atoi(m[5])
					if did < done || did > done+open || m[5] != "" && rest != all-done-open {
						t.Errorf("at %d: %q, and %d of %d were done", at, err, did, all)
					}
				}
			}
			if nothing == 0 || some == 0 {
				t.Errorf("%d times nothing was done, %d times something", nothing, some)
			}
		})
	}
}
