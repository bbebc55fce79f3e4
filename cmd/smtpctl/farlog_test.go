package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
