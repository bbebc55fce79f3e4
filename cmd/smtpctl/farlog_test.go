package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// TestFarLogFails carries out commands where the syslog of the other machine does not take
// them: they are carried out, and one line says once what is known of that log.
func TestFarLogFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, logger, wait, want string }{
		{"fails", "echo 'logger: no room' >&2; exit 1", "1m", "the command is logged here, but not on the other machine: mx1: logger: no room"},
		{"silent", "exec sleep 60", "10s", "the command is logged here, but perhaps not on the other machine: mx1: no answer within 10s from logger(1)"},
		{"silent later", "case $* in *begins*) exit 0;; esac; exec sleep 60", "10s", "the command is logged here, but perhaps not on the other machine: mx1: no answer within 10s from logger(1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "logger"), []byte("#!/bin/sh\n"+tt.logger+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			b := newFarBed(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))
			sim, socket := simtest.Start(t, smtpdsim.Config{Messages: 10})
			b.Leads("mx1", socket)
			n := len(sim.Envelopes())
			r := b.run("", "--socket", socket, "--timeout", tt.wait, "--host", "mx1", "--yes", "remove", "all")
			if want := "smtpctl: " + tt.want + "\n"; r.status != 0 || r.stderr != want || len(sim.Envelopes()) != 0 {
				t.Errorf("%v, want %s", r, want)
			}
			if want := fmt.Sprintf("%d envelopes removed", n); !strings.Contains(r.stdout, want) {
				t.Errorf("%q, want %s", r.stdout, want)
			}
		})
	}
}

// TestFarLogLines removes a queue of another machine, whose syslog gets the ids of all before
// the outcome, and nothing twice. No counter of smtpd is asked for one by one, since the way
// is long.
func TestFarLogLines(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	if err := os.WriteFile(filepath.Join(bin, "logger"), []byte("#!/bin/sh\nshift 5\nprintf '%s\\n' \"$*\" >>"+log+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := newFarBed(t, "SetEnv PATH="+bin+":/usr/bin:/bin")
	b.Slow(20 * time.Millisecond)
	sim, socket := simtest.Start(t, smtpdsim.Config{Messages: fulltest.Of(300, 60)})
	b.Leads("mx1", socket)
	all := sim.Envelopes()
	for _, command := range []string{"pause", "resume"} {
		if r := b.run("", "--socket", socket, "--host", "mx1", "--yes", command, "envelope", "all"); r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes %sd\n", len(all), command) {
			t.Fatal(r)
		}
	}
	os.Remove(log)
	r := b.run("", "--socket", socket, "--host", "mx1", "--yes", "remove", "all")
	if want := fmt.Sprintf("%d envelopes removed\n", len(all)); r.status != 0 || r.stdout != want || len(sim.Envelopes()) != 0 {
		t.Fatalf("%v, want %s", r, want)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := len(lines) - 1; !strings.HasSuffix(lines[0], ": begins") || !strings.HasSuffix(lines[last], fmt.Sprintf(": done=%d", len(all))) {
		t.Errorf("%q, %q", lines[0], lines[last])
	}
	for _, e := range all {
		if n := strings.Count(string(text), e.ID.String()); n != 1 {
			t.Errorf("%v is logged %d times", e.ID, n)
		}
	}
	if n := sim.Requests(protocol.TypeGetStats); n != 0 {
		t.Errorf("%d counters were asked for", n)
	}
}
