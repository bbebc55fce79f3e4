package shell

import (
	"io"
	"strings"
	"testing"

	"smtpctl/shell/command"
)

func TestWithoutPrompt(t *testing.T) {
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	for line, want := range map[string]string{
		"show queue": "show queue", " show queue": " show queue", "# comment": "# comment", "# smtpctl show queue": "show queue",
		"#smtpctl show queue": "#smtpctl show queue", "$ smtpctl show queue": "show queue", "$ show queue": "show queue", "smtpctl show queue": "show queue",
		"smtpctl> show queue": "show queue", "mx1 smtpctl> show queue": "show queue", "mx1 smtpctl [read-only, mta paused]> show queue": "show queue",
		"root@mx1:~# smtpctl show queue": "show queue", "sudo smtpctl -r show queue": "-r show queue", "$ sudo smtpctl remove x": "remove x",
		"/usr/sbin/smtpctl show queue": "show queue", "smtpctl": "", "smtpctl>": "", "$ ": "", "smtpctl> smtpctl show queue": "show queue",
		"smtpctls": "smtpctls", "show queue from=smtpctl": "show queue from=smtpctl", "help smtpctl": "help smtpctl", "encrypt smtpctl> x": "encrypt smtpctl> x",
		"remove 'smtpctl> x'": "remove 'smtpctl> x'", "# remove all": "# remove all", "#": "#", "": "",
	} {
		if got := s.withoutPrompt(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
