package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// holdSim starts a simulation with envelopes to four domains, and returns how the program
// is run on it.
func holdSim(t *testing.T, path, state string, n int) (*smtpdsim.Server, func(args ...string) result) {
	t.Helper()
	sim, err := smtpdsim.Start(path, smtpdsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	for i := range n {
		sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(i+1)<<32 | 1, Flags: protocol.FlagPending, Time: time.Now().Unix() + 3600,
			Text: fmt.Sprintf("version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@d%[1]d.example\ndest: b@d%[1]d.example\n", i%4)})
	}
	return sim, func(args ...string) result {
		cmd := exec.Command(program, append([]string{"--socket", path, "--spool", state}, args...)...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
		return runCommand(t, cmd, "")
	}
}

// suspended returns how many envelopes of a simulation are suspended.
func suspended(sim *smtpdsim.Server) int {
	n := 0
	for _, e := range sim.Envelopes() {
		if e.Flags&protocol.FlagSuspend != 0 {
			n++
		}
	}
	return n
}

// TestHoldAtOnce has several administrators hold and release the same mail and other
// mail while passes go on. No hold is lost, and at the end all is resumed that was held.
func TestHoldAtOnce(t *testing.T) {
	t.Parallel()
	path, state := simtest.Socket(t), t.TempDir()
	sim, run := holdSim(t, path, state, 200)
	if r := run("pause", "envelope", "0000000100000001"); r.status != 0 {
		t.Fatal(r)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 3 {
				own := fmt.Sprintf("domain=d%d.example", i)
				for _, args := range [][]string{{"hold", own}, {"hold", "from=a@x.example", "for=1h"}, {"hold", "--again"}, {"release", own}, {"hold", "--again"}} {
					if r := run(args...); r.status != 0 && !strings.Contains(r.stderr, "give the command again") {
						t.Errorf("%q: %v", args, r)
					}
				}
			}
			if r := run("hold", fmt.Sprintf("to=b@d%d.example", i)); r.status != 0 {
				t.Errorf("%v", r)
			}
		})
	}
	wg.Wait()
	if r := run("hold", "--again"); r.status != 0 {
		t.Error(r)
	}
	if n := suspended(sim); n != 200 {
		t.Errorf("%d suspended", n)
	}
	r := run("show", "holds")
	for i := range 4 {
		if !strings.Contains(r.stdout, fmt.Sprintf("to=b@d%d.example: ", i)) {
			t.Errorf("a hold is lost: %v", r)
		}
	}
	if r := run("release", "all"); r.status != 0 {
		t.Error(r)
	}
	if n := suspended(sim); n != 1 || sim.Envelopes()[0].Flags&protocol.FlagSuspend == 0 {
		t.Errorf("%d are suspended, want the one that was by hand: %v", n, r)
	}
	if r := run("show", "holds"); r.stdout != "" {
		t.Errorf("%v", r)
	}
}

// TestHoldAfterRestart releases a hold after a restart of smtpd: what is suspended then,
// somebody else has suspended.
func TestHoldAfterRestart(t *testing.T) {
	t.Parallel()
	path, state := simtest.Socket(t), t.TempDir()
	sim, run := holdSim(t, path, state, 8)
	if r := run("hold", "domain=d0.example"); r.stdout != "2 envelopes held\n" {
		t.Fatal(r)
	}
	sim.Close()
	if r := run("show", "holds"); r.status != 0 || !strings.Contains(r.stdout, "until released, ? of 2 suspended") || !strings.Contains(r.stderr, "cannot tell how many envelopes are suspended now") {
		t.Errorf("without smtpd: %v", r)
	}
	time.Sleep(1100 * time.Millisecond) // the start of another is told apart by its second
	sim, run = holdSim(t, path, state, 8)
	if r := run("pause", "envelope", "0000000100000001"); r.status != 0 {
		t.Fatal(r)
	}
	if r := run("show", "holds"); !strings.Contains(r.stdout, "0 of 2 suspended") || !strings.Contains(r.stderr, "smtpd was restarted: hold --again suspends those still queued") {
		t.Errorf("after the restart: %v", r)
	}
	r := run("release", "domain=d0.example")
	if r.status != 0 || r.stdout != "0 envelopes released\n" || !strings.Contains(r.stderr, "smtpd has restarted since, and so resumed what this hold had suspended") {
		t.Errorf("%v", r)
	}
	if n := suspended(sim); n != 1 {
		t.Errorf("%d are suspended, want the one that was by hand", n)
	}
}

// TestHoldKilled kills the program at any moment of a hold, a pass and a release: a
// release resumes all that was suspended, and nothing that somebody else has suspended.
func TestHoldKilled(t *testing.T) {
	t.Parallel()
	path, state := simtest.Socket(t), t.TempDir()
	sim, run := holdSim(t, path, state, 3000)
	if r := run("pause", "envelope", "0000000100000001"); r.status != 0 {
		t.Fatal(r)
	}
	half := 0
	for i := range fulltest.Of(12, 6) {
		args := [][]string{{"hold", "from=*"}, {"hold", "--again"}, {"release", "from=*"}}[i%3]
		cmd := exec.Command(program, append([]string{"--socket", path, "--spool", state}, args...)...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
		before := suspended(sim)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			close(ended)
		}()
		for over := false; !over; {
			select {
			case <-ended:
				over = true
			case <-time.After(time.Millisecond):
				if n := suspended(sim); n > before+100 || n < before-100 {
					cmd.Process.Kill()
				}
			}
		}
		if n := suspended(sim); n > 1 && n < 3000 {
			half++
		}
	}
	if half == 0 {
		t.Error("none was killed in its middle")
	}
	t.Logf("%d killed in the middle", half)
	if r := run("hold", "from=*"); r.status != 0 {
		t.Fatal(r)
	}
	if n := suspended(sim); n != 3000 {
		t.Errorf("%d suspended", n)
	}
	if r := run("release", "from=*"); r.status != 0 {
		t.Fatal(r)
	}
	if n := suspended(sim); n != 1 || sim.Envelopes()[0].Flags&protocol.FlagSuspend == 0 {
		t.Errorf("%d are suspended, want the one that was by hand", n)
	}
}
