package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/internal/manual"
)

// Files that are made from the command table.
const (
	manualSource = "testdata/smtpctl.8.in"
	manualFile   = "../cmd/smtpctl/smtpctl.8"
	readmeFile   = "../README.md"
)

// tables are what the documentation is made of.
func tables() manual.Tables {
	var t manual.Tables
	t.Commands, t.Kinds, t.Flags, t.FlagDoc, t.Session = Documented()
	return t
}

// manualPage returns the man page.
func manualPage(t *testing.T) string {
	var texts []string
	for _, name := range []string{manualSource, "inspect/explain.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return tables().Page(texts[0], texts[1])
}

// environment returns the variables that the program looks at.
func environment(t *testing.T) []string {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	more, _ := filepath.Glob("*/*.go")
	var names []string
	for _, file := range append(files, more...) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b[eE]nv\("([A-Z_]+)"\)`).FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
	}
	if len(names) < 5 {
		t.Errorf("found only %q", names)
	}
	return names
}

// TestManual compares the man page with the command table.
func TestManual(t *testing.T) {
	want := manualPage(t)
	got, _ := os.ReadFile(manualFile)
	if string(got) != want {
		t.Errorf("%s is stale: run just docs", manualFile)
	}
	for _, name := range environment(t) {
		if !strings.Contains(want, name) {
			t.Errorf("the man page does not say what %s does", name)
		}
	}
	if lint, err := exec.LookPath("mandoc"); err == nil {
		out, _ := exec.Command(lint, "-Tlint", "-Wstyle", manualFile).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			// Which other pages there are depends on the system.
			if !strings.Contains(line, "outdated mandoc.db") && !strings.Contains(line, "referenced manual not found") {
				t.Error(line)
			}
		}
	}
}

// TestCommandFlags compares what flags say of the command that they belong to with
// what the program makes of it.
func TestCommandFlags(t *testing.T) {
	for _, f := range allFlags() {
		program, _, said := strings.Cut(f.Usage, ": ")
		i := slices.IndexFunc(cmdline.CommandFlags, func(c cmdline.CommandFlag) bool { return c.Name == f.Name })
		if i >= 0 && (!said || program != cmdline.CommandFlags[i].Command) {
			t.Errorf("--%s does not say that it belongs to %s", f.Name, cmdline.CommandFlags[i].Command)
		}
	}
}

// TestReadmeTables compares the tables of the README with the command table, and
// looks for options that there are not.
func TestReadmeTables(t *testing.T) {
	text, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tables().Readme(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Error("the tables of the README are stale: run just docs")
	}
	var known []string
	for _, f := range allFlags() {
		known = append(known, "--"+f.Name)
	}
	for _, m := range regexp.MustCompile("smtpctl[^`\n]*?(--[a-z][a-z-]*)").FindAllStringSubmatch(want, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("the README has %s, which is no option", m[1])
		}
	}
}
