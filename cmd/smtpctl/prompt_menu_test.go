package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// openSized starts the prompt in a terminal of some size, with some settings.
func openSized(t *testing.T, rows, cols int, settings string, cfg smtpdsim.Config) *terminal {
	t.Helper()
	_, path := simtest.Start(t, cfg)
	home := t.TempDir()
	os.MkdirAll(filepath.Join(home, ".config", "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(home, ".config", "smtpctl", "config"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	x := openTerminalIn(t, home, []string{"XDG_CONFIG_HOME="}, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
	x.expect(promptRE)
	x.edits()
	return x
}

// rowWith returns the number of the row that holds a text, or -1.
func rowWith(lines []string, text string) int {
	return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
}

// TestPromptMenuFits opens the menu where there is room and where there is none: it
// takes a third of the screen, says how many more there are, and leaves the line alone.
func TestPromptMenuFits(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 80}, {12, 60}} {
		rows, cols := size[0], size[1]
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := openSized(t, rows, cols, "host = none\n", smtpdsim.Config{Messages: 50, Seed: 1})
			x.keys("show queue ")
			lines := x.shows(rows, cols, "a menu with a last row", func(l []string) bool { return len(l) > 2 && strings.Contains(l[len(l)-1], " more") })
			if menu := len(lines) - 1 - rowWith(lines, "smtpctl> show queue"); menu != rows/3 {
				t.Errorf("%d rows of menu on %d:\n%s", menu, rows, strings.Join(lines, "\n"))
			}
			// Down and Up go into it, Escape out of it, without a trace.
			x.arrows("BBBA")
			x.shows(rows, cols, "the second", func(l []string) bool { return rowWith(l, "show queue limit=") >= 0 })
			x.keys("\x1b")
			x.shows(rows, cols, "closed", func(l []string) bool { return strings.HasSuffix(l[len(l)-1], "smtpctl> show queue") })
			// A line that goes on on the next row stays whole.
			long := "domain=" + strings.Repeat("a", cols-10)
			x.keys(long + " \x01")
			x.arrows("CCCCC")
			x.keys("\t")
			lines = x.shows(rows, cols, "the line and a menu", func(l []string) bool {
				return rowWith(l, "smtpctl> show envelopequeue domain=") >= 0 && rowWith(l, "the content of an envelope") >= 0
			})
			at := rowWith(lines, "smtpctl> show envelopequeue")
			if got := strings.TrimSpace(lines[at] + lines[at+1]); !strings.HasSuffix(got, long) {
				t.Errorf("the line is %q in\n%s", got, strings.Join(lines, "\n"))
			}
		})
	}
}

// arrows presses arrow keys: A up, B down, C right, D left. The bytes of a key come
// together, as from a terminal.
func (x *terminal) arrows(keys string) {
	x.t.Helper()
	for _, k := range keys {
		x.paste("\x1b[" + string(k))
		time.Sleep(20 * time.Millisecond)
	}
}

// TestPromptMenuScrolls opens the menu at the bottom of the screen: the lines above are
// moved, not painted over.
func TestPromptMenuScrolls(t *testing.T) {
	t.Parallel()
	x := openSized(t, 24, 80, "host = none\n", smtpdsim.Config{Messages: 3, Seed: 1})
	for i := range 12 {
		x.edits() // else the terminal itself would show what is typed
		x.keys(fmt.Sprintf("# line %d\r", i))
		x.shows(24, 80, "the next prompt", func(l []string) bool {
			return len(l) > 1 && strings.HasSuffix(l[len(l)-2], fmt.Sprintf("# line %d", i)) && strings.HasSuffix(l[len(l)-1], "smtpctl>")
		})
	}
	x.edits()
	x.keys("show ")
	x.shows(24, 80, "a menu", func(l []string) bool { return rowWith(l, " more") >= 0 })
	x.keys("\x1b")
	lines := x.shows(24, 80, "closed", func(l []string) bool { return strings.HasSuffix(l[len(l)-1], "smtpctl> show") })
	for i := range 5 {
		if want := fmt.Sprintf("smtpctl> # line %d", 11-i); lines[len(lines)-2-i] != want {
			t.Errorf("row %d is %q, want %q", i, lines[len(lines)-2-i], want)
		}
	}
}

// TestPromptMenuOnTab has a setting that opens the menu on Tab only.
func TestPromptMenuOnTab(t *testing.T) {
	t.Parallel()
	x := openSized(t, 24, 80, "# mine\nmenu = tab\nhost = full\nmenus = 1\n", smtpdsim.Config{Messages: 3, Seed: 1})
	if all := x.all(); !strings.Contains(all, `config:4: "menus": unknown setting`) {
		t.Errorf("%q", all)
	}
	x.keys("show st")
	x.shows(24, 80, "a line without a menu", func(l []string) bool { return strings.HasSuffix(l[len(l)-1], "smtpctl> show st") })
	x.keys("\t")
	x.shows(24, 80, "a menu", func(l []string) bool { return rowWith(l, "show smtpd's statistics") > 0 })
	x.keys("\t\t\r\r")
	x.expect(`MDA running`)
	// What is alone is taken at once.
	x.keys("show hostst\t\r")
	x.expect(`show hoststats (?s).*` + promptRE)
}

// TestPromptPhrases finds commands by letters of their words.
func TestPromptPhrases(t *testing.T) {
	t.Parallel()
	x := openSized(t, 24, 80, "", smtpdsim.Config{Messages: 3, Seed: 1})
	x.keys("rsmmta\t\r\r")
	x.expect(`mta is not paused|not paused|command succeeded`)
	x.keys("shq\t\r\r")
	x.expect(`STATE`)
}

// TestPromptBanner says what this is, and where.
func TestPromptBanner(t *testing.T) {
	t.Parallel()
	x := openSized(t, 24, 80, "host = full\n", smtpdsim.Config{Messages: 3, Seed: 1})
	host, _ := os.Hostname()
	lines := x.shows(24, 80, "a prompt", func(l []string) bool { return len(l) >= 2 })
	if !strings.HasPrefix(lines[0], "smtpctl ") || !strings.Contains(lines[0], " on "+host[:min(len(host), 20)]) || !strings.Contains(lines[0], "envelope") || !strings.HasSuffix(lines[0], "; ? or help") {
		t.Errorf("%q", lines[0])
	}
}

// TestPromptSettings has names in its settings, and uses them.
func TestPromptSettings(t *testing.T) {
	t.Parallel()
	x := openSized(t, 24, 80, "let odd = from=nobody@nowhere.example state=pending\nalias q = show queue\ncolumns = to,error\nlet bad = x\n", smtpdsim.Config{Messages: 3, Seed: 1})
	if !strings.Contains(x.all(), `config:4: let bad: "x": want`) {
		t.Errorf("%q", x.all())
	}
	x.run("q", `-> show queue\r?\n *TO +ERROR`)
	x.run("remove @odd", `-> remove from=nobody@nowhere\.example state=pending(?s).*(no|nothing|0) `)
	x.keys("show queue @o")
	x.expect(`@odd`) // the menu is there
	x.keys("\t\r")
	x.expect(`show queue @odd `)
	x.run("", `-> show queue from=nobody@nowhere\.example`)
	x.keys("q dom")
	x.expect(`domain=`)
	x.keys("\t\r")
	x.expect(`smtpctl> q domain=`)
}
