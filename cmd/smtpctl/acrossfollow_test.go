package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// A stream is a program whose lines are read as they come.
type stream struct {
	*exec.Cmd
	lines, said <-chan string
}

func newStream(t *testing.T, cmd *exec.Cmd) *stream {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return &stream{cmd, linesOf(out), linesOf(errs)}
}

// interrupt ends the program as Ctrl-C does, and returns its status.
func (s *stream) interrupt() int {
	s.Process.Signal(syscall.SIGINT)
	s.Wait()
	return s.ProcessState.ExitCode()
}

// awaitEach waits for one line with each of the texts, in any order.
func awaitEach(t *testing.T, lines <-chan string, texts ...string) (got []string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("after %q", got)
		}
	}()
	for left := slices.Clone(texts); len(left) > 0; {
		line := awaitLine(t, lines, "")
		got = append(got, line)
		left = slices.DeleteFunc(left, func(text string) bool { return strings.Contains(line, text) })
	}
	return got
}

// TestAcrossFollow follows two and five machines in each format: one stream, whose events are
// those that each machine alone shows.
func TestAcrossFollow(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, names []string, list string, sims []*smtpdsim.Server) {
		n := len(sims)
		formats := []string{"json", "plain", "csv"}
		var streams, alone []*stream
		for _, format := range formats {
			streams = append(streams, newStream(t, b.command("--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", list, "show", "queue", "--follow", "-o", format)))
		}
		for i, sim := range sims {
			s := newStream(t, exec.Command(program, "--socket", sim.Path(), "show", "queue", "--follow", "-j"))
			awaitLine(t, s.said, fmt.Sprintf("smtpctl: following %d envelopes; Ctrl-C ends", len(sims[i].Envelopes())))
			alone = append(alone, s)
		}
		for _, s := range streams {
			var want []string
			for i, name := range names {
				want = append(want, fmt.Sprintf("%s: smtpctl: following %d envelopes; Ctrl-C ends", name, len(sims[i].Envelopes())))
			}
			awaitEach(t, s.said, want...)
		}
		var events []string // of all machines, as JSON without the time
		for i, sim := range sims {
			sim.Add(smtpdsim.Envelope{ID: 0xabcd000100000001 + protocol.EnvelopeID(i), Text: tableMail})
			run(t, "--socket", sim.Path(), "remove", sim.Envelopes()[0].ID.String())
			for range 2 {
				var e map[string]any
				if err := json.Unmarshal([]byte(awaitLine(t, alone[i].lines, "")), &e); err != nil {
					t.Fatal(err)
				}
				e["server"], e["time"] = names[i], ""
				text, _ := json.Marshal(e)
				events = append(events, string(text))
			}
		}
		slices.Sort(events)
		var got []string
		for range 2 * n {
			line := awaitLine(t, streams[0].lines, `{"server":"mx`)
			var e map[string]any
			json.Unmarshal([]byte(line), &e)
			e["time"] = ""
			text, _ := json.Marshal(e)
			got = append(got, string(text))
		}
		slices.Sort(got)
		if !slices.Equal(got, events) {
			t.Errorf("%q\nwant %q", got, events)
		}
		var want []string
		for i := range names {
			want = append(want, "|came|"+(0xabcd000100000001+protocol.EnvelopeID(i)).String()+"|")
		}
		for _, line := range awaitEach(t, streams[1].lines, want...) {
			if name, _, _ := strings.Cut(line, ":"); !slices.Contains(names, name) {
				t.Errorf("%q", line)
			}
		}
		if head := awaitLine(t, streams[2].lines, ""); !strings.HasPrefix(head, "server,time,event,id,") {
			t.Errorf("%q", head)
		}
		for range 2 * n {
			row, err := csv.NewReader(strings.NewReader(awaitLine(t, streams[2].lines, ""))).Read()
			if err != nil || len(row) != 8 || !slices.Contains(names, row[0]) {
				t.Errorf("%q, %v", row, err)
			}
		}
		for _, s := range streams {
			if status := s.interrupt(); status != 130 {
				t.Errorf("status %d", status)
			}
		}
		b.gone()
	})
}

// muted returns a configuration with which a simulation never answers.
func muted(cfg smtpdsim.Config) smtpdsim.Config {
	cfg.Tamper = func() func(int, []byte) []byte { return func(int, []byte) []byte { return nil } }
	return cfg
}

// TestAcrossFollowFails follows machines of which one cannot be reached, one is mute, and the
// smtpd of one goes down and comes back: it is said as for one machine, and the others go on.
func TestAcrossFollowFails(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 5}
	m := newFarMachines(t, cfg, cfg, muted(cfg))
	m.configure("Host mx5 mx6\nProxyCommand sh -c 'echo go away >&2; exit 1'\n")
	opts := []string{"--timeout", "40s", "--socket", m.socket, "--host"}
	if r := m.run("", append(opts, "mx5,mx6", "show", "queue", "--follow")...); r.status != 3 || r.stdout != "" || !strings.Contains(r.stderr, "mx5: ssh: ") {
		t.Errorf("all down: %v", r)
	}
	s := newStream(t, m.command(append(opts, "mx5,mx3,mx1,mx2", "show", "queue", "--follow")...))
	awaitEach(t, s.said, "smtpctl: mx5: ssh: ", "mx1: smtpctl: following ", "mx2: smtpctl: following ")
	add := func(sim *smtpdsim.Server, host string, id protocol.EnvelopeID) {
		t.Helper()
		sim.Add(smtpdsim.Envelope{ID: id, Text: tableMail})
		line := awaitLine(t, s.lines, "|came|"+id.String()+"|")
		if !strings.HasPrefix(line, host+":") {
			t.Errorf("%q, not of %s", line, host)
		}
	}
	add(m.sims[0], "mx1", 0xabcd000100000001)
	add(m.sims[1], "mx2", 0xabcd000200000001)
	path := m.sims[1].Path()
	m.sims[1].Close()
	if line := awaitLine(t, s.said, "trying again"); !strings.HasPrefix(line, "mx2: smtpctl: ") {
		t.Errorf("%q", line)
	}
	add(m.sims[0], "mx1", 0xabcd000300000001)
	again, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	if line := awaitLine(t, s.said, "smtpd answers again"); !strings.HasPrefix(line, "mx2: smtpctl: ") {
		t.Errorf("%q", line)
	}
	add(m.sims[0], "mx1", 0xabcd000400000001)
	if status := s.interrupt(); status != 130 {
		t.Errorf("status %d", status)
	}
	m.gone()
}

// TestAcrossFollowOnATerminal follows simulated machines at the prompt: one table.
func TestAcrossFollowOnATerminal(t *testing.T) {
	t.Parallel()
	x := openTerminal(t, "--demo", "--hosts", "2")
	x.expect(promptRE)
	x.keys("on mx1,mx2,local show queue --follow\r")
	x.expect(`mx1: smtpctl: following \d+ envelopes; Ctrl-C ends`)
	x.expect(`SERVER +TIME +EVENT ID +TRIES (?s).*(mx1|mx2|local) +[\d:]{8} (came|tried|left) `)
	x.keys("\x03")
	x.expect(promptRE)
	x.keys("exit\r")
	x.ended(130)
}
