package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
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
		x.keys("\x15domain=?") // before there is a command
		x.expect(`domain=GLOB(?s).*smtpctl> domain=`)
		x.keys("\x15show qx?")
		x.expect(`nothing that can\s+come here begins with "qx"(?s).*smtpctl> show qx`)
		x.keys("\x15show ?")
		x.expect(`has suspended(?s).*what is paused\s+smtpctl> show `) // the menu has no whole text
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
	eachSize(t, 12, 50, func(t *testing.T, rows, cols int) {
		s, x := openSizedOn(t, rows, cols, "", smtpdsim.Config{Messages: 3, Seed: 1})
		for _, line := range []string{"smtpctl show status", "$ smtpctl show status", "root@mx1:~# smtpctl show status", "mx1 smtpctl [mta paused]> show status"} {
			x.paste("\x1b[200~" + line + "\n\x1b[201~")
			x.expect(`MDA running(?s).*` + promptRE)
		}
		x.paste("\x1b[200~# remove all\n\x1b[201~")
		x.run("show status", "MDA running")
		if n := s.Requests(protocol.TypeRemove); n != 0 {
			t.Error("a comment was carried out")
		}
	})
}

// TestPromptExplains explains an envelope: prose goes on below itself, no word is broken,
// and the command that would help is one that works where it is read.
func TestPromptExplains(t *testing.T) {
	t.Parallel()
	eachSize(t, 40, 60, func(t *testing.T, rows, cols int) {
		s, x := openSizedOn(t, rows, cols, "host = none\n", smtpdsim.Config{})
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600, Text: strings.Replace(tableMail, "greylisted", strings.Repeat("greylisted by our policy, ", 5), 1)})
		x.keys("explain abcd000100000001\r")
		x.expect(`do: (?s).*` + promptRE)
		lines := x.shows(rows, cols, "the verdict", func(l []string) bool { return rowWith(l, "do:  ") > 0 })
		first, last := rowWith(lines, "envelope: "), rowWith(lines, "do:  ")
		words := strings.Fields(strings.Join(lines[first:last], " "))
		for _, want := range []string{"newsletter@mail.example.com", "recipient@example.org", "greylisted", "policy,"} {
			if !slices.Contains(words, want) && !slices.Contains(words, want+",") {
				t.Errorf("%q is broken:\n%s", want, strings.Join(lines, "\n"))
			}
		}
		for _, line := range lines[first:last] {
			if !regexp.MustCompile(`^(\w+:|) +\S`).MatchString(line) {
				t.Errorf("%q does not go on below itself:\n%s", line, strings.Join(lines, "\n"))
			}
		}
		_, command, _ := strings.Cut(lines[last], "do: ")
		x.keys(strings.TrimSpace(command) + "\r")
		x.expect(`1 envelope scheduled|command succeeded`)
	})
}

// TestPromptHelpIsFilled reads long help: a line of prose ends where the screen or a
// sentence does, and nowhere else.
func TestPromptHelpIsFilled(t *testing.T) {
	t.Parallel()
	eachSize(t, 40, 100, func(t *testing.T, rows, cols int) {
		x := openSized(t, rows, cols, "host = none\n", smtpdsim.Config{})
		x.keys("help release\r")
		x.expect(`release all(?s).*` + promptRE)
		text := escapes.ReplaceAllString(x.all(), "")
		lines := strings.Split(text[strings.LastIndex(text, "release <held...>"):], "\n")
		prose := 0
		for i, line := range lines[:len(lines)-1] {
			next := strings.TrimSpace(lines[i+1])
			word, _, _ := strings.Cut(next, " ")
			if !strings.HasPrefix(line, "    ") || !strings.HasPrefix(lines[i+1], "    ") || strings.HasPrefix(line, "      ") || strings.HasSuffix(line, ".") || strings.HasSuffix(line, ":") {
				continue
			}
			if prose++; len(line)+1+len(word) <= cols && strings.ToLower(word) == word {
				t.Errorf("%q ends too early, before %q", line, word)
			}
			if len(line) > cols {
				t.Errorf("%q is too wide", line)
			}
		}
		if prose == 0 {
			t.Errorf("no prose in %q", lines)
		}
	})
}
