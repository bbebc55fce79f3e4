package main

import (
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestPromptAsksAboutTerms presses ? after a term and within a value.
func TestPromptAsksAboutTerms(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 80}, {40, 60}} {
		x := openSized(t, size[0], size[1], "host = none\n", smtpdsim.Config{Messages: 3, Seed: 1})
		x.keys("show queue domain=?")
		x.expect(`domain=GLOB(?s).*domain=example\.com.*smtpctl> show queue domain=`)
		x.keys("?") // once more: itself
		x.keys("?.example\x1b\r")
		x.expect(`show queue domain=\?\?\.example`)
		x.keys("\x15show queue from=a?b@x.example\x1b\r")
		x.expect(`show queue from=a\?b@x\.example`)
		x.keys("\x15show ?")
		x.expect(`hoststats(?s).*smtpctl> show `)
		x.keys("\x15help keys\r")
		x.expect(`Shift-Tab(?s).*Ctrl-R.*` + promptRE)
		for _, line := range strings.Split(escapes.ReplaceAllString(x.all(), ""), "\n") {
			if strings.HasPrefix(line, "  ") && len([]rune(line)) > size[1] && !strings.Contains(line, "smtpctl>") && strings.HasPrefix(line, "  Ctrl") {
				t.Errorf("not wrapped at %d: %q", size[1], line)
			}
		}
	}
}

// TestPromptTranscripts pastes lines as they stand in manuals and terminals.
func TestPromptTranscripts(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Seed: 1})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	for _, line := range []string{"smtpctl show status", "$ smtpctl show status", "root@mx1:~# smtpctl show status", "mx1 smtpctl [mta paused]> show status"} {
		x.paste("\x1b[200~" + line + "\n\x1b[201~")
		x.expect(`MDA running(?s).*` + promptRE)
	}
	x.paste("\x1b[200~# remove all\n\x1b[201~")
	x.run("show status", "MDA running")
	if n := s.Requests(protocol.TypeRemove); n != 0 {
		t.Error("a comment was carried out")
	}
}
