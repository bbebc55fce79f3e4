package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// farRequeueBed is newRequeueBed on the machine mx1, whose smtpd takes mail at a TCP port.
func farRequeueBed(t *testing.T, ssh *farBed, at smtpdsim.Listener) *requeueBed {
	t.Helper()
	b := newRequeueBed(t)
	addr, err := b.sim.Listen("127.0.0.1:0", at)
	if err != nil {
		t.Fatal(err)
	}
	b.reach(t, ssh, "host mx1 = smtp="+addr+"\n")
	return b
}

// reach makes the smtpd one of the machine mx1, with settings.
func (b *requeueBed) reach(t *testing.T, ssh *farBed, settings string) {
	t.Helper()
	b.host = "mx1"
	b.args = append(b.args, "--host", b.host)
	config, run := t.TempDir(), t.TempDir()
	os.Mkdir(filepath.Join(config, "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(config, "smtpctl", "config"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"PATH=" + ssh.Path(), "XDG_CONFIG_HOME=" + config, "XDG_RUNTIME_DIR=" + run}
}

// sixOnce is the state of a queue of which all mail has been requeued, threeNotices that of one
// whose mail has been returned.
func sixOnce(b *requeueBed) error { return once(b.queued(), 6) }

func threeNotices(b *requeueBed) error {
	if n := b.queued(); len(n) != 1 || n["s@x.example"] != 3 {
		return fmt.Errorf("%v", n)
	}
	return nil
}

// TestFarRequeue is TestRequeue over ssh.
func TestFarRequeue(t *testing.T) {
	t.Parallel()
	testRequeue(t, farRequeueBed(t, newFarBed(t, ""), smtpdsim.Listener{}))
}

// TestFarRequeueKilled and TestFarBounceKilled kill requeue and bounce of mail of another machine
// at each of their steps, and give the command again.
func TestFarRequeueKilled(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	killEach(t, 13, func(t *testing.T) *requeueBed { return farRequeueBed(t, ssh, smtpdsim.Listener{}) }, []string{"requeue", "to=r*"}, 15, sixOnce)
}

func TestFarBounceKilled(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	killEach(t, 13, func(t *testing.T) *requeueBed { return farRequeueBed(t, ssh, smtpdsim.Listener{}) }, []string{"bounce", "to=r*"}, 15, threeNotices)
}

// unknownOnce is the state of a queue of which all mail that smtpd had refused has been requeued.
func unknownOnce(b *requeueBed) error {
	n := b.queued()
	if left, _ := filepath.Glob(b.spool.MessageDir(0x0b000001)); len(left) != 0 || n["u0@y.example"] != 1 || n["u1@y.example"] != 1 {
		return fmt.Errorf("%v, %v", n, left)
	}
	return nil
}

// TestFarUnknownKilled does so with mail that smtpd refuses to load, whose files are deleted there.
func TestFarUnknownKilled(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	killEach(t, 13, func(t *testing.T) *requeueBed { return farRequeueBed(t, ssh, smtpdsim.Listener{}) }, []string{"requeue", "to=u*"}, 7, unknownOnce)
	b := farRequeueBed(t, ssh, smtpdsim.Listener{})
	b.plantUnknown(t)
	if r := b.run(t, 0, "bounce", "to=u*"); r.status != 0 || strings.Count(r.stdout, " -> ") != 2 || b.queued()["s@x.example"] != 1 {
		t.Errorf("bounce: %v", r)
	}
	if left, _ := filepath.Glob(b.spool.MessageDir(0x0b000001)); len(left) > 0 {
		t.Errorf("bounce: %q is left", left)
	}
}

// TestFarGiveLost ends the SMTP session, or kills ssh, at each line of each session, before the
// line is carried out and after it: given again, the command leaves each mail once. Outside CI
// each of the six ways takes lines of its own.
func TestFarGiveLost(t *testing.T) {
	t.Parallel()
	first := 1
	for how, end := range map[string]func(t *testing.T, ssh *farBed){
		"session": func(*testing.T, *farBed) {},
		"ssh": func(t *testing.T, ssh *farBed) {
			ssh.killMasters()
		},
	} {
		for command, check := range map[string]func(b *requeueBed) error{"requeue to=r*": sixOnce, "bounce to=r*": threeNotices, "requeue to=u*": unknownOnce} {
			start := first
			first += fulltest.Of(0, 4)
			t.Run(how+" "+command, func(t *testing.T) {
				t.Parallel()
				words := strings.Fields(command)
				ssh := newFarBed(t, "")
				for at := start; at < fulltest.Of(1000, 45); at += fulltest.Of(1, 37) { // of about 50 lines
					var seen atomic.Int64
					lost := make(chan string, 1)
					b := farRequeueBed(t, ssh, smtpdsim.Listener{Cut: func(line string, carriedOut bool) bool {
						if seen.Add(1) != int64(at) {
							return false
						}
						end(t, ssh)
						lost <- fmt.Sprintf("%q, carried out %v", line, carriedOut)
						return true
					}})
					b.plantUnknown(t)
					r := b.run(t, 0, words...)
					if seen.Load() < int64(at) {
						if r.status != 0 || at < 15 {
							t.Errorf("line %d never came: %v", at, r)
						}
						return
					}
					what := <-lost
					if r.status == 0 { // another way was tried, or only the answer to QUIT is lost
						if err := check(b); err != nil || b.suspended() != 0 || len(b.notes()) != 0 {
							t.Errorf("%s: %v: %v", what, err, r)
						}
						continue
					}
					// Nothing that is suspended passes for unchanged.
					for _, e := range b.sim.Envelopes() {
						if e.Flags&protocol.FlagSuspend != 0 && !strings.Contains(strings.ReplaceAll(r.stderr, e.ID.String()+" is kept", ""), e.ID.String()) {
							t.Errorf("%s: %v is suspended: %v", what, e.ID, r)
						}
					}
					b.again(t, what, check, words...)
				}
			})
		}
	}
}

// TestFarGiveRefused tries to hand mail over where this smtpd does not take it: nothing is
// changed, and the error says why.
func TestFarGiveRefused(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	other, _ := simtest.Start(t, smtpdsim.Config{Spool: t.TempDir()})
	elsewhere, err := other.Listen("127.0.0.1:0", smtpdsim.Listener{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	ln.Close()
	const advice = "; let smtpd there listen on lo, or say where it listens in the settings: host mx1 = smtp=127.0.0.1:PORT"
	for i, tt := range []struct {
		name, addr string
		at         smtpdsim.Listener
		before     string // a command
		want       string // one or more texts, one a line
	}{
		{"nobody listens", closed, smtpdsim.Listener{}, "", "mx1: no SMTP session with smtpd there: " + closed + " (\nefused\n" + advice},
		{"another program", "", smtpdsim.Listener{Greeting: "mail.example ESMTP Postfix (Debian/GNU)"}, "", `is not OpenSMTPD, it greets with "mail.example ESMTP Postfix (Debian/GNU)": nothing is handed over` + advice},
		{"hostile", "", smtpdsim.Listener{Greeting: "\x1b[31m ESMTP x"}, "", `is not OpenSMTPD, it greets with "\x1b[31m ESMTP x": nothing is handed over` + advice},
		{"another smtpd", elsewhere, smtpdsim.Listener{}, "", "another smtpd (mx.example) listens at " + elsewhere + " there than that of \n/incoming: nothing is handed over" + advice},
		{"a login", "", smtpdsim.Listener{Login: true}, "", "takes no mail without TLS or a login: 530 "},
		{"paused", "", smtpdsim.Listener{}, "pause smtp", "smtpd accepts no mail at the moment: resume smtp"},
	} {
		for j, command := range []string{"requeue", "bounce", "notify"} {
			if !fulltest.Takes(i+j, 3) {
				continue
			}
			b := newRequeueBed(t)
			addr := tt.addr
			if addr == "" {
				if addr, err = b.sim.Listen("127.0.0.1:0", tt.at); err != nil {
					t.Fatal(err)
				}
			}
			b.reach(t, ssh, "host mx1 = smtp="+addr+"\n")
			if tt.before != "" {
				b.run(t, 0, strings.Fields(tt.before)...)
			}
			r := b.run(t, 0, command, "to=r*")
			if r.status != 1 || r.stdout != "" || strings.Contains(r.stderr, "\x1b") {
				t.Errorf("%s, %s: %v", tt.name, command, r)
			}
			for want := range strings.SplitSeq(tt.want, "\n") {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("%s, %s: want %q: %v", tt.name, command, want, r)
				}
			}
			if err := sixOnce(b); err != nil || b.sim.Requests(protocol.TypePauseEnvelope) != 0 || len(b.notes()) != 0 || len(other.Envelopes()) != 0 {
				t.Errorf("%s, %s: %v, %d were suspended, notes %q", tt.name, command, err, b.sim.Requests(protocol.TypePauseEnvelope), b.notes())
			}
		}
	}
	// Rules reject all of it.
	b := farRequeueBed(t, ssh, smtpdsim.Listener{NoDSN: true})
	id := protocol.EnvelopeID(0x12345678_00000001)
	for i, more := range []string{"", "dsn-notify: 3\n"} {
		b.sim.Add(smtpdsim.Envelope{ID: id + protocol.EnvelopeID(i), Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("a%d@rejected.example", i)) + more})
	}
	if r := b.run(t, 0, "requeue", "12345678"); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "accepts none of this mail: 550 Invalid recipient") || b.sim.Requests(protocol.TypePauseEnvelope) != 0 {
		t.Errorf("rejected: %v", r)
	}
	b.sim.Add(smtpdsim.Envelope{ID: id + 2, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", "a@y.example") + "dsn-notify: 3\n"})
	if r := b.run(t, 0, "requeue", "12345678"); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "1234567800000003 is kept: the sender asked for notifications") || b.suspended() != 0 {
		t.Errorf("options of DSN: %v", r)
	}
	if r := b.run(t, 0, "requeue", "12345678", "--without-dsn"); r.status != 1 || strings.Count(r.stdout, " -> ") != 1 || b.suspended() != 0 {
		t.Errorf("without options of DSN: %v", r)
	}
}

// TestFarGiveWays hands mail over by each way, also where sshd forwards nothing, and from a
// script.
func TestFarGiveWays(t *testing.T) {
	t.Parallel()
	few := map[string][]string{"": {"forward", "socat"}, "AllowTcpForwarding no": {"auto", "forward", "nc"}}
	for i, extra := range []string{"", "AllowTcpForwarding no"} {
		ssh := newFarBed(t, extra)
		for j, way := range []string{"auto", "forward", "nc", "socat"} {
			if _, err := exec.LookPath(way); way != "auto" && way != "forward" && err != nil {
				continue
			}
			for k, address := range []string{"127.0.0.1:0", "[::1]:0"} {
				if !fulltest.Takes(i+j+k, 2) || !fulltest.On() && !slices.Contains(few[extra], way) {
					continue
				}
				b := newRequeueBed(t)
				addr, err := b.sim.Listen(address, smtpdsim.Listener{})
				if err != nil {
					t.Log(err) // there is no IPv6
					continue
				}
				b.reach(t, ssh, "host mx1 = way="+way+" smtp="+addr+"\n")
				r := b.run(t, 0, "requeue", "to=r*")
				if way == "forward" && extra != "" {
					if r.status != 3 || r.stdout != "" || b.sim.Requests(protocol.TypePauseEnvelope) != 0 { // nor is the socket reached
						t.Errorf("%s, %s, %s: %v", extra, way, address, r)
					}
				} else if r.status != 0 || strings.Count(r.stdout, " -> ") != 6 || r.stderr != "6 envelopes requeued\n" || sixOnce(b) != nil {
					t.Errorf("%s, %s, %s: %v", extra, way, address, r)
				}
			}
		}
	}
	b := farRequeueBed(t, newFarBed(t, ""), smtpdsim.Listener{})
	script := filepath.Join(t.TempDir(), "script")
	os.WriteFile(script, []byte("connect mx1\nnotify to=r0*\nrequeue to=r0*\non mx1 bounce to=r1*\n"), 0o600)
	b.args = b.args[:len(b.args)-2] // --host mx1
	if r := b.run(t, 0, "-f", script); r.status != 0 || strings.Count(r.stdout, " -> ") != 4 || !strings.Contains(r.stderr, "1 notice sent\n") || !strings.Contains(r.stderr, "2 envelopes returned\n") {
		t.Errorf("%v", r)
	}
	if n := b.queued(); n["s@x.example"] != 2 || len(n) != 5 {
		t.Errorf("%v", n)
	}
}

// TestFarGiveTwo requeues mail of two machines at once, whose envelopes have the same ids, and
// interrupts that on one of them: the notes are those of that machine alone.
func TestFarGiveTwo(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 5, Spool: "spool"}
	m := newFarMachines(t, cfg, cfg)
	settings := ""
	for i, sim := range m.sims {
		addr, err := sim.Listen("127.0.0.1:0", smtpdsim.Listener{})
		if err != nil {
			t.Fatal(err)
		}
		settings += fmt.Sprintf("host mx%d = smtp=%s\n", i+1, addr)
	}
	b := &requeueBed{sim: m.sims[0], state: t.TempDir(), args: []string{"--socket", m.socket, "--spool", filepath.Join(filepath.Dir(m.socket), "spool")}}
	b.reach(t, m.farBed, settings)
	b.args = b.args[:len(b.args)-2]
	r := b.run(t, 0, "--host", "mx1,mx2", "requeue", "from=*")
	if r.status != 0 || strings.Count(r.stdout, "mx1: ") != 5 || strings.Count(r.stdout, "mx2: ") != 5 {
		t.Errorf("%v", r)
	}
	ids := map[protocol.EnvelopeID]bool{}
	for _, sim := range m.sims {
		for _, e := range sim.Envelopes() {
			if ids[e.ID] = true; !strings.Contains(e.Text, "helo: handover-") {
				t.Errorf("%s", e.Text)
			}
		}
	}
	if len(ids) != 10 {
		t.Errorf("%d envelopes: %v", len(ids), r)
	}
	for step := 1; len(b.notes()) == 0 && step < 20; step++ {
		b.run(t, step, "--host", "mx1", "requeue", "from=*")
	}
	notes := b.notes()
	if len(notes) != 1 {
		t.Fatalf("%q", notes)
	}
	before := m.sims[0].Requests(protocol.TypeResumeEnvelope) + m.sims[0].Requests(protocol.TypeRemove)
	if r := b.run(t, 0, "--host", "mx2", "requeue", "from=*"); r.status != 0 || strings.Contains(r.stderr, "interrupted") || len(b.notes()) != 1 {
		t.Errorf("on another machine: %v", r)
	}
	text, err := os.ReadFile(notes[0])
	if err != nil {
		t.Fatal(err)
	}
	node, _ := os.Hostname()
	os.WriteFile(notes[0], []byte(strings.Replace(string(text), fmt.Sprintf(`"node":%q`, node), `"node":"another"`, 1)), 0o600)
	if r := b.run(t, 0, "--host", "mx1", "requeue", "11111111"); !strings.Contains(r.stderr, `when mx1 was the machine "another", and it is "`+node+`" now: its envelopes are left alone`) || len(b.notes()) != 1 {
		t.Errorf("a machine that has become another: %v", r)
	}
	if after := m.sims[0].Requests(protocol.TypeResumeEnvelope) + m.sims[0].Requests(protocol.TypeRemove); after != before {
		t.Errorf("%d requests", after-before)
	}
	os.WriteFile(notes[0], text, 0o600)
	if r := b.run(t, 0, "--host", "mx1", "requeue", "from=*"); r.status != 0 || !strings.Contains(r.stderr, "interrupted") || len(b.notes()) != 0 || b.suspended() != 0 || len(m.sims[0].Envelopes()) != 5 {
		t.Errorf("on that machine: %v", r)
	}
}
