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
				h.inFile = 2 * maxHistory // so that it is written anew
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
