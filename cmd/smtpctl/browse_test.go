package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// browseSim starts a simulation to be browsed.
func browseSim(t *testing.T, messages int) (start func() *smtpdsim.Server, path string) {
	path = simtest.Socket(t)
	return func() *smtpdsim.Server {
		s, err := smtpdsim.Start(path, smtpdsim.Config{Messages: messages, Seed: 1, Mixed: true, Spool: filepath.Join(filepath.Dir(path), "spool")})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, path
}

// TestBrowse browses in terminals of two sizes, one of which it gets while it runs.
func TestBrowse(t *testing.T) {
	t.Parallel()
	for _, size := range []pty.Winsize{{Rows: 24, Cols: 80}, {Rows: 40, Cols: 120}} {
		start, path := browseSim(t, 300)
		s := start()
		x := openTerminal(t, "--socket", path, "--spool", filepath.Join(filepath.Dir(path), "spool"), "browse")
		x.glassShows(`\d+ envelopes, `)
		x.resize(int(size.Cols), int(size.Rows))
		x.glassShows(`STATE(.*\n)+.*keys`)
		x.keys("ge")
		x.glassShows(`group by: Enter`)
		x.keys("\r")
		x.glassShows(`browse by error`)
		x.glassShows(`\d+ groups, `)
		x.keys("j\r")
		x.glassShows(`browse '?error=.* \d+ envelopes, .*(\n.*)+> `)
		x.keys(" d")
		x.glassShows(`remove: 1 envelope`)
		x.glassShows(`\[y/N\]`)
		x.keys("y\r")
		x.glassShows(`1 envelope removed`)
		x.keys("q")
		x.glassShows(`STATE`)
		x.keys("U")
		x.glassShows(`\[y/N\]|restored`)
		x.keys("y\r")
		x.glassShows(`1 envelope restored`)
		x.keys("q")
		x.glassShows(`STATE`)
		x.keys("\r")
		x.glassShows(`why it is in the queue`)
		x.glassShows(`verdict: `)
		x.glassShows(`its message`)
		x.keys("q")
		x.glassShows(`STATE`)
		x.keys("q")
		x.ended(0)
		if n := s.MostSessions(); n > 1 {
			t.Errorf("%d connections at the same time", n)
		}
		s.Close()
	}
}

// asked are what a program sends to have its terminal answer: that would take a round trip
// before anything else is done.
var asked = regexp.MustCompile("\x1b(\\[[0-9;?>=]*[cn]|\\[\\?[0-9;]*\\$p|\\[[0-9]*(14|18|21)t|\\]1[0-9];\\?|P[+$]q|\\[\\?u)")

// TestBrowseSlowLine browses at the end of a line on which a key and what comes of it take
// 200 ms: nothing waits for an answer of the terminal, one key takes one round trip and
// little text, and keys that were typed ahead are drawn together.
func TestBrowseSlowLine(t *testing.T) {
	t.Parallel()
	const half = 100 * time.Millisecond
	start, path := browseSim(t, 300)
	s := start()
	defer s.Close()
	x := openTerminal(t, "--socket", path, "browse")
	x.glassShows(`\d+ envelopes, `)
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		x.resize(size[0], size[1])
		x.glassShows(fmt.Sprintf(`^(.*\n){%d}.*keys`, size[1]-1))
		length := func() int {
			x.mu.Lock()
			defer x.mu.Unlock()
			return x.text.Len()
		}
		x.keys("?")
		x.glassShows(`keys of browse`)
		x.keys("q")
		x.glassShows(`STATE`)
		for _, key := range []string{"j", "\x1b[6~", "k"} {
			before := length()
			time.Sleep(half) // it is on its way
			x.paste(key)
			for end := time.Now().Add(patience); length() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("no answer to %q", key)
				}
			}
			time.Sleep(half) // and what comes of it
			if n := length() - before; n > 16<<10 {
				t.Errorf("%q takes %d bytes", key, n)
			}
		}
		before := length()
		const ahead = 120
		x.paste(strings.Repeat("j", ahead))
		x.paste("\x1b[H")
		x.glassShows(`\n>`)
		drawn := strings.Count(x.all()[before:], "\x1b[?25l")
		if drawn > ahead/4 {
			t.Errorf("%d keys were drawn %d times", ahead, drawn)
		}
	}
	x.keys("q")
	x.ended(0)
	if q := asked.FindString(x.all()); q != "" {
		t.Errorf("it asks the terminal with %q, and waits for the answer", q)
	}
}

// TestBrowseEnds ends browse in all ways in which it can be ended: the terminal is
// always put back as it was.
func TestBrowseEnds(t *testing.T) {
	t.Parallel()
	start, path := browseSim(t, 20)
	s := start()
	defer s.Close()
	begin := func() *terminal {
		x := openTerminal(t, "--socket", path, "browse")
		x.glassShows(`\d+ envelopes, `)
		return x
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		x := begin()
		x.cmd.Process.Signal(sig)
		x.ended(128 + int(sig))
	}
	x := begin()
	x.keys("d")
	x.glassShows(`\[y/N\]`)
	x.cmd.Process.Signal(syscall.SIGTERM)
	x.ended(128 + int(syscall.SIGTERM))
	x = begin()
	x.keys("\x1a") // nobody could go on with it here, so it does
	x.keys("?")
	x.glassShows(`keys of browse`)
	x.keys("\x03")
	x.ends()
	x.ended(0)
	if all := x.all(); strings.Count(all, "\x1b[?1049h") != strings.Count(all, "\x1b[?1049l") {
		t.Errorf("the screen was not left: %q", tail(all))
	}
}

// TestBrowseAtPrompt browses from the prompt, which goes on after it, and takes back
// what was done there.
func TestBrowseAtPrompt(t *testing.T) {
	t.Parallel()
	start, path := browseSim(t, 20)
	s := start()
	defer s.Close()
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("browse state=pending\r")
	x.glassShows(`\d+ envelopes, `)
	x.keys("p")
	x.glassShows(`\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`1 envelope paused`)
	x.keys("q")
	x.expect(promptRE)
	x.run("show status", "MDA running")
	x.run("undo", "1 envelope resumed")
	x.keys("browse | cat\r")
	x.expect(`needs a terminal`)
	x.keys("exit\r")
	x.ended(2)
}

// browseKeys are what is typed into browse at random. There is no q and no Ctrl-C among
// them.
var browseKeys = []string{
	"j", "k", "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\r", "\r", "\x7f", "\x1b", "g", "ge\r", "gd\r", "s", "sa\r", "S", "r", "\x0c",
	" ", " ", "a", "d", "n", "p", "u", "y\r", "n\r", "\r", "?", "/", "/from=*\r", "/error~^4\r", "/domian=x\r", "\x15\r", "日本", "é", "\xff", "\x1a", "<", ">",
	"\x1b[200~dy\r\x1b[201~", "\x1b[200~", "\x1b[201~", "\x1b[<0;1;1M", "\x1bb", "\x1b[1;5D", "\t", "0", "z", "\x00", "\x1c",
}

// TestBrowseSoak types, pastes and resizes at random while smtpd restarts. In the end
// browse can be left, and the terminal is as it was.
func TestBrowseSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	start, path := browseSim(t, 500)
	s := start()
	defer func() { s.Close() }()
	x := openTerminal(t, "--socket", path, "browse")
	x.glassShows(`envelopes, `)
	x.typeAtRandom(r, *soakTime, browseKeys, &s, start)
	dump := time.AfterFunc(patience/2, func() { x.cmd.Process.Signal(syscall.SIGABRT) })
	defer dump.Stop()
	ended := false
	for range 50 {
		x.paste("\x03")
		select {
		case <-x.done:
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
		if ended {
			break
		}
	}
	if !ended {
		x.ended(0) // says what is on the screen
	}
	// Ctrl-C while Ctrl-Z has given the terminal back is a signal, which ends it.
	const interrupted = 128 + int(syscall.SIGINT)
	st := x.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if code := x.cmd.ProcessState.ExitCode(); code != 0 && code != interrupted && !(st.Signaled() && st.Signal() == syscall.SIGINT) {
		t.Errorf("status %d: %q", code, tail(x.output()))
	}
	x.restored()
	x.traceless()
}
