package shell

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// misspelt are ways to write encrypt: whole, shortened, and with each letter
// missing, doubled, swapped with the next, or another.
func misspelt() []string {
	const word = "encrypt"
	out := []string{"ENCRYPT", "Encrypt", "encrypted", "encrypt:", "encrypt,"}
	for i := 1; i <= len(word); i++ {
		out = append(out, word[:i])
	}
	for i := range word {
		out = append(out, word[:i]+word[i+1:], word[:i+1]+word[i:], word[:i]+"x"+word[i+1:])
		if i+1 < len(word) {
			out = append(out, word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:])
		}
	}
	return out
}

// TestPasswordsAreNotShown writes a password after each way to write encrypt, in
// lines that are errors of each kind and in each way in. No message shows it, and
// the history keeps no such line.
func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	const password = "s3kr1t"
	for i, word := range misspelt() {
		for j, rest := range []string{
			password, "foo " + password, password + " --timeout bad", "--timeout " + password, "--cost " + password, "--scheme " + password, "--scheme=" + password,
			"--verify " + password, "--" + password, "-" + password, password + " more words", "--window=" + password + " x", "'" + password, password + " | cat " + password, password + " ?",
			"-- " + password + " x", "--expect " + password + " x", "-r --read-only=false " + password,
		} {
			for k, before := range []string{"", "--color never ", "show status; ", "watch ", "watch 1 ", "help ", "-r "} {
				if !fulltest.Takes(i+j+k, 10) {
					continue
				}
				line := before + word + " " + rest
				var out bytes.Buffer
				s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
				if keepInHistory(s, cmdline.Parse(line)) {
					t.Errorf("the history keeps %s", line)
				}
				if command.Status(s.checkLine(line)) != command.StatusUsage {
					continue // it is a command, and would be carried out
				}
				printError(&out, s.style, s.checkLine(line))
				if err := s.printNextIn(&out, s.parser(), line); err != nil && !s.mayHoldPassword(cmdline.Parse(line)) {
					t.Errorf("%s: %v", line, err)
				}
				if strings.Contains(out.String(), password) {
					t.Errorf("%s: %q shows the password", line, out.String())
				}
			}
		}
	}
}

// checkLine parses the commands of a line and carries out none.
func (s *Session) checkLine(line string) error {
	return s.scriptLine(context.Background(), line, true)
}

// TestPasswordsInScripts names the line of a script, and not what is in it.
func TestPasswordsInScripts(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("encrypt foo s3kr1t\nencrpt s3kr1t\nenc s3kr1t --timeout bad\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
	s.keepGoing = true
	_ = s.runFile(context.Background(), name, false)
	if text := out.String(); strings.Contains(text, "s3kr1t") || strings.Count(text, name+":") != 3 {
		t.Errorf("%s", text)
	}
}

// TestLinesThatAreKept holds no password, and stays in the history.
func TestLinesThatAreKept(t *testing.T) {
	t.Parallel()
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Env: func(string) string { return "" }})
	for _, p := range Patterns(false) {
		if strings.HasPrefix(p, "encrypt") {
			continue
		}
		line := strings.NewReplacer("<", "", ">", "", "...", "").Replace(p) + " more"
		if !keepInHistory(s, cmdline.Parse(line)) {
			t.Errorf("%s is not kept", line)
		}
	}
	for _, line := range []string{"show queue from='o", `remove "x`, "explain abcd", "exit", "show envelope e123", "spf walk entry.example"} {
		if !keepInHistory(s, cmdline.Parse(line)) {
			t.Errorf("%s is not kept", line)
		}
	}
}
