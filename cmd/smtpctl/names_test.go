package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/shell"
)

// TestForeignNames calls the program by each name under which OpenSMTPD's smtpctl
// is another program. It names that program, and touches neither its arguments nor
// its input, which would be mail.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	for _, name := range shell.ForeignNames() {
		for _, link := range []string{name, "-" + name} {
			path := filepath.Join(t.TempDir(), link)
			if err := os.Symlink(program, path); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{nil, {"-bi"}, {"-t"}, {"show", "status"}, {"--demo", "show", "status"}, {"--help"}, {"user@example.com"}} {
				r := runCommand(t, exec.Command(path, args...), "help\nshow status\n")
				if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, "use OpenSMTPD's own "+strings.TrimPrefix(name, "send-")) && name != "send-mail" ||
					strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "called as "+name) {
					t.Errorf("%s %q: %v", link, args, r)
				}
			}
		}
	}
}

// TestMailqLists calls the program as mailq with every option, long and short: it
// lists, or says what is wrong with an option that show queue takes.
func TestMailqLists(t *testing.T) {
	t.Parallel()
	d := startDemoProcess(t)
	path := filepath.Join(t.TempDir(), "mailq")
	if err := os.Symlink(program, path); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"", "-v", "-Ac", "bogus", "-q x", "--", "remove all", "-n", "-f /etc/passwd", "-k", "-r", "--check", "--demo=3", "-j -v",
		"--count 1", "-c 1", "--save x", "--expect 1", "--restricted", "-o", "--output", "--cost=1", "-4", "?", "-", "--listen /nowhere"} {
		r := runCommand(t, exec.Command(path, append(append([]string{}, d...), strings.Fields(words)...)...), "")
		if r.status != 0 || strings.Count(r.stdout, "\n") < 90 || r.stderr != "" {
			t.Errorf("mailq %s: status %d, %d lines, %s", words, r.status, strings.Count(r.stdout, "\n"), r.stderr)
		}
	}
}
