// Command docs writes the generated documentation: the manual and the tables of the README,
// from the tables of commands, terms and flags, and shell/version.go, from the newest entry
// in CHANGELOG.md. It runs in the root folder of the project, as in just docs. Tests of
// package shell fail if a generated file is stale.
package main

import (
	"fmt"
	"os"
	"regexp"

	"smtpctl/shell"
	"smtpctl/shell/internal/manual"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run() error {
	var t manual.Tables
	t.Commands, t.Kinds, t.Flags, t.FlagDoc, t.Session = shell.Documented()
	texts := map[string]string{}
	for _, name := range []string{"shell/testdata/smtpctl.8.in", "shell/inspect/explain.go", "README.md", "CHANGELOG.md", "shell/version.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("run this in the root folder of the project: %w", err)
		}
		texts[name] = string(text)
	}
	readme, err := t.Readme(texts["README.md"])
	if err != nil {
		return err
	}
	version, err := manual.NewestVersion(texts["CHANGELOG.md"])
	if err != nil {
		return err
	}
	source := regexp.MustCompile(`(?m)^const Version = ".*"$`).ReplaceAllString(texts["shell/version.go"], `const Version = "`+version+`"`)
	for _, f := range []struct{ name, text string }{
		{"cmd/smtpctl/smtpctl.8", t.Page(texts["shell/testdata/smtpctl.8.in"], texts["shell/inspect/explain.go"])},
		{"README.md", readme},
		{"shell/version.go", source},
	} {
		if err := os.WriteFile(f.name, []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
