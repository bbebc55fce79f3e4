package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
)

// restart starts the smtpd of a machine, counted from 0, that has been closed.
func (m *farMachines) restart(i int, cfg smtpdsim.Config) {
	m.t.Helper()
	sim, err := smtpdsim.Start(filepath.Join(fmt.Sprint(filepath.Dir(m.socket), "-", i), "s"), cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(sim.Close)
	m.sims[i] = sim
}

// hang stops all sessions of sshd on a machine until the returned function is called.
func (m *farMachines) hang(i int) (goOn func()) {
	m.t.Helper()
	pids := m.servers[i].Sessions()
	if len(pids) == 0 {
		m.t.Fatal("sshd has no session")
	}
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	goOn = func() {
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	m.t.Cleanup(goOn)
	return goOn
}

// TestFarWatch watches the queues of three machines. One smtpd ends and is started again, one
// machine hangs and goes on, and the ssh to one is killed: the others are shown all the time,
// what is wrong is said, nothing passes for gone or new because of it, and each comes back by
// itself.
func TestFarWatch(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 2}
	m := newFarMachines(t, cfg, cfg, cfg)
	n := len(m.sims[0].Envelopes())
	x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + m.Path(), "XDG_RUNTIME_DIR=" + m.Dir},
		"--timeout", "60s", "--socket", m.socket, "--host", "mx1,mx2,mx3", "watch", "1", "show", "queue")
	x.resize(120, 24)
	all := fmt.Sprintf(`every 1s: show queue on 3 machines, at \S+, %d envelopes in their queues\n.*%d lines; q ends\n  SERVER (?s).*\n  mx1 .*\n  mx2 .*\n  mx3 `, 3*n, 3*n)
	x.glassShows(all)
	calm := func(screen string) {
		t.Helper()
		if changed := regexp.MustCompile(`(?m)^[-+] mx.*|[1-9]\d* (came|went)`).FindString(screen); changed != "" {
			t.Errorf("%q has not changed:\n%s", changed, screen)
		}
	}

	m.sims[1].Close()
	calm(x.glassShows(`on 2 of 3 machines(?s).*smtpctl: mx2: connect to \S+: smtpd does not seem to be running, since \d\d:`))
	m.restart(1, cfg)
	calm(x.glassShows(all))

	goOn := m.hang(2)
	calm(x.glassShows(fmt.Sprintf(`on 3 machines, at (?s).*\nsmtpctl: mx3: no answer for \S+: its lines are those of \d\d:.*%d lines; q ends|on 3 machines(?s).*mx3: no answer for`, 3*n)))
	for i := range 2 { // the others are asked in each interval
		e := smtpdsim.Envelope{ID: m.sims[0].Envelopes()[0].ID + 0x100*protocol.EnvelopeID(i+1)}
		began := time.Now()
		m.sims[0].Add(e)
		x.glassShows(`mx3: no answer for \S+: its lines(?s).*\n\+ mx1 +` + e.ID.String())
		t.Logf("seen after %v", time.Since(began))
	}
	goOn()
	x.glassShows(fmt.Sprintf(`on 3 machines, at \S+, %d envelopes in their queues\n.*lines; q ends\n  SERVER `, 3*n+2))

	killClient(t, m.farBed, "mx1") // another one is started
	m.sims[0].Add(smtpdsim.Envelope{ID: m.sims[0].Envelopes()[0].ID + 0x900})
	x.glassShows(fmt.Sprintf(`on 3 machines, at \S+, %d envelopes in their queues\n.*lines; q ends\n  SERVER `, 3*n+3))
	for _, size := range [][2]int{{40, 12}, {200, 50}, {80, 24}} {
		x.resize(size[0], size[1])
		x.glassShows(`^every 1s: show queue on 3 machines.*\n(?s).*\n  SERVER ID .*\n  mx1 +[0-9a-f]{16} `)
	}
	x.keys("q")
	x.ended(0)
	m.gone()
}

// TestFarWatchEnds ends watch by signals and keys while a machine hangs: soon, with the
// terminal as it was and no ssh left.
func TestFarWatchEnds(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		name   string
		end    func(x *terminal)
		status int
	}{
		{"q", func(x *terminal) { x.keys("q") }, 0},
		{"Ctrl-C", func(x *terminal) { x.keys("\x03") }, 130},
		{"SIGTERM", func(x *terminal) { x.cmd.Process.Signal(syscall.SIGTERM) }, 143},
		{"SIGHUP", func(x *terminal) { x.cmd.Process.Signal(syscall.SIGHUP) }, 129},
	} {
		for j, line := range []string{"watch 1 show status", "monitor"} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			t.Run(tt.name+" "+line, func(t *testing.T) {
				t.Parallel()
				cfg := smtpdsim.Config{Seed: 1, Messages: 2}
				m := newFarMachines(t, cfg, cfg)
				x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + m.Path(), "XDG_RUNTIME_DIR=" + m.Dir},
					append([]string{"--socket", m.socket, "--host", "mx1,mx2"}, strings.Fields(line)...)...)
				x.glassShows(`(?s)mx1 .*mx2 `)
				m.hang(1)
				x.glassShows(`mx2: no answer|mx2 +late`)
				began := time.Now()
				tt.end(x)
				x.ended(tt.status)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
				m.gone()
			})
		}
	}
}

// TestFarWatchPipe watches two machines, one of which is down, into a pipe: an output in each
// interval, which says so.
func TestFarWatchPipe(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 2}
	m := newFarMachines(t, cfg, cfg)
	m.sims[1].Close()
	for _, words := range []string{"--host mx1,mx2 watch 0.5 show status", "on mx1,mx2 watch 0.5 show status", "watch 0.5 on mx1,mx2 show status"} {
		cmd := m.command(append([]string{"--socket", m.socket}, strings.Fields(words)...)...)
		var out realsmtpd.LockedBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		const one = "mx1: MDA running\nmx1: MTA running\nmx1: SMTP running\nsmtpctl: mx2: connect to "
		for deadline := time.Now().Add(patience); strings.Count(out.String(), one) < 3; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: %s", words, out.String())
				break
			}
		}
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("%s: status %d, %s", words, cmd.ProcessState.ExitCode(), out.String())
		}
		m.gone()
	}
}
