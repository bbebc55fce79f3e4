package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSmtpdHere reads the version of what is installed, whatever else it prints.
func TestSmtpdHere(t *testing.T) {
	saved := smtpdFolders
	defer func() { smtpdFolders = saved }()
	for _, tt := range []struct{ script, want string }{
		{"echo 'version: OpenSMTPD 7.6.0p1' >&2; exit 1", "7.6.0p1"},
		{"echo usage; echo 'version: OpenSMTPD 7.8.0-portable'", "7.8.0-portable"},
		{"echo 'no version: OpenSMTPD 1'", ""},
		{"i=0; while [ $i -lt 2000 ]; do echo much of it; i=$((i+1)); done", ""},
		{"kill $$", ""},
	} {
		dir := t.TempDir()
		smtpdFolders = []string{filepath.Join(dir, "not there"), dir}
		if err := os.WriteFile(filepath.Join(dir, "smtpd"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := smtpdHere(t.Context()); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.script, got, tt.want)
		}
	}
	smtpdFolders = nil
	if got := smtpdHere(t.Context()); got != "" {
		t.Errorf("%q of none", got)
	}
	if strings.TrimSpace(machineHere()) == "" {
		t.Error("the machine has no name of its hardware")
	}
}
