package main

import (
	"fmt"
	"syscall"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// TestFarPrompt has a prompt for two machines: the first line says what mail each has, the
// menu offers the values of both, and what is down or paused shows.
func TestFarPrompt(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ cols, rows int }{{80, 24}, {132, 40}} {
		t.Run(fmt.Sprint(size.cols), func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			sim, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 20})
			n := len(sim.Envelopes())
			x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir}, "--socket", socket, "--host", "mx1,mx2")
			// Where the machine is busy what takes longer than a moment is not known yet.
			x.expect(fmt.Sprintf(`on mx1,mx2(, %d envelopes \(mx1 %d, mx2 %d\)|.* not known yet.*); \? or help\n(?s).*mx1,mx2 smtpctl> $`, 2*n, n, n))
			x.resize(size.cols, size.rows)
			x.keys("show message " + sim.Envelopes()[0].ID.Msg().String()[:5])
			x.glassShows(`mx1:` + sim.Envelopes()[0].ID.Msg().String() + ` +message .*`)
			x.keys("\x15show queue domain=")
			x.glassShows(`domain=\S+ +mx1: \d+ envelope`)
			x.keys("\x15pause mta\r") // both lead to one smtpd, so one of the two finds it paused already
			x.glassShows(`mx1,mx2 smtpctl \[mx1,mx2 mta paused\]>|2 hosts smtpctl \[mx1,mx2 mta paused\]>`)
			x.keys("resume mta\r")
			x.glassShows(`mx1,mx2 smtpctl> *\n`)
			killClient(t, b, "mx2")
			x.keys("\r")
			x.glassShows(`mx1,mx2 smtpctl \[mx2 not connected\]>|2 hosts smtpctl \[mx2 not connected\]>`)
			x.keys("show queue domain=")
			x.glassShows(`domain=\S+ +mx1: \d+ envelope`)
			x.keys("\x15show status\r") // which connects again
			x.glassShows(`mx2 +running(.*\n)+mx1,mx2 smtpctl>`)
			x.keys("exit\r")
			x.ended(0)
			b.gone()
		})
	}
}

// killClient kills the ssh to a machine, and waits until it has ended.
func killClient(t *testing.T, b *farBed, host string) {
	t.Helper()
	killed := false
	for _, pid := range sshdtest.Masters(t, b.Dir, host) {
		killed = syscall.Kill(pid, syscall.SIGKILL) == nil
	}
	if !killed {
		t.Fatalf("no ssh to %s: %q", host, sshdtest.Clients(t, b.Dir))
	}
}
