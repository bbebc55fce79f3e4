package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "smtpctl", "history")
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one", "two", "one ", " secret", "", "a\nb", "three"} {
		if err := h.add(line); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"two", "one", "three"}
	if got := h.all(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := linesIn(t, path); !slices.Equal(got, want) {
		t.Errorf("read back %q, want %q", got, want)
	}
	for i := range 3 * maxHistory {
		if err := h.add(fmt.Sprintf("line %d %s", i, strings.Repeat("x", 60))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(linesIn(t, path)); n != maxHistory {
		t.Errorf("%d lines kept, want %d", n, maxHistory)
	}
	if st, _ := os.Stat(path); st.Size() > 200*maxHistory || st.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, mode %v", st.Size(), st.Mode())
	}
}

// linesIn returns the lines of a history.
func linesIn(t *testing.T, path string) []string {
	t.Helper()
	h, err := openHistory(path)
	if err != nil {
		t.Error(err)
	}
	return h.all()
}

// TestHistoryPath chooses where the history is, in folders that are ours and, where
// the test can make one, that are not.
func TestHistoryPath(t *testing.T) {
	state, home := t.TempDir(), t.TempDir()
	type test struct{ state, home, want string }
	inPasswd := ""
	if dir := passwdHome(); ours(dir) {
		inPasswd = dir + "/.local/state/smtpctl/history"
	}
	tests := []test{
		{state, home, state + "/smtpctl/history"}, {state + "/new/er", home, state + "/new/er/smtpctl/history"},
		{"", home, home + "/.local/state/smtpctl/history"}, {"relative", home, home + "/.local/state/smtpctl/history"},
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
			tests = append(tests, test{dir, home, home + "/.local/state/smtpctl/history"}, test{"", dir, inPasswd}, test{dir, dir, inPasswd})
		}
	} else {
		tests = append(tests, test{"/", home, home + "/.local/state/smtpctl/history"}, test{"", "/", inPasswd})
	}
	for _, tt := range tests {
		got := historyPath(func(k string) string { return map[string]string{"XDG_STATE_HOME": tt.state, "HOME": tt.home}[k] })
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestHistoryOfTwo has several prompts add lines while the file is written anew
// again and again: none is lost.
func TestHistoryOfTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var wg sync.WaitGroup
	for prompt := range 4 {
		wg.Go(func() {
			h, err := openHistory(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 100 {
				h.stale = maxHistory // so that it is written anew
				if err := h.add(fmt.Sprintf("line %d of %d", i, prompt)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h, err := openHistory(path)
	if err != nil || len(h.lines) != 400 {
		t.Errorf("%d lines of 400, %v", len(h.lines), err)
	}
	if err := h.add(strings.Repeat("x", maxHistoryLine)); err != nil || len(h.all()) != 400 {
		t.Errorf("a line that is too long: %d lines, %v", len(h.all()), err)
	}
}
