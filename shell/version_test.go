package shell

import (
	"os"
	"testing"

	"smtpctl/shell/internal/manual"
)

// The version is that of the newest entry in CHANGELOG.md.
func TestVersion(t *testing.T) {
	changelog, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := manual.NewestVersion(string(changelog))
	if err != nil {
		t.Fatal(err)
	}
	if Version != want {
		t.Fatalf("version.go says %s, CHANGELOG.md says %s; run: just docs", Version, want)
	}
}
