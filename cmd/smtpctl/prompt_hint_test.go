package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// hintBed is a prompt with a history, some settings and an environment.
func hintBed(t *testing.T, size [2]int, settings string, history []string, env ...string) *terminal {
	t.Helper()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Seed: 1})
	home := t.TempDir()
	for name, text := range map[string]string{".config/smtpctl/config": "host = none\n" + settings, ".local/state/smtpctl/history": strings.Join(history, "\n") + "\n"} {
		os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700)
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x := openTerminalIn(t, home, append([]string{"XDG_CONFIG_HOME=", "PAGER=cat"}, env...), "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(size[0]), Cols: uint16(size[1])})
	x.expect(promptRE)
	x.edits()
	return x
}

// grey is how a hint begins on the screen.
const grey = "\x1b7\x1b[0;90;49m"

// TestPromptHints shows how a line went on, where there is room, and takes it.
func TestPromptHints(t *testing.T) {
	t.Parallel()
	history := []string{"show routes", "remove " + strings.Repeat("to=someone@a.example ", 11), "größe 日本語 x", "show status"}
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := hintBed(t, size, "menu = tab\nhighlight = never\n", history, "VISUAL=false")
			for _, tt := range []struct {
				keys []string
				want string
			}{
				{[]string{"sh"}, "show status"},
				{[]string{"sh", right, "x"}, "show statusx"},
				{[]string{"sh", ctrlE, "x"}, "show statusx"},
				{[]string{"sh", "\x1b[F", "x"}, "show statusx"},
				{[]string{"sh", altF}, "show status"},
				{[]string{"sh", altF, "x"}, "showx"},
				{[]string{"sh", altF, altF, " x"}, "show status x"},
				{[]string{"show r"}, "show routes"},
				{[]string{"sh", right, undoKey, left}, "sh"},
				{[]string{"sh", left, right, "x"}, "shx"},
				{[]string{"grö"}, "größe 日 本 語  x"}, // as the screen of the tests has wide characters
				{[]string{"show statusx"}, "show statusx"},
				{[]string{"x show"}, "x show"},
				{[]string{""}, ""},
			} {
				x.press(append([]string{ctrlU, ctrlK, ctrlE, ctrlU}, tt.keys...)...)
				want := strings.ReplaceAll(tt.want, "日 本 語 ", "日本語")
				x.lineIs(size, want)
			}
			// It goes with the line: with Ctrl-C, with Enter, and when the window changes.
			x.press(ctrlE, ctrlU, "show s")
			x.lineIs(size, "show status")
			x.press("\x03")
			x.lineIs(size, "")
			x.press("sh")
			x.lineIs(size, "show status")
			x.press("\r")
			x.expect(`ambiguous|expected|missing|incomplete`)
			x.lineIs(size, "")
			x.press("show s")
			x.lineIs(size, "show status")
			x.press(ctrlX + ctrlE) // the tests have no editor that changes it
			x.expect(`Ctrl-X Ctrl-E`)
			x.press("t", "\x7f")
			x.lineIs(size, "show status")
			x.press(ctrlU, ctrlE, ctrlU)
			// What is too long is cut before the end of the row.
			x.press("rem")
			x.shows(size[0], size[1], "a hint that is cut", func(l []string) bool {
				last := l[len(l)-1]
				return strings.HasPrefix(last, "smtpctl> remove to=") && strings.HasSuffix(last, "...") && len(last) == size[1]-1
			})
			// It stays in the last row of a line that is longer than the screen.
			x.press(ctrlE)
			x.press("\x7f", "\x7f", "\x7f", "\x7f", "\x7f")
			x.lineIs(size, strings.TrimSpace(history[1]))
			x.press("z")
			x.lineIs(size, strings.TrimSuffix(strings.TrimSpace(history[1]), "mple")+"z")
			// There is none while the history is searched, and in a line that goes on.
			x.press(ctrlE, ctrlU, ctrlR, "show s")
			x.shows(size[0], size[1], "a search", func(l []string) bool { return rowWith(l, "(history)> show s") >= 0 })
			if l := x.shows(size[0], size[1], "a search", func(l []string) bool { return true }); rowWith(l, "(history)> show st") >= 0 {
				t.Errorf("a hint in a search:\n%s", strings.Join(l, "\n"))
			}
			x.press("\x1b")
			x.lineIs(size, "show status")
			x.press(ctrlE, ctrlU, "x \\\r", "sh")
			x.shows(size[0], size[1], "a line that goes on", func(l []string) bool { return strings.HasSuffix(l[len(l)-1], "(goes on)> sh") })
		})
	}
}

// TestPromptHintAndMenu has the menu open below the hint: neither paints over the other,
// and what Tab puts into the line takes the place of the hint.
func TestPromptHintAndMenu(t *testing.T) {
	t.Parallel()
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := hintBed(t, size, "", []string{"show routes"})
			x.press("show r")
			l := x.shows(size[0], size[1], "a hint and a menu", func(l []string) bool {
				return rowWith(l, "smtpctl> show routes") >= 0 && rowWith(l, " relays ") >= 0
			})
			if at := rowWith(l, "smtpctl> show routes"); strings.TrimSpace(l[at]) != "smtpctl> show routes" || !strings.Contains(l[at+1], "relays") {
				t.Errorf("%s", strings.Join(l, "\n"))
			}
			x.press("\t")
			x.shows(size[0], size[1], "the suggestion", func(l []string) bool {
				return rowWith(l, "smtpctl> show relays") >= 0 && rowWith(l, "relaysutes") < 0
			})
			x.press("\t")
			x.shows(size[0], size[1], "the next", func(l []string) bool { return rowWith(l, "smtpctl> show routes") >= 0 })
			x.press("\x1b")
			x.shows(size[0], size[1], "no menu", func(l []string) bool { return strings.HasSuffix(l[len(l)-1], "smtpctl> show routes") })
			x.press(right, "\r")
			x.expect(`show routes\n(?s).*` + promptRE)
		})
	}
}

// TestPromptHintOff shows no hint where there are no colours, or a setting says so.
func TestPromptHintOff(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{{"suggestion = never\n", ""}, {"", "NO_COLOR=1"}, {"color = never\n", ""}} {
		t.Run(tt[0]+tt[1], func(t *testing.T) {
			t.Parallel()
			x := hintBed(t, editSizes[0], tt[0]+"menu = tab\n", []string{"show routes"}, "XX=", tt[1])
			x.press("show r")
			x.lineIs(editSizes[0], "show r")
			x.press(right, "x", "\x7f", ctrlE)
			x.lineIs(editSizes[0], "show r")
			if strings.Contains(x.all(), grey) {
				t.Errorf("%q", x.all())
			}
		})
	}
}

// TestPromptColors colours words as they are typed, unless there are no colours or a
// setting says so.
func TestPromptColors(t *testing.T) {
	t.Parallel()
	const red, key, op, value, quote, comment, plain = "\x1b[0;91;49m", "\x1b[0;36;49m", "\x1b[0;35;49m", "\x1b[0;32;49m", "\x1b[0;33;49m", "\x1b[0;90;49m", "\x1b[0;39;49m"
	for _, size := range editSizes {
		for _, tt := range [][2]string{{"", ""}, {"highlight = never\n", ""}, {"", "NO_COLOR=1"}} {
			t.Run(fmt.Sprint(size, tt), func(t *testing.T) {
				t.Parallel()
				off := tt != [2]string{"", ""}
				x := hintBed(t, size, tt[0]+"menu = tab\n", nil, "XX=", tt[1])
				for _, line := range []struct{ text, want string }{
					{"bogus", red + "bogus" + plain},
					{"show st", ""},
					{"show queue from=a", key + "from" + plain + op + "=" + plain + value + "a" + plain},
					{"show queue error~'^5", key + "error" + plain + op + "~" + plain + quote + "'^5" + plain},
					{"show queue # why", comment + "# why" + plain},
					{"show queue zzz=1 to=" + strings.Repeat("a", 50), red + "zzz=1" + plain + " " + key + "to"},
				} {
					x.press(ctrlE, ctrlU)
					x.lineIs(size, "")
					before := len(x.all())
					x.press(line.text)
					x.lineIs(size, line.text)
					got := x.all()[before:]
					if off != !strings.Contains(got, line.want) && line.want != "" {
						t.Errorf("%s: %q", line.text, got)
					}
					if strings.Contains(got, red) != (!off && strings.HasPrefix(line.want, red)) {
						t.Errorf("%s: red in %q", line.text, got)
					}
				}
				x.press(ctrlE, ctrlU, "show \\\r", "bogus")
				if !off {
					x.expectRaw("(goes on)> " + plain + plain + red + "bogus")
				}
				x.press("\x03", "bogus\r") // a line that is done keeps its colours
				if !off {
					x.expectRaw(plain + red + "bogus" + plain + "\n")
				}
			})
		}
	}
}

// expectRaw waits until the program has written something, with all that belongs to it.
func (x *terminal) expectRaw(want string) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(strings.ReplaceAll(x.all(), "\r", ""), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q in %q", want, tail(x.all()))
		}
	}
}
