package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "smtpctl", "history")
	h := openHistory(path)
	for _, line := range []string{"one", "two", "one ", " secret", "", "a\nb", "three"} {
		if err := h.add(line); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"two", "one", "three"}
	if got := h.all(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := openHistory(path).all(); !slices.Equal(got, want) {
		t.Errorf("read back %q, want %q", got, want)
	}
	for i := range 3 * maxHistory {
		if err := h.add(fmt.Sprintf("line %d %s", i, strings.Repeat("x", 60))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(openHistory(path).all()); n != maxHistory {
		t.Errorf("%d lines kept, want %d", n, maxHistory)
	}
	if st, _ := os.Stat(path); st.Size() > 200*maxHistory || st.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, mode %v", st.Size(), st.Mode())
	}
}

func TestHistoryPath(t *testing.T) {
	for _, tt := range []struct{ state, home, want string }{
		{"/s", "/h", "/s/smtpctl/history"}, {"", "/h", "/h/.local/state/smtpctl/history"},
		{"relative", "/h", "/h/.local/state/smtpctl/history"}, {"", "", ""},
	} {
		got := historyPath(func(k string) string { return map[string]string{"XDG_STATE_HOME": tt.state, "HOME": tt.home}[k] })
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
