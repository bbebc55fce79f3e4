package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// editSizes are the rows and columns that lines are edited on.
var editSizes = [][2]int{{24, 80}, {12, 44}}

// plainPrompt are settings for a prompt with nothing but the line.
const plainPrompt = "host = none\nmenu = tab\nsuggestion = never\nhighlight = never\n"

// press types keys, the bytes of each at once, as a terminal sends them.
func (x *terminal) press(keys ...string) {
	x.t.Helper()
	x.edits()
	for _, k := range keys {
		x.paste(k)
		time.Sleep(10 * time.Millisecond)
	}
}

// Keys as terminals send them.
const (
	altB, altC, altD, altF, altL = "\x1bb", "\x1bc", "\x1bd", "\x1bf", "\x1bl"
	altT, altU, altY, altDot     = "\x1bt", "\x1bu", "\x1by", "\x1b."
	altBackspace                 = "\x1b\x7f"
	ctrlA, ctrlE, ctrlK, ctrlP   = "\x01", "\x05", "\x0b", "\x10"
	ctrlT, ctrlU, ctrlW, ctrlY   = "\x14", "\x15", "\x17", "\x19"
	ctrlN, ctrlR, ctrlX, undoKey = "\x0e", "\x12", "\x18", "\x1f"
	up, down, right, left        = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
)

// lineIs waits until the last row of the screen is the prompt with a line.
func (x *terminal) lineIs(size [2]int, line string) {
	x.t.Helper()
	x.shows(size[0], size[1], fmt.Sprintf("the line %q", line), func(l []string) bool {
		at := -1
		for i, row := range l {
			if strings.HasPrefix(row, "smtpctl> ") || row == "smtpctl>" {
				at = i
			}
		}
		return at >= 0 && strings.TrimRight(strings.Join(l[at:], ""), " ") == strings.TrimRight("smtpctl> "+line, " ")
	})
}

// TestPromptEdits kills, yanks, undoes and exchanges as readline does.
func TestPromptEdits(t *testing.T) {
	t.Parallel()
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := openSized(t, size[0], size[1], plainPrompt, smtpdsim.Config{Messages: 3, Seed: 1})
			for _, tt := range []struct {
				keys []string
				want string
			}{
				{[]string{"show queue from=a@b.example", ctrlW, ctrlW, ctrlY}, "show queue from=a@b.example"},
				{[]string{"one two three", altBackspace, "x", altBackspace, altBackspace, ctrlY, altY}, "one three"},
				{[]string{"one two", ctrlA, altD, altD, "x ", ctrlY}, "x one two"},
				{[]string{"one two", altB, ctrlK, ctrlA, ctrlY}, "twoone"},
				{[]string{"show queue", altF, altB, altB, "y"}, "yshow queue"},
				{[]string{"größe 日本", altBackspace, altBackspace, "é", ctrlY}, "égröße 日本"},
				{[]string{"word", undoKey, "other", ctrlX, ctrlU, "third", ctrlU, undoKey}, "third"},
				{[]string{"shwo", ctrlT, " quuee", left, left, ctrlT}, "show queue"},
				{[]string{"queue show", altT, ctrlA, altU, altC}, "SHOW Queue"},
				{[]string{"SHOW QUEUE", altB, altL, ctrlA, altF, left, altL}, "SHOw queue"},
				{[]string{"日本語 abc", ctrlA, right, ctrlT, ctrlE, altBackspace}, "本日語"},
			} {
				x.press(append([]string{ctrlE, ctrlU}, tt.keys...)...)
				x.lineIs(size, tt.want)
			}
			// A line that is longer than the screen.
			long := "show queue " + strings.Repeat("domain=example.com ", 6)
			x.press(ctrlE, ctrlU, long, ctrlU, ctrlY, ctrlW, undoKey)
			x.lineIs(size, long)
			x.press(ctrlU, "show status\r")
			x.expect(`MDA running`)
		})
	}
}

// TestPromptHistoryKeys goes through the history by what was typed, takes the last words
// of its lines, and searches it by letters.
func TestPromptHistoryKeys(t *testing.T) {
	t.Parallel()
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := openSized(t, size[0], size[1], plainPrompt, smtpdsim.Config{Messages: 3, Seed: 1})
			for _, line := range []string{"show status", "log brief", "show routes", "# 'last word'"} {
				x.press(line + "\r")
				x.expect("(?s)" + line + ".*" + promptRE)
			}
			for _, tt := range []struct {
				keys []string
				want string
			}{
				{[]string{up, up}, "show routes"},
				{[]string{up, up, up, up, up, up}, "show status"},
				{[]string{"sh", up}, "show routes"},
				{[]string{"sh", up, up}, "show status"},
				{[]string{"sh", up, up, up, up}, "show status"},
				{[]string{"sh", up, up, down, down, down}, "sh"},
				{[]string{"show s", ctrlP}, "show status"},
				{[]string{"sh", ctrlP, ctrlP, ctrlN}, "show routes"},
				{[]string{"sh", up, undoKey}, "sh"},
				{[]string{"log", up, "x", up}, "log briefx"},
				{[]string{"x ", altDot}, "x routes"},
				{[]string{"x ", altDot, altDot, altDot}, "x status"},
				{[]string{ctrlR, "shst", "\r"}, "show status"},
				{[]string{ctrlR, "bri", "\r"}, "log brief"},
			} {
				x.press(append([]string{ctrlE, ctrlU}, tt.keys...)...)
				x.lineIs(size, tt.want)
			}
		})
	}
}

// TestPromptHistoryOfTwo types at two prompts of a user: a line of one is there at the
// next Up of the other, and what may be a password is not.
func TestPromptHistoryOfTwo(t *testing.T) {
	t.Parallel()
	size := [2]int{24, 80}
	x := openSized(t, size[0], size[1], plainPrompt, smtpdsim.Config{})
	home := ""
	for _, v := range x.cmd.Env {
		if h, ok := strings.CutPrefix(v, "HOME="); ok {
			home = h
		}
	}
	y := openTerminalIn(t, home, []string{"XDG_CONFIG_HOME="}, "--socket", x.cmd.Args[2])
	y.expect(promptRE)
	x.press("show routes\r")
	x.expect("(?s)routes.*" + promptRE)
	y.press(up)
	y.lineIs(size, "show routes")
	y.press(ctrlU, "encrypt secret1\r")
	y.expect("(?s)secret1.*" + promptRE)
	y.press(" show hosts\r")
	y.expect("(?s)hosts.*" + promptRE)
	y.press("show hoststats\r")
	y.expect("(?s)hoststats.*" + promptRE)
	x.press(up)
	x.lineIs(size, "show hoststats")
	x.press(up)
	x.lineIs(size, "show routes")
	// Also where the last keys were in the history, of a line that was dropped.
	x.press(down, down)
	x.lineIs(size, "")
	x.press("\x03")
	x.lineIs(size, "")
	y.press("show hosts\r")
	y.expect("(?s)hosts.*" + promptRE)
	x.press(up)
	x.lineIs(size, "show hosts")
	b, err := os.ReadFile(filepath.Join(home, ".local/state/smtpctl/history"))
	if err != nil || string(b) != "show routes\nshow hoststats\nshow hosts\n" {
		t.Errorf("%q, %v", b, err)
	}
	// A file that somebody has cut short, and put an escape into, hurts nobody.
	os.WriteFile(filepath.Join(home, ".local/state/smtpctl/history"), []byte("\x1b\nshow relays\nha"), 0o600)
	x.press(ctrlU, up)
	x.lineIs(size, "show relays")
	x.press(up, up)
	x.lineIs(size, "show relays")
}

// TestPromptGoesOn types lines that go on in the next one.
func TestPromptGoesOn(t *testing.T) {
	t.Parallel()
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			sim, x := openSizedOn(t, size[0], size[1], plainPrompt, smtpdsim.Config{Messages: 3, Seed: 1})
			x.press("show \\\r")
			x.expect(`\(goes on\)> $`)
			x.press("status\r")
			x.expect(`MDA running(?s).*` + promptRE)
			x.press(up)
			x.lineIs(size, "show status")
			x.press(ctrlU, "remove from='a@b\r")
			x.expect(`\(quote open\)> $`)
			x.press("*' all \\\r")
			x.expect(`\(goes on\)> $`)
			x.press("\x03")
			x.expect(`\n` + promptRE)
			x.run("show status", `MDA running`)
			x.press("remove 'all\r")
			x.expect(`\(quote open\)> $`)
			x.press("\x04") // which leaves only where there is nothing
			x.expect(promptRE)
			x.paste("\x1b[200~show status | awk '/MDA/ {\n print \"<\" $0 \">\"\n}'\n\x1b[201~")
			x.expect(`<MDA running>(?s).*` + promptRE)
			x.press(up)
			x.lineIs(size, "show status") // what holds the end of a line is not kept
			x.press(ctrlU, "show sta\\\r")
			x.expect(`\(goes on\)> $`)
			x.press("\t", "t\t")
			x.expect(`\(goes on\)> t`)
			x.press("us?")
			x.expect(`show what is running(?s).*\(goes on\)> tus`)
			x.press(ctrlW, "tus\r")
			x.expect(`MDA running(?s).*` + promptRE)
			if n := sim.Requests(protocol.TypeRemove); n != 0 {
				t.Errorf("%d removed", n)
			}
		})
	}
}

// TestPromptGoesOnDumb is TestPromptGoesOn on a terminal that can only print.
func TestPromptGoesOnDumb(t *testing.T) {
	t.Parallel()
	sim, path := simtest.Start(t, smtpdsim.Config{Messages: 3})
	x := openTerminalIn(t, t.TempDir(), []string{"TERM=dumb"}, "--socket", path)
	x.expect(promptRE)
	x.paste("show \\\n")
	x.expect(`\(goes on\)> $`)
	x.paste("status\n")
	x.expect(`MDA running(?s).*` + promptRE)
	x.paste("remove 'al\n")
	x.expect(`\(quote open\)> $`)
	x.paste("l'\x03")
	x.expect(promptRE)
	x.paste("show status\n")
	x.expect(`MDA running(?s).*` + promptRE)
	x.paste("remove 'al\n")
	x.expect(`\(quote open\)> $`)
	x.paste("\x04")
	x.expect(promptRE)
	x.paste("\x04")
	x.ended(0)
	if n := sim.Requests(protocol.TypeRemove); n != 0 {
		t.Errorf("%d removed", n)
	}
}
