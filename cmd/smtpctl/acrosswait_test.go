package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// A started is a program that runs beside the test.
type started struct {
	*exec.Cmd
	out, errs strings.Builder
	begun     time.Time
}

func begin(t *testing.T, cmd *exec.Cmd) *started {
	t.Helper()
	s := &started{Cmd: cmd, begun: time.Now()}
	cmd.Stdout, cmd.Stderr = &s.out, &s.errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// end waits for the end of the program.
func (s *started) end() result {
	kill := time.AfterFunc(runLimit, func() { s.Process.Kill() })
	defer kill.Stop()
	s.Wait()
	return result{s.out.String(), s.errs.String(), s.ProcessState.ExitCode()}
}

// untilAsked waits until a simulated smtpd has been asked once more.
func untilAsked(t *testing.T, sim *smtpdsim.Server, what protocol.Type) {
	t.Helper()
	before := sim.Requests(what)
	for deadline := time.Now().Add(patience); sim.Requests(what) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not asked for %v", what)
		}
	}
}

// TestAcrossWait waits for all conditions on two and on five machines: the counts are those of
// all together, and the queue is empty once the last machine's is.
func TestAcrossWait(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, names []string, list string, sims []*smtpdsim.Server) {
		n := len(sims)
		total := 0
		var each []string
		for i, sim := range sims {
			total += len(sim.Envelopes())
			each = append(each, fmt.Sprintf("%s (%d)", names[i], len(sim.Envelopes())))
		}
		only := sims[n-1].Envelopes()[0].ID.String() // on the last machine alone
		var lines, want []string
		for _, tt := range []struct{ line, want string }{
			{"wait from=* for 20s", ""},
			{"wait " + only + " for 20s", ""},
			{"wait " + only[:8] + " for 20s", ""},
			{"wait from=none@none.example for 1s", "no envelope is selected"},
			{"wait empty from=none@none.example for 20s", ""},
			{"wait empty " + only + " for 1s", fmt.Sprintf("1 envelope is left: %s (1)", names[n-1])},
			{"wait empty for 1s", fmt.Sprintf("%d envelopes are left: %s", total, strings.Join(each, ", "))},
			{fmt.Sprintf("wait stats scheduler.envelope=%d for 20s", total), ""},
			{fmt.Sprintf("wait stats scheduler.envelope=%d- for 1s", total+1), fmt.Sprintf("scheduler.envelope is %d: %s", total, strings.Join(each, ", "))},
			{fmt.Sprintf("wait stats scheduler.envelope!=%d for 1s", total), fmt.Sprintf("scheduler.envelope is %d: %s", total, strings.Join(each, ", "))},
			{"wait stats none=0 for 20s", ""},
			{"wait stats uptime=100000000- for 1s", names[0] + ": uptime is "},
			{"wait stats uptime=-100000000 for 20s", ""},
		} {
			lines = append(lines, tt.line)
			if tt.want != "" {
				want = append(want, fmt.Sprintf("stdin:%d: wait ", len(lines))+"|: timed out after 1s: "+tt.want)
			}
		}
		r := b.run(strings.Join(lines, "\n")+"\n", "-k", "--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", list, "-f", "-")
		said := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
		for i, w := range want {
			begins, holds, _ := strings.Cut(w, "|")
			if i >= len(said) || !strings.HasPrefix(said[i], begins) || !strings.Contains(said[i], holds) || strings.Contains(said[i], "no answer") {
				t.Errorf("no %q: %v", w, r)
			}
		}
		if len(said) != len(want) || r.stdout != "" || r.status != 1 {
			t.Errorf("%v", r)
		}
		// A shortened id is refused, but a time may look like one.
		if r := b.across(list, "wait", "empty", "from=none@none.example", "for", "5d"); r.status != 0 {
			t.Errorf("%v", r)
		}
		if r := b.across(list, "wait", "abcd", "for", "5d"); r.status != 2 || !strings.Contains(r.stderr, "shortened") {
			t.Errorf("%v", r)
		}
		s := begin(t, b.command("--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", list, "wait", "empty", "for", "50s"))
		for i, sim := range sims {
			untilAsked(t, sim, protocol.TypeGetDigest)
			if s.ProcessState != nil {
				t.Errorf("ended before %s is empty", names[i])
			}
			run(t, "--socket", sim.Path(), "remove", "all")
		}
		if r := s.end(); r.status != 0 || r.stdout != "" || r.stderr != "" {
			t.Errorf("%v", r)
		}
		b.gone()
	})
}

// TestAcrossWaitFails waits for machines of which one is down, dies, or never answers: that one
// is named, and the time limit is kept whatever the machines do. Ctrl-C ends all.
func TestAcrossWaitFails(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 5}
	m := newFarMachines(t, cfg, cfg, muted(cfg))
	m.configure("Host mx5\nProxyCommand sh -c 'echo go away >&2; exit 1'\n")
	wait := func(hosts string, words ...string) *started {
		return begin(t, m.command(append([]string{"--timeout", "50s", "--socket", m.socket, "--host", hosts, "wait", "empty", "for"}, words...)...))
	}
	r := wait("mx1,mx5", "50s").end()
	if r.status != 3 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "smtpctl: mx5: ssh: ") {
		t.Errorf("down from the start: %v", r)
	}
	s := wait("mx1,mx3", "4s")
	r = s.end()
	if took := time.Since(s.begun); r.status != 1 || took < 4*time.Second || took > 30*time.Second || !strings.HasSuffix(r.stderr, ": timed out after 4s: there was no answer yet; no answer yet from mx3\n") {
		t.Errorf("mute: %v after %v", r, took)
	}
	s = wait("mx1,mx2", "50s")
	untilAsked(t, m.sims[1], protocol.TypeGetDigest)
	s.Process.Signal(syscall.SIGINT)
	if r = s.end(); r.status != 130 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("interrupted: %v", r)
	}
	m.gone()
	s = wait("mx1,mx2", "50s")
	untilAsked(t, m.sims[1], protocol.TypeGetDigest)
	m.sims[1].Close()
	if r = s.end(); r.status != 3 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "smtpctl: mx2: ") || time.Since(s.begun) > 45*time.Second {
		t.Errorf("dies: %v after %v", r, time.Since(s.begun))
	}
	m.gone()
}
