package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// prefixed returns lines with the names of machines before them, machine by machine.
func prefixed(text string, hosts ...string) string {
	var out strings.Builder
	for _, host := range hosts {
		for line := range strings.Lines(text) {
			out.WriteString(host + line)
		}
	}
	return out.String()
}

// TestAcrossLists lists the queues of several machines: the union of what each lists, in the
// order in which the machines are named, or in the one that is asked for.
func TestAcrossLists(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 700})
	alone := runCommand(t, b.command("--socket", socket, "show", "queue"), "").stdout
	r := b.run("", "--socket", socket, "--host", "mx2,mx1,local,mx2", "show", "queue")
	if diff := different(prefixed(alone, "mx2:", "mx1:", "local:"), r.stdout); diff != "" || r.status != 0 || r.stderr != "" {
		t.Errorf("%s\nstatus %d: %s", diff, r.status, r.stderr)
	}
	// In order, and no more than are wanted.
	r = b.run("", "--socket", socket, "--host", "mx1,mx2", "show", "queue", "sort=-age", "limit=7", "-j")
	var ages []string
	for line := range strings.Lines(r.stdout) {
		var e struct{ Server, ID, Created string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasPrefix(line, `{"server":"mx`) {
			t.Errorf("%q: %v", line, err)
		}
		ages = append(ages, e.Created+" "+e.ID+" "+e.Server)
	}
	for i := 1; i < len(ages); i++ {
		if len(ages) != 7 || ages[i-1] > ages[i] {
			t.Errorf("%d of %d: %q", i, len(ages), ages)
		}
	}
	r = b.run("", "--socket", socket, "--host", "mx1,mx2", "show", "queue", "limit=702", "-o", "csv")
	if lines := strings.Split(r.stdout, "\n"); len(lines) != 704 || !strings.HasPrefix(lines[0], "server,id,") || !strings.HasPrefix(lines[1], "mx1,") || !strings.HasPrefix(lines[702], "mx") || r.status != 0 {
		t.Errorf("%d lines, %.200s", len(lines), r)
	}
	r = b.run("", "--socket", socket, "--host", "mx1,mx2", "show", "status")
	if want := prefixed("MDA running\nMTA running\nSMTP running\n", "mx1: ", "mx2: "); r.stdout != want || r.status != 0 {
		t.Errorf("%v", r)
	}
	r = b.run("", "--socket", socket, "--host", "mx1,mx2", "show", "routes", "-o", "table")
	if strings.Count(r.stdout, "SERVER") != 1 || strings.Count(r.stdout, "\nmx1 ") != strings.Count(r.stdout, "\nmx2 ") || r.status != 0 {
		t.Errorf("%v", r)
	}
}

// TestAcrossFails has one machine of three fail, in several ways: the others are done, and
// the one is named, once.
func TestAcrossFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, config, want string }{
		{"refuses", "Host mx2\nProxyCommand sh -c 'echo go away >&2; exit 1'\n", "smtpctl: mx2: ssh: "},
		{"hangs", "Host mx2\nProxyCommand sleep 60\n", "smtpctl: mx2: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			b.Config(tt.config)
			for _, mode := range []string{"one-shot", "script", "asks"} {
				t.Run(mode, func(t *testing.T) {
					t.Parallel() // each waits for a machine that hangs
					_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 5})
					args := []string{"--timeout", "8s", "--socket", socket, "--host", "mx1,mx2,mx3"}
					var r result
					switch mode {
					case "one-shot":
						r = runCommand(t, b.command(append(args, "pause", "mta")...), "")
					case "script":
						r = runCommand(t, b.command(append(args, "-f", "-")...), "pause mta\n")
					case "asks":
						args[5] = "mx2,local"
						if r = runCommand(t, b.command(append(args, "show", "status")...), ""); r.status != 1 || !strings.Contains(r.stdout, "local: MTA running") {
							t.Errorf("%v", r)
						}
						return
					}
					// Both lead to one smtpd, so one of the two finds it paused already.
					if r.status != 1 || strings.Count(r.stdout, "command succeeded\n") != 1 || !strings.Contains(r.stderr, tt.want) ||
						strings.Count(r.stderr, "smtpctl: mx2: ") != 1 || strings.Contains(r.stderr, "not there") || !strings.Contains(r.stderr, "failed on ") || !strings.Contains(r.stderr, "mx2") {
						t.Errorf("%v", r)
					}
				})
			}
			t.Cleanup(b.gone) // after all of them
		})
	}
	b := newFarBed(t, "")
	b.Stop()
	if r := b.run("", "--host", "mx1,mx2", "show", "status"); r.status != 3 || r.stdout != "" || strings.Count(r.stderr, "\n") != 2 {
		t.Errorf("%v", r)
	}
}

// TestAcrossActs acts on several machines: each has its own line and its own record, and at
// the prompt one question comes when all have said what they would do.
func TestAcrossActs(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	sim, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 20})
	os.MkdirAll(filepath.Join(b.Dir, "config", "smtpctl"), 0o700)
	os.WriteFile(filepath.Join(b.Dir, "hosts"), []byte("# all\nmx1 first\nmx2\n"), 0o600)
	os.WriteFile(filepath.Join(b.Dir, "config", "smtpctl", "config"), []byte("group both = mx1 mx2\ninventory = "+filepath.Join(b.Dir, "hosts")+"\n"), 0o600)
	for _, group := range []string{"@both", "@all"} {
		cmd := b.command("--socket", socket, "--host", group, "pause", "envelope", "from=*")
		cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+filepath.Join(b.Dir, "config"))
		r := runCommand(t, cmd, "")
		if r.status != 0 || !strings.HasPrefix(r.stdout, "mx1: ") || !strings.Contains(r.stdout, "\nmx2: ") || strings.Count(r.stdout, " paused\n") != 2 {
			t.Errorf("%s: %v", group, r)
		}
	}
	journal, _ := os.ReadFile(filepath.Join(b.Dir, "state", "smtpctl", "journal"))
	for _, host := range []string{"mx1", "mx2"} {
		if !strings.Contains(string(journal), fmt.Sprintf(`"socket":"%s:`, host)) {
			t.Errorf("the journal does not name %s: %s", host, journal)
		}
	}
	before := len(sim.Envelopes())
	home := t.TempDir()
	x := openTerminalIn(t, home, []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir}, "--socket", socket)
	x.expect(promptRE)
	x.keys("connect mx1,mx2\r")
	x.expect(`connected to mx1 (?s).*connected to mx2 .*mx1,mx2 smtpctl> $`)
	x.keys("remove from=*\r")
	x.expect(fmt.Sprintf(`mx1: remove: %d envelopes(?s).*mx2: remove: %d envelopes.*remove on 2 hosts\? \[y/N\] $`, before, before))
	if n := len(sim.Envelopes()); n != before {
		t.Errorf("%d of %d envelopes are left before the answer", n, before)
	}
	x.keys("n\r")
	x.expect(`(?s)smtpctl> $`)
	if n := len(sim.Envelopes()); n != before {
		t.Errorf("%d of %d envelopes are left after a no", n, before)
	}
	x.keys("remove from=*\r")
	x.expect(`remove on 2 hosts\? \[y/N\] $`)
	x.keys("y\r")
	x.expect(`mx1: (?s).*envelopes? removed.*mx2: .*envelopes? removed.*smtpctl> $`)
	if n := len(sim.Envelopes()); n != 0 {
		t.Errorf("%d envelopes are left", n)
	}
	x.run("disconnect", "commands are for the smtpd of this machine")
	x.keys("exit\r")
	if len(sshdtest.Clients(t, b.Dir)) > 0 {
		b.gone()
	}
}
