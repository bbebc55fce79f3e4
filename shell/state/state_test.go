package state

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDir chooses where the history is, in folders that are ours and, where
// the test can make one, that are not.
func TestDir(t *testing.T) {
	state, home := t.TempDir(), t.TempDir()
	type test struct{ state, home, want string }
	inPasswd := ""
	if dir := passwdHome(); ours(dir) {
		inPasswd = dir + "/.local/state/smtpctl"
	}
	tests := []test{
		{state, home, state + "/smtpctl"}, {state + "/new/er", home, state + "/new/er/smtpctl"},
		{"", home, home + "/.local/state/smtpctl"}, {"relative", home, home + "/.local/state/smtpctl"},
		{"", "", inPasswd}, {"", "relative", inPasswd},
	}
	if os.Geteuid() == 0 {
		theirs := t.TempDir()
		if err := os.Chown(theirs, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(home, "link")
		os.Symlink(theirs, link)
		for _, dir := range []string{theirs, theirs + "/.local", link} {
			tests = append(tests, test{dir, home, home + "/.local/state/smtpctl"}, test{"", dir, inPasswd}, test{dir, dir, inPasswd})
		}
	} else {
		tests = append(tests, test{"/", home, home + "/.local/state/smtpctl"}, test{"", "/", inPasswd})
	}
	for _, tt := range tests {
		got := Dir(func(k string) string { return map[string]string{"XDG_STATE_HOME": tt.state, "HOME": tt.home}[k] })
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
