package main

import (
	"flag"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

var soakTime = flag.Duration("soak", time.Duration(fulltest.Of(3, 1))*time.Second, "how long to type at random")

// soakKeys are what is typed at random. There is nothing among them that leaves
// the prompt: no q and x, Ctrl-D or Ctrl-\.
var soakKeys = []string{
	"show ", "queue ", "envelope ", "s", "h", "o", "w", "a", "1", "b", "@", "remove ", "status", "pause ", "resume ", "mta ", "all ", "help ",
	" ", "\t", "\t", "\t", "\r", "\r", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[A\x1b[A\x1b[B", "\x1b[Z", "\x12", "\x03", "\x1b", "?",
	"\x01", "\x05", "\x0b", "\x15", "\x17", "\x0c", "\x7f", "\x08", "\x1b[3~", "\x1b[1;5D", "\x1bb", "日本", "é", "'", "\"", ";", "#", "\\",
	"monitor\r", "watch 0.2 show status\r", "en\r", "\x1b[200~show status\nshow routes\n\x1b[201~", "\x1b[200~", "\x1b[201~", "\x1b[<0;1;1M", "\xff",
	"remove abcd\r", "y\r", "show queue\r", "\x1a",
	altB, altC, altD, altF, altL, altT, altU, altY, altDot, altBackspace, ctrlK, ctrlP, ctrlN, ctrlT, ctrlY, ctrlY, undoKey, undoKey, ctrlX, ctrlX + ctrlU, ctrlX + "\x05",
}

// TestPromptSoak types, pastes and resizes at random while smtpd restarts. In
// the end the prompt answers, and the terminal is as it was.
func TestPromptSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	path := simtest.Socket(t)
	start := func() *smtpdsim.Server {
		s, err := smtpdsim.Start(path, smtpdsim.Config{Messages: 500, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001})
		return s
	}
	s := start()
	defer func() { s.Close() }()
	x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", path, "--restricted")
	x.expect(promptRE)
	x.typeAtRandom(r, *soakTime, soakKeys, &s, start)
	for range 5 {
		time.Sleep(300 * time.Millisecond)
		x.paste("\x03")
	}
	time.Sleep(500 * time.Millisecond)
	before := x.all()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("before the end: %q\nthen: %q", tail(before), x.all()[len(before):])
		}
	})
	x.skip()
	// Should it not answer, its goroutines say why.
	dump := time.AfterFunc(patience/2, func() { x.cmd.Process.Signal(syscall.SIGABRT) })
	defer dump.Stop()
	x.paste("\x15show status\r")
	x.expect(`MDA (running|paused)`)
	dump.Stop()
	x.paste("exit\r")
	select {
	case <-x.done:
	case <-time.After(patience):
		t.Fatal("still running")
	}
	x.restored()
	x.traceless()
}

// watchKeys are what is typed into watch at random. There is nothing among them that
// leaves it: no q and Q, Ctrl-C, Ctrl-D or Ctrl-\.
var watchKeys = []string{
	"j", "k", "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1bOA", "\x1bOB", "g", "G", "f", "b", " ", " ", "\r", "\t", "\x1b", "\x1b[",
	"x", "?", "日本", "é", "\xff", "\xe6", "\x00", "\x1a", "\x0c", "\x7f", "\x15", "\x12", "\x16", "\x13", "\x11", "\x1b[<0;1;1M", "\x1b[1;5D", "\x1b]0;a\a",
	"\x1b[200~show status\n\x1b[201~", "\x1b[200~", "\x1b[201~", "jjjjjjjj", "\x1b[6~\x1b[6~\x1b[5~",
}

// TestWatchSoak types, pastes and resizes at random while commands of all kinds are
// watched and smtpd restarts. In the end q leaves, and the terminal is as it was.
func TestWatchSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	start, path := browseSim(t, 500)
	s := start()
	defer func() { s.Close() }()
	watched := [][]string{{"show", "queue"}, {"show", "queue", "by", "domain"}, {"show", "queue", "sort=age", "columns=to,error"}, {"explain", "all"}, {"show", "stats"}}
	for _, words := range watched {
		x := openTerminal(t, append([]string{"--socket", path, "watch", "0.1"}, words...)...)
		x.expect(`q ends`)
		x.typeAtRandom(r, *soakTime/time.Duration(len(watched)), watchKeys, &s, start)
		x.paste("\x11") // goes on after Ctrl-S
		dump := time.AfterFunc(patience/2, func() { x.cmd.Process.Signal(syscall.SIGABRT) })
		x.skip()
		x.expect(`every 100ms: ` + strings.Join(words, " ") + `, at .*\n.*q ends`)
		// After a Ctrl-V, an escape or the beginning of a character, q may belong to that.
		for range 20 {
			x.paste("q")
			select {
			case <-x.done:
			case <-time.After(100 * time.Millisecond):
				continue
			}
			break
		}
		x.ended(0)
		dump.Stop()
		x.restored()
		x.traceless()
	}
}

// typeAtRandom types, pastes and resizes at random for a time, while smtpd restarts: *s
// is the one that runs. In the end the terminal has its usual size, and no paste is open.
func (x *terminal) typeAtRandom(r *rand.Rand, long time.Duration, keys []string, s **smtpdsim.Server, start func() *smtpdsim.Server) {
	x.t.Helper()
	restart := time.Now()
	for end := time.Now().Add(long); time.Now().Before(end); {
		switch r.IntN(40) {
		case 0:
			pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(r.IntN(60)), Cols: uint16(r.IntN(200))})
		case 1:
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		default:
			x.paste(keys[r.IntN(len(keys))])
			time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
		}
		if time.Since(restart) > 900*time.Millisecond {
			if n := (*s).MostSessions(); n > 1 {
				x.t.Errorf("%d connections at the same time", n)
			}
			if (*s).Crashed() {
				x.t.Error("smtpd would have exited")
			}
			(*s).Close()
			*s = start()
			restart = time.Now()
		}
		select {
		case <-x.done:
			x.t.Fatalf("the program ended with status %d: %q", x.cmd.ProcessState.ExitCode(), tail(x.output()))
		default:
		}
	}
	pty.Setsize(x.pty, &pty.Winsize{Rows: 24, Cols: 80})
	x.paste("\x1b[201~")
}

// traceless checks that the program has written no trace of its insides.
func (x *terminal) traceless() {
	x.t.Helper()
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine "} {
		if text := x.all(); strings.Contains(text, bad) {
			x.t.Errorf("%s: %q", bad, tail(text))
		}
	}
}

// tail returns the end of a text.
func tail(s string) string { return s[max(0, len(s)-2000):] }
