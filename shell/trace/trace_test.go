package trace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fall panics and recovers as the callers of Panic do.
func fall() {
	defer func() {
		if v := recover(); v != nil {
			Panic("a test", v)
		}
	}()
	panic("the ground is gone")
}

// TestPanic notes panics in a file of its own, and in nothing that is none.
func TestPanic(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "trace")
	t.Setenv(Env, file)
	fall()
	fall()
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), "panic in a test: the ground is gone\n") != 2 || !strings.Contains(string(text), "trace.fall(") {
		t.Errorf("%v: %s", err, text)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	victim := filepath.Join(dir, "victim")
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(victim, nil, 0o600), os.Symlink(victim, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, fifo, dir, "/dev/null", "", filepath.Join(dir, "none", "x")} {
		t.Setenv(Env, name)
		fall()
	}
	if text, _ := os.ReadFile(victim); len(text) > 0 {
		t.Errorf("through a link: %s", text)
	}
}
