package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestHoldUnits runs what the units of examples/systemd start, on a simulation, and has
// systemd read them where there is one.
func TestHoldUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := ""
	for _, name := range []string{"smtpctl-hold.service", "smtpctl-hold.timer"} {
		text, err := os.ReadFile("../../examples/systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if _, words, ok := strings.Cut(line, "ExecStart=/usr/bin/smtpctl "); ok {
				command = strings.TrimSpace(words)
			}
		}
		if err := os.WriteFile(dir+"/"+name, []byte(strings.ReplaceAll(string(text), "/usr/bin/smtpctl", program)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if command == "" {
		t.Fatal("the service starts nothing")
	}
	if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
		if out, err := exec.Command(analyze, "verify", "--man=no", dir+"/smtpctl-hold.timer", dir+"/smtpctl-hold.service").CombinedOutput(); strings.Contains(string(out), "smtpctl-hold") {
			t.Errorf("systemd-analyze verify: %v, %s", err, out)
		}
	}
	sim, path := simtest.Start(t, smtpdsim.Config{})
	sim.Add(smtpdsim.Envelope{ID: 7<<32 | 1, Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@held.example\ndest: b@held.example\n"})
	plantHold(t, dir+"/smtpctl/holds", path, "domain=held.example")
	cmd := exec.Command(program, append([]string{"--socket", path, "--spool", dir}, strings.Fields(command)...)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir)
	if r := runCommand(t, cmd, ""); r.status != 0 || r.stdout != "1 envelope held (domain=held.example)\n" || r.stderr != "" {
		t.Errorf("%s: %v", command, r)
	}
}
