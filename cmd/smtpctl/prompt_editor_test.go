package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// editBed is a prompt with an editor that is a script for sh, and the folder of temporary
// files that it uses.
func editBed(t *testing.T, size [2]int, script string, options ...string) (sim *smtpdsim.Server, x *terminal, tmp string) {
	t.Helper()
	sim, path := simtest.Start(t, smtpdsim.Config{Messages: 3})
	home, tmp := t.TempDir(), t.TempDir()
	editor := filepath.Join(home, "an editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(home, ".config", "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(home, ".config", "smtpctl", "config"), []byte(plainPrompt), 0o600); err != nil {
		t.Fatal(err)
	}
	x = openTerminalIn(t, home, []string{"XDG_CONFIG_HOME=", "VISUAL='" + editor + "' -x", "EDITOR=false", "TMPDIR=" + tmp, "PAGER=cat"}, append([]string{"--socket", path}, options...)...)
	pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(size[0]), Cols: uint16(size[1])})
	x.expect(promptRE)
	x.edits()
	return sim, x, tmp
}

// nothingLeft checks that no temporary files are left.
func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestPromptEditor edits lines in an editor.
func TestPromptEditor(t *testing.T) {
	t.Parallel()
	for _, size := range editSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			sim, x, tmp := editBed(t, size, `
				stty -a </dev/tty | grep -q ' echo ' && echo COOKED
				stat -c 'MODES %a' "$2" "$(dirname "$2")"
				echo "EDITS $1 $(cat "$2")"
				touch "$2~" "$(dirname "$2")/.swap"
				case $(cat "$2") in
				two*) printf 'show status # why\n\n  show \\\nroutes\r\n' >"$2.new" && mv "$2.new" "$2" ;;
				fail*) exit 3 ;;
				raw*) stty raw -echo </dev/tty; echo 'show status' >"$2" ;;
				quote*) echo "show 'a" >"$2" ;;
				escape*) printf 'show \033[31m\n' >"$2" ;;
				link*) ln -sf /etc/passwd "$2" ;;
				gone*) rm "$2" ;;
				esac
			`)
			edit := func(line, then string) {
				t.Helper()
				x.press(ctrlE, ctrlU, line)
				x.lineIs(size, line)
				x.press(ctrlX + "\x05")
				x.expect(`COOKED\nMODES 600\nMODES 700\nEDITS -x ` + strings.Fields(line)[0] + then)
			}
			edit("two", "")
			x.lineIs(size, "show status; show routes")
			x.press(undoKey)
			x.lineIs(size, "two")
			edit("fail now", `(?s).*exit\s+status\s+3:\s+the\s+line\s+is\s+left\s+as\s+it\s+was.*smtpctl> fail now$`)
			edit("raw", "")
			x.lineIs(size, "show status")
			x.press("\r")
			x.expect(`MDA running(?s).*` + promptRE)
			for line, want := range map[string]string{
				"quote":  `line 1: a quote is open at its end`,
				"escape": `a character that cannot be typed`,
				"link":   `it is a symbolic link, expected`,
				"gone":   `no such file`,
			} {
				edit(line, `(?s).*`+strings.ReplaceAll(want, " ", `\s+`)+`.*smtpctl> `+line+`$`)
			}
			// A line that goes on comes back as one.
			x.press(ctrlU, "show \\\r")
			x.expect(`\(goes on\)> $`)
			x.press("status", ctrlX+"\x05")
			x.expect(`EDITS -x show status`)
			x.lineIs(size, "show status")
			// Passwords go into no file.
			x.press(ctrlU, "encrypt secret1", ctrlX+"\x05")
			x.expect(`may hold a password(?s).*smtpctl> encrypt secret1$`)
			nothingLeft(t, tmp)
			if n := sim.Requests(protocol.TypeRemove); n != 0 {
				t.Error("something was carried out")
			}
			x.press(ctrlU, "exit\r")
			x.ends()
			x.restored()
			if n := strings.Count(x.all(), "EDITS"); n != 8 {
				t.Errorf("edited %d times", n)
			}
		})
	}
}

// TestPromptEditorRefused has options that switch programs off.
func TestPromptEditorRefused(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"--restricted", "--read-only"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			sim, path := simtest.Start(t, smtpdsim.Config{})
			x := openTerminalIn(t, t.TempDir(), []string{"VISUAL=echo EDITS"}, "--socket", path, option)
			x.expect(`smtpctl[^>]*> $`)
			x.press("show status", ctrlX+"\x05")
			x.expect(`Ctrl-X Ctrl-E: switched off by ` + option + `(?s).*> show status$`)
			x.press("\r")
			x.expect(`MDA running`)
			if strings.Contains(x.all(), "EDITS") || sim.Sessions() == 0 {
				t.Errorf("%q", x.all())
			}
		})
	}
}

// TestPromptEditorEnds sends signals while an editor runs: Ctrl-C is for the editor, and
// what ends the prompt ends the editor too, and leaves nothing behind.
func TestPromptEditorEnds(t *testing.T) {
	t.Parallel()
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf %v", deaf), func(t *testing.T) {
			t.Parallel()
			script := `trap 'echo GOT INT' INT`
			if deaf {
				script += "; trap '' TERM"
			}
			_, x, tmp := editBed(t, editSizes[0], script+`
				stty raw -echo isig </dev/tty
				echo EDITS
				while :; do sleep 0.1; done`)
			x.press("show status", ctrlX+"\x05")
			x.expect(`EDITS`)
			x.paste("\x03")
			x.expect(`GOT INT`)
			x.cmd.Process.Signal(syscall.SIGTERM)
			x.ended(128 + int(syscall.SIGTERM))
			nothingLeft(t, tmp)
		})
	}
}
