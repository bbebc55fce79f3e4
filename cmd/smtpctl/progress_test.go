package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// A gate lets the answers of a simulated smtpd pass, or holds all but a few of them up.
type gate struct {
	mu   sync.Mutex
	cond *sync.Cond
	shut bool
	free int // answers that pass although it is shut
}

func newGate() *gate {
	g := &gate{}
	g.cond = sync.NewCond(&g.mu)
	return g
}

// config returns a configuration of a smtpd behind the gate.
func (g *gate) config(messages int) smtpdsim.Config {
	return smtpdsim.Config{Messages: messages, Seed: 1, Tamper: func() func(int, []byte) []byte {
		return func(_ int, raw []byte) []byte {
			g.mu.Lock()
			defer g.mu.Unlock()
			for g.shut && g.free == 0 {
				g.cond.Wait()
			}
			g.free = max(0, g.free-1)
			return raw
		}
	}}
}

// set shuts the gate behind so many answers, or opens it.
func (g *gate) set(shut bool, free int) {
	g.mu.Lock()
	g.shut, g.free = shut, free
	g.mu.Unlock()
	g.cond.Broadcast()
}

// sizes are those of terminals that tests of progress are on.
var sizes = [][2]int{{24, 80}, {12, 40}}

// endsWith reports whether the last row of a screen matches.
func endsWith(pattern string) func([]string) bool {
	re := regexp.MustCompile(pattern)
	return func(l []string) bool { return len(l) > 0 && re.MatchString(l[len(l)-1]) }
}

// TestPromptProgress has smtpd stop in the midst of commands of all kinds: the last row says
// how far they have got, and nothing of it is left when they go on.
func TestPromptProgress(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		for line, want := range map[string]string{
			"show queue sort=age":      `^looked at \d+ of 60, .*(for|stalled|left)`,
			"show queue from=x@y.z":    `^looked at \d+ of 60, .*(for|stalled|left)`,
			"show queue by domain":     `^looked at \d+ of 60, .*(for|stalled|left)`,
			"show queue > /dev/null":   `^looked at \d+ of 60, .*(for|stalled|left)`,
			"show routes":              `^(show routes: working|lines read:)`,
			"show stats":               `^show stats: working, for \ds`,
			"pause envelope -y from=*": `^looked at \d+ of 60, .*(for|stalled|left)`,
			"wait from=x@y.z for 9m":   `^wait: (waiting|no envelope is selected), gives up in \dm\d+s`,
		} {
			t.Run(fmt.Sprint(size, line), func(t *testing.T) {
				t.Parallel()
				rows, cols := size[0], size[1]
				g := newGate()
				_, x := openSizedOn(t, rows, cols, "host = none\nmenu = tab\n", g.config(60))
				x.run("show status", "running")
				g.set(true, 3)
				x.edits()
				x.paste(line + "\r")
				l := x.shows(rows, cols, want, endsWith(want))
				if n := len([]rune(l[len(l)-1])); n >= cols {
					t.Errorf("%d columns of %d", n, cols)
				}
				g.set(false, 0)
				if strings.HasPrefix(line, "wait from") {
					x.keys("\x03")
				}
				l = x.shows(rows, cols, "the prompt", endsWith(`^smtpctl>$`))
				for _, row := range l {
					if strings.Contains(row, " of 60,") || strings.Contains(row, "working") || strings.Contains(row, "gives up") {
						t.Errorf("left of it: %q in\n%s", row, strings.Join(l, "\n"))
					}
				}
			})
		}
	}
}

// TestPromptProgressAsks has a question wait after smtpd was slow: nothing is shown over the
// question, and its time counts for nothing.
func TestPromptProgressAsks(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			rows, cols := size[0], size[1]
			g := newGate()
			sim, x := openSizedOn(t, rows, cols, "host = none\nmenu = tab\n", g.config(60))
			g.set(true, 3)
			x.edits()
			x.paste("remove --keep 0 from=*\r")
			x.shows(rows, cols, "how many were looked at", endsWith(`^looked at \d+ of 60`))
			g.set(false, 0)
			x.shows(rows, cols, "the question", endsWith(`remove them\? \[y/N\]$`))
			g.set(true, 5)
			before := len(x.all())
			x.shows(rows, cols, "only the question", func(l []string) bool { return len(x.all()) == before && endsWith(`remove them\? \[y/N\]$`)(l) })
			x.paste("y\n")
			l := x.shows(rows, cols, "how many were removed", endsWith(`^(looked at|removed) `))
			if last := l[len(l)-1]; strings.Contains(last, "for 9") {
				t.Errorf("the question counts: %q", last)
			}
			x.keys("\x03")
			g.set(false, 0)
			x.shows(rows, cols, "the prompt", endsWith(`^smtpctl>$`))
			m := x.expect(`interrupted, (nothing removed|(\d+) removed(, (\d+) asked for without an answer)?, \d+ as before)|(60) envelopes removed`)
			if left := len(sim.Envelopes()); m[2]+m[5] == "" && left != 60 || m[5] != "" && left != 0 {
				t.Errorf("%q, and %d are left", m[0], left)
			}
		})
	}
}

// TestProgressElsewhere runs commands one-shot on a terminal with a slow smtpd, in which
// case they show how far they have got, and with their results or messages going into a
// pipe, or from a script, where they do not.
func TestProgressElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shell string
		shows bool
	}{
		"one-shot":       {`"$0" --socket "$1" show queue sort=age`, true},
		"to a file":      {`"$0" --socket "$1" show queue sort=age >/dev/null`, true},
		"to a pipe":      {`"$0" --socket "$1" show queue sort=age | cat`, false},
		"an action":      {`"$0" --socket "$1" pause envelope from='*'`, true},
		"action, pipe":   {`"$0" --socket "$1" pause envelope from='*' | cat`, false},
		"errors, pipe":   {`"$0" --socket "$1" show queue sort=age 2>&1 >/dev/null | cat`, false},
		"a script":       {`echo show queue sort=age | "$0" --socket "$1"`, false},
		"a file":         {`echo show queue sort=age >"$2"/f; "$0" --socket "$1" -f "$2"/f`, false},
		"can only print": {`TERM=dumb "$0" --socket "$1" show queue sort=age`, false},
		"the background": {`set -m; "$0" --socket "$1" show queue sort=age & wait`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			g.set(true, 3)
			sim, path := simtest.Start(t, g.config(60))
			x := inTerminal(t, t.TempDir(), nil, exec.Command("bash", "-c", tt.shell, program, path, t.TempDir()))
			pty.Setsize(x.pty, &pty.Winsize{Rows: 12, Cols: 40})
			if tt.shows {
				x.expect(`looked at \d+ of 60`)
				g.set(false, 0)
			} else {
				for deadline := time.Now().Add(patience); len(sim.Types()) == 0 && time.Now().Before(deadline); {
					time.Sleep(5 * time.Millisecond)
				}
				time.Sleep(1500 * time.Millisecond) // longer than it takes to show anything
				g.set(false, 0)
			}
			x.ends()
			if !tt.shows && strings.Contains(x.all(), "looked at") {
				t.Errorf("%q", x.all())
			}
		})
	}
}

// TestWatchCounts watches a smtpd that does not answer at first: the screen says for how
// long, then when it asks again. The seconds are given as procps' watch takes them.
func TestWatchCounts(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 80}, {12, 60}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			rows, cols := size[0], size[1]
			g := newGate()
			_, x := openSizedOn(t, rows, cols, "host = none\nmenu = tab\n", g.config(5))
			x.run("show status", "running")
			g.set(true, 0)
			x.edits()
			x.paste("watch -n 30 show queue\r")
			x.shows(rows, cols, "how long it has been running", func(l []string) bool {
				return len(l) > 1 && regexp.MustCompile(`^every 30s: show queue, running for \ds$`).MatchString(l[0]) && strings.HasPrefix(l[1], "nothing yet; q ends")
			})
			g.set(false, 0)
			x.shows(rows, cols, "when it asks again", func(l []string) bool {
				return len(l) > 5 && regexp.MustCompile(`^every 30s: show queue, at [\d:]{8}, next in 2\ds, 5 en`).MatchString(l[0]) && strings.HasPrefix(l[2], "  ID")
			})
			x.keys("q")
			x.shows(rows, cols, "the prompt", endsWith(`^smtpctl>$`))
		})
	}
}

// TestPromptOffersWhatCan changes the state of smtpd behind the back of the prompt: the menu
// offers what can succeed then.
func TestPromptOffersWhatCan(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 80}, {12, 60}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			rows, cols := size[0], size[1]
			sim, x := openSizedOn(t, rows, cols, "host = none\n", smtpdsim.Config{Messages: 5, Seed: 1})
			offers := func(has, not string) func([]string) bool {
				return func(l []string) bool {
					menu := strings.Join(l[max(0, rowWith(l, "smtpctl> "))+1:], "\n")
					return regexp.MustCompile(has).MatchString(menu) && (not == "" || !regexp.MustCompile(not).MatchString(menu))
				}
			}
			x.keys("resume ")
			x.shows(rows, cols, "no part of smtpd", offers(`(?m)^ +envelope `, `(?m)^ +(mda|mta|smtp) `))
			ctx := context.Background()
			conn, err := protocol.Dial(ctx, sim.Path(), protocol.Options{Timeout: patience})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.Pause(ctx, protocol.MTA); err != nil {
				t.Fatal(err)
			}
			x.live("m")
			x.shows(rows, cols, "the mta", offers(`(?m)^ +mta `, `(?m)^ +(mda|smtp) `))
			if err := conn.Resume(ctx, protocol.MTA); err != nil {
				t.Fatal(err)
			}
			x.live("m")
			x.shows(rows, cols, "not the mta", offers(``, `(?m)^ +mta `))
			// undo is there once there is something to undo.
			x.keys("\x15und")
			x.shows(rows, cols, "no undo", offers(``, `undo`))
			x.keys("\x15pause mda\r")
			x.shows(rows, cols, "done", func(l []string) bool { return endsWith(`mda paused\]> *$`)(l) })
			x.edits()
			x.keys("und")
			x.shows(rows, cols, "undo", offers(`(?m)^ +undo `, ``))
		})
	}
}

// live types a letter and takes it back, until what was known of smtpd is old.
func (x *terminal) live(letter string) {
	x.t.Helper()
	for range 5 {
		x.keys(letter)
		time.Sleep(500 * time.Millisecond)
		x.keys("\x7f")
	}
}
