package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ownBlocks are the commands of the README that need no wrapper, and run in CI as
// they are.
var ownBlocks = []string{"go run ./cmd/smtpctl --demo", "go test ./..."}

// toHosts says that a command goes to other machines. The tests reach none: the demo gets it.
var toHosts = regexp.MustCompile(` --host \S+`)

// TestReadmeCommands runs every command in the README on a demo of its own.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if line == ownBlocks[0] || line == ownBlocks[1] || line == "" {
				continue
			}
			ran++
			line = toHosts.ReplaceAllString(line, "")
			bin := t.TempDir()
			wrapper := "#!/bin/sh\nexec " + program + " " + strings.Join(startDemoProcess(t), " ") + " --timeout 1m \"$@\"\n"
			for _, name := range []string{"smtpctl", "mailq"} {
				if err := os.WriteFile(filepath.Join(bin, name), []byte(wrapper), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("bash", "-c", line)
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			// Where nothing is selected, or there is no name server, it fails; but all
			// has to be a command.
			if r := runCommand(t, cmd, ""); r.status > 1 || r.stdout == "" && r.stderr == "" && !strings.Contains(line, "state=held") {
				t.Errorf("%s: %v", line, r)
			}
		}
	}
	if ran < 12 {
		t.Errorf("%d commands ran", ran)
	}
	for _, line := range ownBlocks {
		if !strings.Contains(string(text), "```sh\n"+line+"\n```") {
			t.Errorf("the README lacks %q", line)
		}
	}
}
