package main

import (
	"flag"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/smtpdsim"
)

var soakTime = flag.Duration("soak", 3*time.Second, "how long to type at random")

// soakKeys are what is typed at random. There is nothing among them that leaves
// the prompt: no q and x, Ctrl-D or Ctrl-\.
var soakKeys = []string{
	"show ", "queue ", "envelope ", "s", "h", "o", "w", "a", "1", "b", "@", "remove ", "status", "pause ", "resume ", "mta ", "all ", "help ",
	" ", "\t", "\t", "\t", "\r", "\r", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[A\x1b[A\x1b[B", "\x1b[Z", "\x12", "\x03", "\x1b", "?",
	"\x01", "\x05", "\x0b", "\x15", "\x17", "\x0c", "\x7f", "\x08", "\x1b[3~", "\x1b[1;5D", "\x1bb", "日本", "é", "'", "\"", ";", "#", "\\",
	"monitor\r", "watch 0.2 show status\r", "en\r", "\x1b[200~show status\nshow routes\n\x1b[201~", "\x1b[200~", "\x1b[201~", "\x1b[<0;1;1M", "\xff",
	"remove abcd\r", "y\r", "show queue\r", "\x1a",
}

// TestPromptSoak types, pastes and resizes at random while smtpd restarts. In
// the end the prompt answers, and the terminal is as it was.
func TestPromptSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
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
	x.typeAtRandom(r, soakKeys, &s, start)
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

// typeAtRandom types, pastes and resizes at random for the time of -soak, while smtpd
// restarts: *s is the one that runs. In the end the terminal has its usual size, and no
// paste is open.
func (x *terminal) typeAtRandom(r *rand.Rand, keys []string, s **smtpdsim.Server, start func() *smtpdsim.Server) {
	x.t.Helper()
	restart := time.Now()
	for end := time.Now().Add(*soakTime); time.Now().Before(end); {
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
