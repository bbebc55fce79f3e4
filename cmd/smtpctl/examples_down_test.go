package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// exampleTable is what each example does in each state of smtpd: its exit status.
var exampleTable = []struct {
	name                            string
	args                            []string
	up, down, refusing, hung, empty int
}{
	{"check-queue", []string{"50", "100"}, 0, 2, 3, 2, 0},
	{"clean-up-spam", []string{"nobody@x.example", "COPIES"}, 0, 3, 1, 3, 0},
	{"drain", []string{"1s"}, 1, 3, 1, 3, 0},
	{"hold-domain", []string{"hold.example"}, 0, 3, 1, 3, 0},
	{"hold-domain", []string{"-a"}, 0, 3, 1, 3, 0},
	{"hold-domain", []string{"-r", "held.example"}, 0, 3, 1, 3, 0},
	{"move-queue", []string{"out", "COPIES"}, 0, 3, 1, 3, 0},
	{"move-queue", []string{"in", "FOLDER/moving"}, 0, 3, 1, 3, 0},
	{"nightly-report", []string{"-k"}, 0, 3, 1, 3, 0},
	{"openmetrics-cron", []string{"FOLDER"}, 0, 3, 1, 3, 0},
	{"requeue-by-error", []string{"*451*"}, 0, 3, 1, 3, 0},
}

// emptyMove makes the folder of an empty queue, as move-queue out does.
func emptyMove(t *testing.T, dir string) {
	t.Helper()
	os.Mkdir(dir, 0o700)
	for _, name := range []string{"move-queue", "move-queue.sums"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// plantHold writes the record of a hold of one term, which has suspended one envelope.
func plantHold(t *testing.T, dir, socket, term string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(socket + "\x00" + term))
	text := fmt.Sprintf("{\"socket\":%q,\"selector\":[%q],\"made\":\"2026-01-01T00:00:00Z\",\"who\":\"x\",\"ids\":[\"0000000700000001\"]}\n", socket, term)
	if err := os.WriteFile(fmt.Sprintf("%s/%x.hold", dir, sum[:8]), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestExamplesInEveryState runs each example with smtpd up, down, refusing, hung and with an empty queue: it has the status that its
// head states, says on standard error what is wrong, never says that all is well when it is not, and ends in time.
func TestExamplesInEveryState(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for i, tt := range exampleTable {
		tested[tt.name] = true
		states := map[string]int{"up": tt.up, "down": tt.down, "refusing": tt.refusing, "hung": tt.hung, "empty": tt.empty}
		for j, state := range slices.Sorted(maps.Keys(states)) {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			want := states[state]
			t.Run(strings.Join(append([]string{tt.name, state}, tt.args...), " "), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				cfg := smtpdsim.Config{Messages: 5, Spool: dir + "/spool"}
				switch state {
				case "refusing":
					cfg.Denied = true
				case "hung":
					cfg.Fault = func(c net.Conn) net.Conn { return mute{c} }
				case "empty":
					cfg.Messages = 0
				}
				sim, path := simtest.Start(t, cfg)
				if state == "down" {
					sim.Close()
				}
				os.WriteFile(dir+"/smtpd.prom", []byte("old\n"), 0o600)
				emptyMove(t, dir+"/moving")
				var args []string
				for _, a := range tt.args {
					args = append(args, strings.NewReplacer("FOLDER", dir, "COPIES", dir+"/copies").Replace(a))
				}
				opts := []string{"--socket", path, "--spool", dir + "/spool"}
				text, err := os.ReadFile("../../examples/" + tt.name)
				if err != nil {
					t.Fatal(err)
				}
				cmd, stdin := exec.Command("../../examples/"+tt.name, args...), ""
				if !strings.HasPrefix(string(text), "#!") {
					cmd, stdin = exec.Command(program, append(append(opts, "--timeout", "500ms"), args...)...), string(text)
				}
				// The examples say 10 seconds, which is too long for a test.
				wrapper := filepath.Join(dir, "smtpctl")
				os.WriteFile(wrapper, []byte("#!/bin/sh\n[ \"$1\" = --timeout ] && shift 2\nexec "+program+" "+strings.Join(opts, " ")+" --timeout 500ms \"$@\"\n"), 0o755)
				plantHold(t, dir+"/state/smtpctl/holds", path, "domain=held.example")
				cmd.Env = append(os.Environ(), "SMTPCTL="+wrapper, "XDG_STATE_HOME="+dir+"/state")
				start := time.Now()
				r := runCommand(t, cmd, stdin)
				if took := time.Since(start); took > 15*time.Second {
					t.Errorf("took %v", took)
				}
				if r.status != want {
					t.Errorf("%v, want status %d", r, want)
				}
				bad := state != "up" && state != "empty"
				if bad && (strings.Contains(r.stdout, "OK") || strings.Contains(r.stdout, "empty") || r.stderr == "") {
					t.Errorf("%s: %v", state, r)
				}
				prom, err := os.ReadFile(dir + "/smtpd.prom")
				if tt.name == "openmetrics-cron" && (err != nil || bad != strings.Contains(string(prom), "opensmtpd_up 0\n") || bad != (strings.Count(string(prom), "\n") < 5)) {
					t.Errorf("smtpd.prom: %v, %s", err, prom)
				}
			})
		}
		text, _ := os.ReadFile("../../examples/" + tt.name)
		for _, word := range []string{"down", "refuses", "answer", "seconds"} {
			if head, _, _ := strings.Cut(string(text), "\nset "); !strings.Contains(head, word) {
				t.Errorf("the head of %s does not say what happens when smtpd is down, refuses or does not answer: no %q", tt.name, word)
			}
		}
	}
	for _, name := range examplesOf(t) {
		if !tested[name] {
			t.Errorf("examples/%s is not in the table", name)
		}
	}
}
