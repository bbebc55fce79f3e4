package main

import (
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestKeysEndTheLine ends commands that would run on by the keys of a terminal, on the command
// line and at the prompt: what is printed next, such as the shell's prompt, begins a line.
func TestKeysEndTheLine(t *testing.T) {
	t.Parallel()
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 30})
	for _, command := range []struct{ line, shows string }{
		{"monitor", `SERIES +TOTAL(?s).*envelopes +\d+`}, {"watch show queue", `more lines`}, {"watch show status", `SMTP running`},
		{"show queue --follow", `Ctrl-C ends`}, {"wait empty", `envelopes`},
	} {
		for key, status := range map[string]int{"\x03": 130, "\x1c": 131} {
			for _, atPrompt := range []bool{false, true} {
				t.Run(command.line, func(t *testing.T) {
					t.Parallel()
					args := []string{"--socket", socket}
					if !atPrompt {
						args = append(args, strings.Fields(command.line)...)
					}
					x := openTerminal(t, args...)
					if atPrompt {
						x.expect(promptRE)
						x.keys(command.line + "\r")
					}
					x.expect(command.shows)
					time.Sleep(100 * time.Millisecond) // in its first moment a signal ends it at once
					x.keys(key)
					if atPrompt && key == "\x03" {
						x.expect(`\n(.* )?` + promptRE)
						x.keys("exit\r")
						x.ended(status)
						return
					}
					x.ended(status)
					if !strings.HasSuffix(x.all(), "\n") {
						t.Errorf("ended by %q at the prompt %v: %q", key, atPrompt, tail(x.all()))
					}
				})
			}
		}
	}
}

// TestMonitorEndsTheLine ends monitor by its number of lines.
func TestMonitorEndsTheLine(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--demo=20 monitor -c 1", "--demo=20 monitor -c 2 -i 1", "--demo=20 --hosts 2 --host mx1,mx2 monitor -c 2 -i 1", "--demo=20 monitor -c 1 -o json", "--demo=20 monitor -c 1 -o plain"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			x := openTerminal(t, strings.Fields(args)...)
			x.ended(0)
			if text := x.all(); !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\r\n") {
				t.Errorf("%q", tail(text))
			}
		})
	}
}
