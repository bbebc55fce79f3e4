package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// env returns the environment of a program whose ssh leads to the machines of the bed.
func (b *farBed) env() []string {
	return []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "XDG_STATE_HOME=" + filepath.Join(b.Dir, "state"), "SSH_AUTH_SOCK="}
}

// TestFarBrowse browses the queue of one other machine: it reads mail there, acts, and goes on
// when the ssh to it has been killed.
func TestFarBrowse(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", 20)
	for _, how := range []string{"--host", "on", "connect"} {
		args := []string{"--socket", f.socket, "--spool", f.dir}
		switch how {
		case "--host":
			args = append(args, "--host", "mx1", "browse")
		case "on":
			args = append(args, "on", "mx1", "browse", "from=*")
		}
		x := openTerminalIn(t, t.TempDir(), f.env(), args...)
		if how == "connect" {
			x.expect(promptRE)
			x.keys("connect mx1\r")
			x.expect(`mx1 smtpctl> $`)
			x.keys("browse\r")
		}
		before := len(f.sim.Envelopes())
		x.glassShows(fmt.Sprintf(`%d envelopes, `, before))
		x.keys("\r")
		x.glassShows(`verdict: `)
		x.glassShows(`== its message(.*\n)+.*(Subject|Received|From)`)
		x.keys("q d")
		x.glassShows(`remove: 1 envelope`)
		x.glassShows(`\[y/N\]`)
		x.keys("y\r")
		x.glassShows(`1 envelope removed`)
		if n := len(f.sim.Envelopes()); n != before-1 {
			t.Errorf("%s: %d envelopes are left of %d", how, n, before)
		}
		x.keys("q")
		if how == "--host" {
			killClient(t, f.farBed, "mx1")
			x.keys("r")
			x.glassShows(fmt.Sprintf(`%d envelopes, (.*\n)+.*STATE`, before-1))
		}
		x.keys("q")
		if how == "connect" {
			x.expect(`mx1 smtpctl> $`)
			x.keys("exit\r")
		}
		x.ended(0)
		f.gone()
	}
}

// TestAcrossBrowse browses the queues of three machines, of which one is down at first, with
// mail of the same ids: each envelope is that of its machine, and so is what is logged.
func TestAcrossBrowse(t *testing.T) {
	t.Parallel()
	for i, size := range [][2]int{{80, 24}, {132, 40}} {
		if !fulltest.Takes(i, 2) {
			continue
		}
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			cfg := smtpdsim.Config{Seed: 1, Messages: 3}
			m := newFarMachines(t, cfg, cfg, cfg)
			path := m.sims[2].Path()
			m.sims[2].Close()
			x := openTerminalIn(t, t.TempDir(), m.env(), "--socket", m.socket, "--host", "mx1,mx2,mx3", "browse")
			x.resize(size[0], size[1])
			n := len(m.sims[0].Envelopes())
			x.glassShows(fmt.Sprintf(`%d envelopes on 2 of 3 hosts, `, 2*n))
			x.glassShows(`SERVER`)
			x.glassShows(`mx3: .*trying again`)
			x.keys(" ") // the first of mx1
			for range n - 1 {
				x.keys("j")
			}
			x.keys(" ") // the first of mx2
			x.glassShows(`2 marked`)
			x.keys("d")
			x.glassShows(`mx1: remove: 1 envelope\s`)
			x.glassShows(`mx2: remove: 1 envelope\s`)
			x.glassShows(`remove on 2 hosts\? \[y/N\]`)
			x.keys("y\r")
			x.glassShows(`mx1: 1 envelope removed`)
			x.glassShows(`mx2: 1 envelope removed`)
			first := firstOf(t, cfg)
			for i, sim := range m.sims[:2] {
				left := sim.Envelopes()
				if len(left) != n-1 || left[0].ID == first {
					t.Errorf("mx%d has %d envelopes, the first is %v", i+1, len(left), left[0].ID)
				}
			}
			journal, _ := os.ReadFile(filepath.Join(m.Dir, "state", "smtpctl", "journal"))
			for _, host := range []string{"mx1", "mx2"} {
				if strings.Count(string(journal), fmt.Sprintf(`"socket":"%s:`, host)) != 1 {
					t.Errorf("the journal does not name %s once: %s", host, journal)
				}
			}
			x.keys("q")
			sim, err := smtpdsim.Start(path, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer sim.Close()
			x.glassShows(fmt.Sprintf(`%d envelopes, `, 3*n-2))
			syscall.Kill(m.master("mx2"), syscall.SIGKILL)
			x.keys("r")
			x.glassShows(fmt.Sprintf(`%d envelopes, (.*\n)+.*\n.* on mx2 to `, 3*n-2)) // without a line about mx2
			x.keys("\r")
			x.glassShows(`envelope [0-9a-f]{16} on mx2`)
			x.glassShows(`verdict: `)
			x.keys("qq")
			x.ended(0)
			m.gone()
		})
	}
}

// firstOf returns the first id in the queue of a simulation.
func firstOf(t *testing.T, cfg smtpdsim.Config) protocol.EnvelopeID {
	sim, _ := simtest.Start(t, cfg)
	return sim.Envelopes()[0].ID
}

// TestAcrossBrowseEnds ends browse of several machines, of which one cannot be reached, in all
// ways: the terminal is put back, soon, and no ssh is left.
func TestAcrossBrowseEnds(t *testing.T) {
	t.Parallel()
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 20})
	for i, end := range []struct {
		keys   string
		signal syscall.Signal
	}{{"dq", 0}, {"\x03", 0}, {"q", 0}, {"", syscall.SIGTERM}, {"", syscall.SIGHUP}, {"", syscall.SIGINT}, {"", syscall.SIGQUIT}} {
		if !fulltest.Takes(i, 3) {
			continue
		}
		t.Run(fmt.Sprintf("%q %v", end.keys, end.signal), func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			b.Config("Host mx2\nProxyCommand sleep 600\n")
			x := openTerminalIn(t, t.TempDir(), b.env(), "--timeout", "100s", "--socket", socket, "--host", "mx1,mx2,mx3", "browse")
			x.glassShows(`mx1(.*\n)+ *mx3|mx1(.*\n)+.*on mx1 to `)
			x.glassShows(`mx2: no answer for`)
			keys := end.keys
			if keys == "dq" {
				x.keys("d")
				x.glassShows(`remove it\? \[y/N\]`)
				x.keys("\x03")
				x.glassShows(`nothing done`)
				keys = "q"
			}
			began := time.Now()
			x.keys(keys)
			status := 0
			if end.signal != 0 {
				x.cmd.Process.Signal(end.signal)
				status = 128 + int(end.signal)
			}
			x.ended(status)
			if d := time.Since(began); d > patience/2 {
				t.Errorf("%v takes %v", end, d)
			}
			b.gone()
			if all := x.all(); strings.Count(all, "\x1b[?1049h") != strings.Count(all, "\x1b[?1049l") {
				t.Errorf("%v: the screen was not left: %q", end, tail(all))
			}
		})
	}
}
