package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestHostSettings sets each way, and a socket, for a machine: that way is used or fails with
// what to do, and no other is tried.
func TestHostSettings(t *testing.T) {
	t.Parallel()
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	b := newFarBed(t, "")
	for i, tt := range []struct{ way, shown, tools string }{
		{"auto", "forwarding", ""}, {"forward", "forwarding", ""}, {"nc", "nc", "nc"}, {"socat", "socat", "socat"}, {"stdio", "smtpctl", "smtpctl"},
		{"sudo-nc", "sudo -n nc", "sudo nc"}, {"sudo-socat", "sudo -n socat", "sudo socat"}, {"sudo-stdio", "sudo -n smtpctl", "sudo smtpctl"},
		{"doas-nc", "doas -n nc", "doas nc"}, {"doas-socat", "doas -n socat", "doas socat"}, {"doas-stdio", "doas -n smtpctl", "doas smtpctl"},
	} {
		t.Run(tt.way, func(t *testing.T) {
			t.Parallel()
			config := filepath.Join(b.Dir, fmt.Sprint("config", i))
			os.MkdirAll(filepath.Join(config, "smtpctl"), 0o700)
			os.WriteFile(filepath.Join(config, "smtpctl", "config"), []byte("# hosts\nhost mx1 = way="+tt.way+" socket="+socket+"\n"), 0o600)
			run := func(stdin string, args ...string) result {
				cmd := b.command(args...)
				cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+config)
				return runCommand(t, cmd, stdin)
			}
			missing := ""
			for _, tool := range strings.Fields(tt.tools) {
				if _, err := exec.LookPath(tool); err != nil && missing == "" {
					missing = tool
				}
			}
			r := run("connect mx1\nshow status\nshow servers\n", "-f", "-")
			where := filepath.Join(config, "smtpctl", "config") + ":2"
			failure := "mx1: way=" + tt.way + ", which " + where + " sets, does not work: "
			switch {
			case missing != "":
				if r.status == 0 || r.stdout != "" || !strings.Contains(r.stderr, failure+"cannot be reached: there is no "+missing+" there") || !strings.Contains(r.stderr, "no other is tried") {
					t.Errorf("no %s: %v", missing, r)
				}
			case r.status == 0:
				if !strings.Contains(r.stdout, ", by "+tt.shown+")\n") || !strings.Contains(r.stdout, ", by "+tt.shown+", uid 0") || !strings.Contains(r.stdout, "MTA running") {
					t.Errorf("%v", r)
				}
			case !strings.Contains(r.stderr, failure) || !strings.Contains(r.stderr, "no other is tried") || r.stdout != "":
				t.Errorf("%v", r)
			}
			t.Log(r.status, r.stderr)
			if tt.way == "auto" { // the socket of one line is not that of another machine, and an option wins
				if r := run("", "--host", "mx2", "show", "status"); r.status != 3 {
					t.Errorf("%v", r)
				}
				if r := run("", "--host", "mx1,mx2", "show", "status"); r.status != 1 || !strings.Contains(r.stdout, "mx1: MTA running") {
					t.Errorf("%v", r)
				}
				if r := run("", "--socket", "/run/other.sock", "--host", "mx1", "show", "status"); r.status != 3 || !strings.Contains(r.stderr, "/run/other.sock") {
					t.Errorf("%v", r)
				}
				if r := run("on mx2 -- show status\non mx1 show status\n", "-k", "-f", "-"); !strings.Contains(r.stdout, "MTA running") || !strings.Contains(r.stderr, "stdin:1: mx2: ") || strings.Contains(r.stderr, "stdin:2") {
					t.Errorf("%v", r)
				}
			}
		})
	}
}
