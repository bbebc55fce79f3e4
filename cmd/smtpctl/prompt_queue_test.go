package main

import (
	"strings"
	"testing"

	"github.com/creack/pty"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// nasty is an envelope that would take over a terminal.
const nasty = "version: 3\ntype: mta\nsender: evil\x1b[2J@x.example\nrcpt: a\x9b2J@y.example\ndest: a\x1b]0;owned\x07@y.example\n" +
	"ctime: 1\nretry: 2\nhostname: h\x1b[31m\nerrorline: 451 \x1b]0;title\x07 \u202e later \x1b[2J\n"

// TestQueueOnATerminal shows envelopes as a table, in every other format, and
// explained, on a terminal: it has colours, but none that came from a mail.
func TestQueueOnATerminal(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: nasty}, smtpdsim.Envelope{ID: 0xabcd000200000001, Flags: 0x50, Text: nasty})
	x := openTerminalIn(t, t.TempDir(), []string{"TERM=xterm-256color", "PAGER=cat"}, "--socket", path, "--color", "always")
	pty.Setsize(x.pty, &pty.Winsize{Rows: 50, Cols: 150})
	x.expect(`smtpctl`)
	for _, tt := range []struct{ line, want string }{
		{"show queue", `ID +AGE STATE(?s).*abcd000100000001.*evil\\\^\[\[2J@x\.example.*451 \\\^\[\]0;title\\\^G`},
		{"show queue -o plain", `\|evil\\\^\[\[2J@x\.example\|`},
		{"show queue -o expanded limit=1", `from: +evil\\\^\[\[2J@x\.example(?s).*error: +451 \\\^\[\]0;title\\\^G`},
		{"show queue -o csv", `,evil\\\^\[\[2J@x\.example,`},
		{"show queue -o tsv columns=host", `h\\\^\[\[31m`},
		{"show queue -j", `"from":"evil\\u001b\[2J@x\.example"`},
		{"show queue by error", `COUNT(?s).*\\x1b\]\*;title`},
		{"show queue by sender age", `SENDER(?s).*evil\\\^\[\[2J@x\.example`},
		{"show queue by host -j", `"name":"h\\u001b\[31m"`},
		{"explain abcd000100000001", `verdict(?s).*\\\^\[\]0;title`},
		{"remove -n from=evil*", `2 envelopes would be removed`},
		{"show queue by host from=evil*", `COUNT`},
	} {
		x.keys(tt.line + "\r")
		x.expect(tt.want)
	}
	x.keys("exit\r")
	x.ended(0)
	for _, bad := range []string{"\x1b]0;title", "\x1b]0;owned", "evil\x1b", "a\x9b2J", "later \x1b[2J", "h\x1b[31m", "\u202e"} {
		if strings.Contains(x.output(), bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
}

// TestPromptCompletesTerms completes keys and live values of selectors.
func TestPromptCompletesTerms(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	for i, dest := range []string{"a@y.example", "b@y.example", "c@zeta.example"} {
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001 + protocol.EnvelopeID(i),
			Text: "version: 3\ntype: mta\nsender: s@x.example\nrcpt: " + dest + "\ndest: " + dest + "\nctime: 1\nretry: 1\nerrorline: 451 try 17 later\n"})
	}
	x := openTerminal(t, "--socket", path)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 40, Cols: 160})
	x.expect(promptRE)
	x.keys("show queue dom")
	x.expect(`domain=`)
	x.keys("\t\x15show queue domain=")
	x.expect(`domain=y\.example\s+2 envelopes, 2 with errors(?s).*domain=zeta\.example\s+1 envelope`)
	x.keys("z\t\r")
	x.expect(`c@zeta\.example`)
	x.keys("schedule error=")
	x.expect(`error='451 try \* later'\s+3 envelopes`)
	x.keys("\x15remove state=")
	x.expect(`state=suspended`)
	x.keys("\x15show queue sort=-tr")
	x.expect(`sort=-tries`)
	x.keys("\x15show queue by do")
	x.expect(`domain +domain that`)
	x.keys("main age\r")
	x.expect(`DOMAIN +TOTAL(?s).*y\.example +2`)
	x.keys("exit\r")
	x.ended(0)
}
