package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestJSONOnTerminal prints mail with hostile text as JSON on a terminal: each line
// is valid JSON, and nothing in it acts on the terminal.
func TestJSONOnTerminal(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 2})
	for i, bad := range []string{"\x1b[2J", "\x07", "\u009b1m", "\u202e", "\xff", "\x7f", "\u0085", `"\`} {
		s.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(0xabcd0001+i)<<32 | 1, Text: fmt.Sprintf(
			"version: 3\ntype: mta\nsender: a%[1]s@x%[1]s.example\nrcpt: b%[1]s@y.example\ndest: b%[1]s@y.example\nctime: 1\nerrorline: 451 %[1]s\nhostname: h%[1]s\nhelo: l%[1]s\nusername: u%[1]s\ntag: t%[1]s\n", bad)})
	}
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 50, Cols: 4000})
	x.expect(promptRE)
	for _, command := range []string{
		"show queue", "show queue by sender", "show queue by domain age", "show queue by error", "show queue by host", "explain abcd000100000001", "show routes", "show relays",
		"show hosts", "show hoststats", "show mta paused", "show status", "show stats", "-n remove all",
	} {
		x.keys(command + " -j\r")
		// In one, for what comes with the first would be lost to a second.
		text := x.expect(`(?s)-j\n(.*)smtpctl[^>]*> $`)[1]
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if !strings.HasPrefix(line, "{") {
				continue // what is said beside
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: %q is no JSON", command, line)
			}
			if strings.ContainsAny(line, "\x1b\x07\x7f") || strings.ContainsAny(line, "\u009b\u202e\u0085") {
				t.Errorf("%s: %q acts on the terminal", command, line)
			}
		}
	}
}
