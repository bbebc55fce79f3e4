package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/cmd/internal/glass"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// openSized starts the prompt in a terminal of some size, with some settings.
func openSized(t *testing.T, rows, cols int, settings string, cfg smtpdsim.Config) *terminal {
	t.Helper()
	_, x := openSizedOn(t, rows, cols, settings, cfg)
	return x
}

// openSizedOn is openSized, and returns the simulated smtpd too.
func openSizedOn(t *testing.T, rows, cols int, settings string, cfg smtpdsim.Config) (*smtpdsim.Server, *terminal) {
	t.Helper()
	sim, path := simtest.Start(t, cfg)
	home := t.TempDir()
	os.MkdirAll(filepath.Join(home, ".config", "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(home, ".config", "smtpctl", "config"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	x := openTerminalIn(t, home, []string{"XDG_CONFIG_HOME=", "PAGER=cat"}, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
	x.expect(promptRE)
	x.edits()
	return sim, x
}

// eachSize runs a test in terminals of 24 rows and 80 columns, and of another size.
func eachSize(t *testing.T, rows, cols int, test func(t *testing.T, rows, cols int)) {
	t.Helper()
	for _, size := range [][2]int{{24, 80}, {rows, cols}} {
		t.Run(fmt.Sprintf("%dx%d", size[1], size[0]), func(t *testing.T) {
			t.Parallel()
			test(t, size[0], size[1])
		})
	}
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
			lines := x.shows(rows, cols, "a menu with a last row", func(l []string) bool {
				return rowWith(l, "smtpctl> show queue") >= 0 && strings.Contains(l[len(l)-1], " more")
			})
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
	if all := x.unfolded(); !strings.Contains(all, `config:4: "menus": unknown setting`) {
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
	eachSize(t, 12, 60, func(t *testing.T, rows, cols int) {
		x := openSized(t, rows, cols, "", smtpdsim.Config{Messages: 3, Seed: 1})
		x.keys("rsmmta\t\r\r")
		x.expect(`mta is not paused|not paused|command succeeded`)
		x.keys("shq\t\r\r")
		x.expect(`STATE`)
	})
}

// TestPromptMenuOffers types what has values to offer, and looks for them in the menu,
// which takes a third of the screen at most.
func TestPromptMenuOffers(t *testing.T) {
	t.Parallel()
	eachSize(t, 40, 120, func(t *testing.T, rows, cols int) {
		sim, x := openSizedOn(t, rows, cols, "host = none\n", smtpdsim.Config{Messages: 60, Seed: 1, Mixed: true})
		for _, test := range []struct {
			typed string
			want  string // in the menu, in this order
		}{
			{"wait stats ", `scheduler\.envelope= +now \d+`},
			{"wait stats upt", `uptime= +now \d{3}\b`}, // of the simulation, which has been running for 600 seconds
			{"show queue | ", `grep +lines that match`},
			{"show queue > ", `\w+_test\.go`},
			{"show queue domain~", `'domain~\w+\\\.\w+' `},
			{"show queue domain=gm", `domain=gmial\.example +\d+ envelopes`},
			{"remove gmi", `[0-9a-f]{16} .*@gmial\.example`},
			{"shq", `show queue `},
			{"rsmmta", `resume mta +resume relaying`},
			{"show queue ", `by (?s).*limit=.*sort=`},
			{"watch ", `explain (?s).*show `},
			{"watch -", `-n +how often`},
			{"watch -n ", `1(?s:.*)60`},
			{"show queue limit=", `limit=10`},
			{"show queue by domain limit=", `limit=10`},
			{"schedule older=0s rate=", `rate=10/1m`},
			{"show log older=0s fr", `from=`},
			{"show routes columns=", `columns=id`},
		} {
			x.keys("\x15" + test.typed)
			want := regexp.MustCompile(`> ` + regexp.QuoteMeta(strings.TrimSpace(test.typed)) + `\n(?s:.*)` + test.want)
			lines := x.shows(rows, cols, "a menu for "+test.typed+" with "+test.want, func(l []string) bool { return want.MatchString(strings.Join(l, "\n")) })
			if menu := len(lines) - 1 - rowWith(lines, "> "+strings.TrimSpace(test.typed)); menu > rows/3 {
				t.Errorf("%d rows of menu on %d:\n%s", menu, rows, strings.Join(lines, "\n"))
			}
		}
		if n := sim.Requests(protocol.TypeRemove); n != 0 {
			t.Error("something was removed")
		}
	})
}

// TestPromptMenuWithholds types commands that cannot succeed: nothing is offered.
func TestPromptMenuWithholds(t *testing.T) {
	t.Parallel()
	eachSize(t, 12, 60, func(t *testing.T, rows, cols int) {
		_, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Seed: 1})
		x := openTerminal(t, "-r", "--socket", path)
		pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
		x.expect(`\[read-only\]> $`)
		x.edits()
		for _, test := range []struct{ typed, offered, not string }{
			{"s", "show", "schedule"},
			{"h", "help", "hold"},
			{"watch ", "explain", "encrypt"},
			{"show status --so", "--socket", "--sort"},
		} {
			x.keys("\x15" + test.typed)
			lines := x.shows(rows, cols, "a menu for "+test.typed, func(l []string) bool {
				at := rowWith(l, "> "+strings.TrimSpace(test.typed))
				return at >= 0 && rowWith(l[at+1:], test.offered) >= 0
			})
			if rowWith(lines, " "+test.not) >= 0 {
				t.Errorf("%s is offered:\n%s", test.not, strings.Join(lines, "\n"))
			}
		}
	})
}

// TestPromptBanner says on one line what this is, and where; the prompt shows in colour
// what is paused, and that nothing can be changed.
func TestPromptBanner(t *testing.T) {
	t.Parallel()
	eachSize(t, 12, 60, func(t *testing.T, rows, cols int) {
		x := openSized(t, rows, cols, "host = full\n", smtpdsim.Config{Messages: 3, Seed: 1})
		host, _ := os.Hostname()
		host = host[:min(len(host), 20)]
		lines := x.shows(rows, cols, "a prompt", func(l []string) bool { return len(l) >= 2 })
		if !strings.HasPrefix(lines[0], "smtpctl ") || !strings.Contains(lines[0], " on "+host) || !strings.Contains(lines[0], "envelope") || !strings.HasSuffix(lines[0], "; ? or help") {
			t.Errorf("%q", lines[0])
		}
		if !strings.HasPrefix(lines[1], host) {
			t.Errorf("%q", lines[1])
		}
		x.keys("pause mta\r")
		x.expect(`\[mta paused\]> $`)
		x.coloured(rows, cols, "[mta paused]")
		_, path := simtest.Start(t, smtpdsim.Config{})
		x = openTerminalIn(t, t.TempDir(), nil, "-r", "--socket", path)
		pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
		x.expect(`\[read-only\]> $`)
		x.coloured(rows, cols, "[read-only]")
	})
}

// coloured checks that the last row with a text shows that in a colour, and the rest of
// the prompt in none.
func (x *terminal) coloured(rows, cols int, text string) {
	x.t.Helper()
	g := x.glass(cols, rows, 0)
	for _, row := range slices.Backward(g.Rows()) {
		at := strings.Index(glass.TextOf(row), text)
		if at < 0 {
			continue
		}
		if row[at].Style == glass.Plain || row[0].Style != glass.Plain {
			x.t.Errorf("%q has the style %+v, the prompt %+v", text, row[at].Style, row[0].Style)
		}
		return
	}
	x.t.Errorf("no %q:\n%s", text, g.Text())
}

// TestPromptSettings has names in its settings, and uses them.
func TestPromptSettings(t *testing.T) {
	t.Parallel()
	eachSize(t, 40, 120, testPromptSettings)
}

func testPromptSettings(t *testing.T, rows, cols int) {
	x := openSized(t, rows, cols, "let odd = from=nobody@nowhere.example state=pending\nalias q = show queue\ncolumns = to,error\nlet bad = x\n", smtpdsim.Config{Messages: 3, Seed: 1})
	if !strings.Contains(x.unfolded(), `config:4: let bad: "x": expected`) {
		t.Errorf("%q", x.all())
	}
	x.run("q", `-> show queue\r?\n *TO +ERROR`)
	x.run("remove @odd", `-> remove from=nobody@nowhere\.example state=pending(?s).*(no|nothing|0) `)
	x.keys("show queue @o")
	x.expect(`@odd`) // the menu is there
	x.keys("\t\r")
	x.expect(`show queue @odd (?s).*-> show queue from=nobody@nowhere\.example(?s).*` + promptRE)
	x.keys("q dom")
	x.expect(`domain=`)
	x.keys("\t\r")
	x.expect(`smtpctl> q domain=`)
}

// sameColors compares the colours of two screens where their texts are the same.
func sameColors(t *testing.T, when string, x, y *terminal, rows, cols int) {
	t.Helper()
	a, b := x.glass(cols, rows, 0), y.glass(cols, rows, 0)
	for i, row := range a.Rows() {
		if text := glass.TextOf(row); text == glass.TextOf(b.Rows()[i]) && !reflect.DeepEqual(row, b.Rows()[i]) {
			t.Errorf("%s: the colours of row %d, %q: %+v, want %+v", when, i, text, row, b.Rows()[i])
		}
	}
}

// TestPromptMenuPutsBack opens the menu at the bottom of a full screen, closes it in all
// ways, and has lines carried out with it open: nothing that was printed is gone, and in
// the end the screen is that of a prompt which has no menu.
func TestPromptMenuPutsBack(t *testing.T) {
	t.Parallel()
	eachSize(t, 12, 60, func(t *testing.T, rows, cols int) {
		cfg := smtpdsim.Config{Messages: 40, Seed: 1}
		x := openSized(t, rows, cols, "host = none\n", cfg)
		plain := openSized(t, rows, cols, "host = none\nmenu = tab\n", cfg)
		prompt := endsWith(`^smtpctl[^>]*>$`)
		// run types a line, with the menu open, and waits for the next prompt.
		run := func(line string, ask string) {
			t.Helper()
			for _, y := range []*terminal{x, plain} {
				y.edits()
				from := len(y.all())
				y.keys(line)
				time.Sleep(50 * time.Millisecond) // for the menu
				y.keys("\r")
				if ask != "" {
					y.shows(rows, cols, ask, endsWith(ask))
					y.paste("y\n")
				}
				y.shows(rows, cols, "the next prompt", func(l []string) bool {
					return len(y.all()) > from && rowWith(l, "smtpctl> "+line) < len(l)-1 && prompt(l)
				})
			}
		}
		same := func(when string) {
			t.Helper()
			want := plain.shows(rows, cols, "a prompt", prompt)
			ages := regexp.MustCompile(` *\b\d+[smhd](\d+[smhd])?\b`)
			var got []string
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				got = x.shows(rows, cols, "a prompt", func([]string) bool { return true })
				if ages.ReplaceAllString(strings.Join(got, "\n"), "AGE") == ages.ReplaceAllString(strings.Join(want, "\n"), "AGE") {
					sameColors(t, when, x, plain, rows, cols)
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s:\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
		run("show queue limit=39", "") // more than fits, with colours
		same("after a screenful")
		for _, key := range []string{"\x1b", "\x15", "\x7f\x7f\x7f\x7f\x7f"} {
			x.edits()
			x.keys("show ")
			x.shows(rows, cols, "a menu", func(l []string) bool { return rowWith(l, " more") >= 0 })
			x.keys(key)
			if key == "\x1b" {
				x.shows(rows, cols, "closed", endsWith(`> show( .*)?$`))
				x.keys("\x15")
			}
			same(fmt.Sprintf("closed by %q", key))
		}
		run("show status", "")
		same("after a line with a menu")
		run("show queue limit=2", "")
		same("after two of them")
		run("show queue from=nobody@x.example # 'why'", "") // with colours
		same("after a line in colours")
		run("# nothing", "")
		run("show routes", "")
		same("after routes")
		run("remove --keep 0 from=*", `remove them\? \[y/N\]$`)
		same("after a question")
		x.keys("show ")
		x.shows(rows, cols, "a menu", func(l []string) bool { return rowWith(l, "content of an envelope") >= 0 && rowWith(l, " more") >= 0 })
		x.keys("\x03")
		plain.keys("show z")
		plain.shows(rows, cols, "the line", endsWith(`> show z$`))
		plain.keys("\x7f")
		time.Sleep(300 * time.Millisecond) // else Ctrl-C drops the key
		plain.keys("\x03")
		same("after Ctrl-C")
		run("show queue domain="+strings.Repeat("a", cols), "") // of which nothing is known then
		run("show queue domain="+strings.Repeat("a", 10), "")
	})
}
