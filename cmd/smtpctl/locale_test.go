package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// umlauts is mail with text that is not ASCII.
const umlauts = "version: 3\ntype: mta\nsender: jürgen@übel.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\nerrorline: 451 später, a long text that does not fit into the column of the table at all ünd so weiter\nhostname: größe\n"

// TestLocales shows mail that is not ASCII on terminals of several locales: only
// those of UTF-8 get anything else than ASCII.
func TestLocales(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 30})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600, Text: umlauts})
	for i, tt := range []struct {
		name string
		env  []string
		utf8 bool
	}{
		{"UTF-8", []string{"LC_ALL=", "LC_CTYPE=", "LANG=de_DE.UTF-8"}, true},
		{"C", []string{"LC_ALL=C"}, false},
		{"unset", []string{"LC_ALL=", "LC_CTYPE=", "LANG="}, false},
		{"ISO-8859-1", []string{"LC_ALL=", "LC_CTYPE=de_DE.ISO-8859-1", "LANG=de_DE.UTF-8"}, false},
	} {
		for j, command := range []string{
			"show queue", "show queue -j", "show queue -o plain", "show queue by sender", "show queue by error -j", "explain abcd000100000001", "monitor -c 2 -i 0.1",
			"-n remove from=j*", "show message abcd0001", "remove from=jürgen", "wait from=nö for 1s",
		} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			t.Run(tt.name+"/"+command, func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command(program, append([]string{"--socket", path}, strings.Fields(command)...)...)
				x := inTerminal(t, t.TempDir(), tt.env, cmd)
				pty.Setsize(x.pty, &pty.Winsize{Rows: 40, Cols: 120})
				x.ends()
				text := strings.ReplaceAll(x.all(), "\r", "")
				if ascii := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0; ascii != !tt.utf8 && (!ascii || command == "show queue") {
					t.Errorf("ASCII: %v: %q", ascii, text)
				}
				if strings.HasSuffix(command, "-j") {
					for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
						if !json.Valid([]byte(line)) {
							t.Errorf("no JSON: %q", line)
						}
					}
				}
			})
		}
		// Elsewhere than on a terminal the bytes are those of OpenSMTPD's smtpctl.
		cmd := exec.Command(program, "--socket", path, "show", "queue", "from=j*")
		cmd.Env = append(os.Environ(), tt.env...)
		if r := runCommand(t, cmd, ""); !strings.Contains(r.stdout, "|jürgen@übel.example|") {
			t.Errorf("%s: not the bytes of the mail: %v", tt.name, r)
		}
	}
}

// TestDumbTerminals uses terminals that can do nothing but print: no escape is
// written, and no pager is started.
func TestDumbTerminals(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 100})
	for _, env := range [][]string{{"TERM=dumb"}, {"TERM="}} {
		env = append(env, "PAGER=echo a pager ran; cat", "NO_COLOR=")
		x := openTerminalIn(t, t.TempDir(), env, "--socket", path)
		x.expect("> $")
		x.keys("show queue\n")
		x.expect(`(?s)\n[0-9a-f]{16} .*> $`)
		x.keys("exit\n")
		x.ended(0)
		if text := x.all(); strings.Contains(text, "\x1b") || strings.Contains(text, "a pager ran") {
			t.Errorf("%v: %q", env, text)
		}
	}
}
