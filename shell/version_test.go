package shell

import (
	"os"
	"regexp"
	"testing"
)

// The version is that of the newest entry in CHANGELOG.md.
func TestVersion(t *testing.T) {
	changelog, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$`).FindSubmatch(changelog)
	if newest == nil {
		t.Fatal("CHANGELOG.md has no entry such as: ## 0.2.0 - 2026-11-25")
	}
	if want := string(newest[1]); Version != want {
		if !*update {
			t.Fatalf("version.go says %s, CHANGELOG.md says %s; run: just docs", Version, want)
		}
		source, err := os.ReadFile("version.go")
		if err != nil {
			t.Fatal(err)
		}
		source = regexp.MustCompile(`(?m)^const Version = ".*"$`).ReplaceAll(source, []byte(`const Version = "`+want+`"`))
		if err := os.WriteFile("version.go", source, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
