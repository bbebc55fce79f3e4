package main

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
)

// TestFarMonitor draws the screen of three machines. One smtpd ends and is started again, one
// machine hangs and goes on, and one ssh is killed: each is said, each comes back by itself, and
// the sums keep what was known.
func TestFarMonitor(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 20}
	m := newFarMachines(t, cfg, cfg, cfg)
	n := len(m.sims[0].Envelopes())
	x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + m.Path(), "XDG_RUNTIME_DIR=" + m.Dir},
		"--timeout", "60s", "--socket", m.socket, "on", "mx1,mx2,mx3", "monitor", "-i", "0.5")
	x.resize(100, 30)
	all := fmt.Sprintf(`^sums of 3 machines; n next, p previous, q ends\nSERVER .*\nmx1 +up +%d +0 +0 +0\nmx2 +up +%d +0 +0 +0\nmx3 +up +%d +0 +0 +0\nSERIES (?s).*\nenvelopes +%d `, n, n, n, 3*n)
	x.glassShows(all)

	m.sims[1].Close()
	x.glassShows(fmt.Sprintf(`^sums of 3 machines, 2 up; .*\nSERVER .*\nmx2 +down +%d +- +- +-\nmx1 +up(?s).*\nenvelopes +%d .*\nmx2: away since \S+, its last numbers are in the sums: connect to `, n, 3*n))
	time.Sleep(time.Second) // so that the time of the start is another one
	m.restart(1, cfg)
	x.glassShows(all + `.*\nmx2: smtpd was started again before \d`)

	goOn := m.hang(2)
	x.glassShows(fmt.Sprintf(`^sums of 3 machines, 2 up; .*\nSERVER .*\nmx3 +late +%d (?s).*\nenvelopes +%d .*mx3: no answer since \S+; its last`, n, 3*n))
	m.sims[0].Add(smtpdsim.Envelope{ID: m.sims[0].Envelopes()[0].ID + 0x100})
	x.glassShows(fmt.Sprintf(`\nmx3 +late (?s).*\nmx1 +up +%d `, n+1)) // the others are asked
	goOn()
	x.glassShows(`^sums of 3 machines; `)
	killClient(t, m.farBed, "mx1") // another one is started
	m.sims[0].Add(smtpdsim.Envelope{ID: m.sims[0].Envelopes()[0].ID + 0x200})
	x.glassShows(fmt.Sprintf(`^sums of 3 machines; (?s).*\nmx1 +up +%d `, n+2))

	for _, size := range [][2]int{{40, 12}, {200, 50}, {80, 24}} {
		x.resize(size[0], size[1])
		x.glassShows(`^(sums of )?3 machines; n next.*\nSERVER (?s).*\nSERIES .*\nenvelopes `)
		for _, step := range []string{"n:mx1", "n:mx2", "p:mx1", "p:3 machines", "p:mx3", "s:3 machines"} {
			key, want, _ := strings.Cut(step, ":")
			x.keys(key)
			x.glassShows(`^(sums of )?` + want + `.*q ends\n(?s).*SERIES .*\nenvelopes `)
		}
	}
	x.keys("q")
	x.ended(0)
	m.gone()
	if wrong := regexp.MustCompile(`(?m)^[^m].*\d{9,}|[^-]-\d`).FindString(strings.ReplaceAll(escapes.ReplaceAllString(x.all(), ""), m.socket, "")); wrong != "" {
		t.Errorf("%q was shown", wrong)
	}
}

// TestFarMonitorLines prints lines of several machines, of which some are down from the
// beginning or end in the middle: the others go on, and the exit status says that one has
// failed. When none is left, monitor ends.
func TestFarMonitorLines(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 2}
	m := newFarMachines(t, cfg, cfg, cfg)
	args := []string{"--socket", m.socket, "--host", "mx1,mx2,mx3", "monitor", "-i", "0.3"}
	r := m.run("", append(args, "-c", "2")...)
	if lines := strings.Split(r.stdout, "\n"); r.status != 0 || len(lines) != 9 || !strings.HasPrefix(lines[1], "     curr conn disc ") || !strings.HasPrefix(lines[2], "mx1:    ") || !strings.HasPrefix(lines[7], "mx3:    ") {
		t.Errorf("%v", r)
	}
	m.sims[1].Close()
	r = m.run("", append(args, "-c", "3", "-j")...)
	if r.status != 1 || strings.Count(r.stdout, `{"server":"mx1","time":`) != 3 || strings.Count(r.stdout, `{"server":"mx3","time":`) != 3 || strings.Count(r.stdout, "\n") != 6 ||
		strings.Count(r.stderr, "mx2: connect to ") != 1 || !strings.HasSuffix(r.stderr, "smtpctl: monitor: failed on mx2\n") {
		t.Errorf("%v", r)
	}
	r = m.run("", append(args, "-c", "1", "-o", "csv")...)
	if !strings.HasPrefix(r.stdout, "server,time,clients,") || strings.Count(r.stdout, "\n") != 3 || !strings.Contains(r.stdout, "\nmx3,") {
		t.Errorf("%v", r)
	}
	if fulltest.On() {
		r = m.run("", append(args, "-c", "1", "--columns", "envelopes")...)
	}
	if !strings.Contains(r.stdout, "mx1") || !strings.Contains(r.stdout, "mx3") {
		t.Errorf("%v", r)
	}
	cmd := m.command(append(args, "-j")...)
	var out, errs realsmtpd.LockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until := func(what, want string, more int) {
		t.Helper()
		for deadline := time.Now().Add(patience); strings.Count(out.String(), want) < more; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				cmd.Process.Kill()
				t.Fatalf("%s: %s%s", what, out.String(), errs.String())
			}
		}
	}
	until("mx1 and mx3 answer", `"mx3"`, 2)
	m.restart(1, cfg)
	until("mx2 is back", `"mx2"`, 2)
	m.sims[0].Close()
	until("mx1 has ended", `"mx3"`, strings.Count(out.String(), `"mx3"`)+3)
	m.sims[1].Close()
	m.sims[2].Close()
	timer := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGKILL) })
	cmd.Wait()
	timer.Stop()
	if cmd.ProcessState.ExitCode() != 3 || regexp.MustCompile(`:\d{12,}`).MatchString(out.String()) {
		t.Errorf("status %d: %s%s", cmd.ProcessState.ExitCode(), out.String(), errs.String())
	}
	m.gone()
}
