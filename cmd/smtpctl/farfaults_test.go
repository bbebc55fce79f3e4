package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// A farMachines is a program whose ssh leads to machines mx1 to mx4, each of which sees an
// smtpd of its own at the same path.
type farMachines struct {
	*farBed
	servers []*sshdtest.Server
	sims    []*smtpdsim.Server
	socket  string
	spools  []string // of those that have one, as they are here
}

// newFarMachines starts as many machines as there are configurations.
func newFarMachines(t *testing.T, configs ...smtpdsim.Config) *farMachines {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	common, err := os.MkdirTemp(smtpdsim.ShortTemp(len("/dev/shm")), "far")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(common) })
	m := &farMachines{socket: filepath.Join(common, "s")}
	for i, cfg := range configs {
		dir := fmt.Sprint(common, "-", i)
		os.Mkdir(dir, 0o755)
		t.Cleanup(func() { os.RemoveAll(dir) })
		if cfg.Spool != "" {
			cfg.Spool = filepath.Join(dir, cfg.Spool)
			os.Mkdir(cfg.Spool, 0o755)
			m.spools = append(m.spools, cfg.Spool)
		}
		sim, err := smtpdsim.Start(filepath.Join(dir, "s"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sim.Close)
		srv := sshdtest.StartMachine(t, sshdtest.Machine{Mounts: fmt.Sprintf("mount --bind %s %s", dir, common)})
		m.sims, m.servers = append(m.sims, sim), append(m.servers, srv)
	}
	m.farBed = farBedAt(t, m.servers[0])
	m.configure("")
	return m
}

// configure makes the names of the machines lead there, and adds more lines to the
// configuration of ssh.
func (m *farMachines) configure(more string) {
	names := map[string]*sshdtest.Server{}
	for i, srv := range m.servers {
		names[fmt.Sprint("mx", i+1)] = srv
	}
	m.Config(sshdtest.Also(names) + more)
}

// master returns the process of the ssh that holds the connection to a machine.
func (m *farMachines) master(host string) int {
	m.t.Helper()
	for _, pid := range sshdtest.Masters(m.t, m.Dir, host) {
		return pid
	}
	m.t.Fatalf("no ssh to %s: %q", host, sshdtest.Clients(m.t, m.Dir))
	return 0
}

// okThenMute answers so many requests for a change, and no more.
func okThenMute(n int) func() func(int, []byte) []byte {
	seen := 0
	return func() func(int, []byte) []byte {
		return func(_ int, raw []byte) []byte {
			if protocol.Type(binary.NativeEndian.Uint32(raw)) == protocol.TypeOK {
				if seen++; seen > n {
					return nil
				}
			}
			return raw
		}
	}
}

// untilMute waits until a simulation that goes mute after so many answers has had no more
// requests of a type for a second, and returns how many it has had.
func untilMute(t *testing.T, sim *smtpdsim.Server, of protocol.Type, answered int, errs *strings.Builder) int {
	t.Helper()
	before, since := 0, time.Now()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		n := sim.Requests(of)
		if n != before {
			before, since = n, time.Now()
		}
		if n > answered && time.Since(since) > time.Second {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests: %s", n, errs)
		}
	}
}

// TestFarRemovalLost loses the connection to one of four machines in the middle of a removal
// of 1,000 envelopes on each: it says exactly what was done, what was asked for without an
// answer, and what is as before; the others are done, and nothing is asked for twice.
func TestFarRemovalLost(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"ssh killed", "host hung"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			all, answered := fulltest.Of(1000, 400), fulltest.Of(300, 100)
			whole := smtpdsim.Config{Seed: 1, Messages: all}
			broken := whole
			broken.Tamper = okThenMute(answered)
			m := newFarMachines(t, []smtpdsim.Config{whole, broken, whole, whole}[:fulltest.Of(4, 2)]...)
			total := len(m.sims[1].Envelopes())
			timeout := "1m"
			if how == "host hung" {
				timeout = "15s"
			}
			cmd := m.command("--timeout", timeout, "--socket", m.socket, "--spool", filepath.Dir(m.socket), "--host", "mx1,mx2,mx3,mx4"[:4*len(m.sims)-1], "remove", "from=*")
			var out, errs strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			sent := untilMute(t, m.sims[1], protocol.TypeRemove, answered, &errs)
			sessions := m.sims[1].Sessions()
			if how == "ssh killed" {
				syscall.Kill(m.master("mx2"), syscall.SIGKILL)
			} else {
				for _, pid := range m.servers[1].Sessions() {
					syscall.Kill(pid, syscall.SIGSTOP)
					defer syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			timer := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
			cmd.Wait()
			timer.Stop()
			m.gone()
			if cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("status %d", cmd.ProcessState.ExitCode())
			}
			for i, sim := range m.sims {
				if left := len(sim.Envelopes()); i != 1 && left != 0 {
					t.Errorf("mx%d: %d envelopes are left", i+1, left)
				}
				if host := fmt.Sprintf("mx%d: ", i+1); i != 1 && (!strings.Contains(out.String(), fmt.Sprintf("%s%d envelopes removed\n", host, total)) || strings.Contains(errs.String(), host)) {
					t.Errorf("%sstdout %s\nstderr %s", host, out.String(), errs.String())
				}
			}
			said := regexp.MustCompile(`(?m)^smtpctl: mx2: .*: (\d+) removed, (\d+) asked for without an answer, the rest as before\)$`).FindStringSubmatch(errs.String())
			if said == nil {
				t.Fatalf("stdout %s\nstderr %s", out.String(), errs.String())
			}
			number := func(i int) int { n, _ := strconv.Atoi(said[i]); return n }
			requests := m.sims[1].Requests(protocol.TypeRemove)
			left := len(m.sims[1].Envelopes())
			// Each message has one envelope, and one request.
			if done, unsure := number(1), number(2); done != answered || done+unsure != requests || left != total-requests || requests != sent || m.sims[1].Sessions() != sessions {
				t.Errorf("%s: %d in all, %d are left; %d requests, and %d when it was lost; %d connections, and %d", said[0], total, left, requests, sent, m.sims[1].Sessions(), sessions)
			}
			t.Log(said[0])
		})
	}
}

// TestFarOneDown asks four machines, on one of which smtpd does not run.
func TestFarOneDown(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 5}
	m := newFarMachines(t, cfg, cfg, cfg, cfg)
	m.sims[2].Close()
	for i, words := range [][]string{{"show", "queue"}, {"show", "status"}, {"pause", "mta"}} {
		if !fulltest.Takes(i, 2) {
			continue
		}
		r := m.run("", append([]string{"--socket", m.socket, "--spool", filepath.Dir(m.socket), "--host", "mx1,mx2,mx3,mx4"}, words...)...)
		n := strings.Count(r.stdout, "mx1:")
		if r.status != 1 || n == 0 || strings.Count(r.stdout, "mx2:") != n || strings.Count(r.stdout, "mx4:") != n || strings.Contains(r.stdout, "mx3:") ||
			strings.Count(r.stderr, "\n") != 2 || !strings.HasPrefix(r.stderr, "smtpctl: mx3: connect to "+m.socket+": smtpd does not seem to be running; ") ||
			!strings.HasSuffix(r.stderr, ": failed on mx3; to try again there: on mx3 "+strings.Join(words, " ")+"\n") {
			t.Errorf("%q: %v", words, r)
		}
	}
}

// TestFarHung stops all processes of sshd for a machine between two lines of a script: the
// second line fails within its time, and no ssh is left.
func TestFarHung(t *testing.T) {
	t.Parallel()
	m := newFarMachines(t, smtpdsim.Config{Seed: 1, Messages: 5})
	cmd := m.command("--timeout", "10s", "--socket", m.socket, "--host", "mx1", "-f", "-")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "show status")
	buf := make([]byte, 4096)
	if n, err := out.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "MDA running") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	pids := m.servers[0].Sessions()
	if len(pids) == 0 {
		t.Error("sshd has no session")
	}
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
		defer syscall.Kill(pid, syscall.SIGKILL)
	}
	begun := time.Now()
	fmt.Fprintln(in, "show queue")
	in.Close()
	timer := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
	m.gone()
	if cmd.ProcessState.ExitCode() != 3 || !strings.HasPrefix(errs.String(), "stdin:2: mx1: ") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("status %d: %s", cmd.ProcessState.ExitCode(), errs.String())
	}
	t.Logf("after %v: %s", time.Since(begun), errs.String())
}

// TestFarRights is refused by the real sudo of a machine, and then let in.
func TestFarRights(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sudo"); err != nil {
		t.Skip("needs sudo")
	}
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 5})
	for _, let := range []bool{false, true} {
		mach := sshdtest.Machine{Sudoers: "root ALL=(ALL) ALL\n", Without: []string{"doas"}}
		if let {
			mach.Sudoers = sshdtest.User + " ALL=(root) NOPASSWD: ALL\n"
		}
		srv := sshdtest.StartMachine(t, mach)
		srv.Config("Host mx1\nUser " + sshdtest.User + "\n")
		b := farBedAt(t, srv)
		r := b.run("", "--socket", socket, "--host", "mx1", "pause", "envelope", "from=*")
		if let && (r.status != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, " paused\n")) {
			t.Errorf("%v", r)
		}
		if !let && (r.status != 3 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "sudo: a password is required") || !strings.HasSuffix(r.stderr, "; let sudo or doas there run nc, socat or smtpctl --stdio without a password, or log in as root\n")) {
			t.Errorf("%v", r)
		}
	}
}

// TestFarFull works with a machine all of whose disks are full, since nothing is written there.
func TestFarFull(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	dir := t.TempDir()
	sim, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 50, Spool: dir})
	queued, saved := contents(t, filepath.Join(dir, "queue")), filepath.Join(t.TempDir(), "saved")
	// Where its sockets are, only its temporary folders can be replaced.
	srv := sshdtest.StartMachine(t, sshdtest.Machine{Mounts: "for d in /var/tmp /var/log /home /root; do\nmount -t tmpfs -o size=16k tmpfs $d\n" +
		"cat /dev/zero >$d/full 2>/dev/null || :\nif echo more >$d/more && [ -s $d/more ]; then exit 1; fi\ndone 2>/dev/null\n"})
	b := farBedAt(t, srv)
	for _, words := range [][]string{{"show", "queue"}, {"pause", "envelope", "from=*"}, {"remove", "--save", saved, "from=*"}} {
		r := b.run("", append([]string{"--socket", socket, "--spool", dir, "--host", "mx1"}, words...)...)
		if r.status != 0 || r.stderr != "" || r.stdout == "" {
			t.Errorf("%q: %v", words, r)
		}
	}
	if sameFiles(t, "saved", contents(t, filepath.Join(saved, "mx1")), queued); len(sim.Envelopes()) != 0 {
		t.Errorf("%d are left", len(sim.Envelopes()))
	}
}

// TestFarAsks lets ssh ask at the terminal for the key of a machine that it does not know, and
// for a passphrase. What is typed is seen by ssh alone.
func TestFarAsks(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 5})
	known, secret := filepath.Join(b.Dir, "known_hosts"), "correct horse battery"
	os.Truncate(known, 0)
	if out, err := exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", secret, "-f", filepath.Join(b.Dir, "user")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	home := t.TempDir()
	x := openTerminalIn(t, home, []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "SSH_AUTH_SOCK="}, "--socket", socket)
	x.expect(promptRE)
	x.keys("connect mx1\r")
	x.expect(`continue connecting`)
	x.paste("no\n")
	x.expect(`(?s)connect: mx1: .*Host key verification failed.*smtpctl[^>]*> $`)
	x.keys("connect mx1\r")
	x.expect(`continue connecting`)
	x.paste("yes\n")
	x.expect(`Enter passphrase for key`)
	time.Sleep(200 * time.Millisecond) // until ssh has switched the echo off
	x.paste(secret + "\n")
	x.expect(`connected to mx1 (?s).*mx1 smtpctl[^>]*> $`)
	x.run("show status", "MDA running")
	x.keys("exit\r")
	x.ended(0)
	b.gone()
	if strings.Contains(x.all(), secret) {
		t.Errorf("the passphrase is shown: %q", x.all())
	}
	filepath.Walk(home, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), secret) {
				t.Errorf("%s holds the passphrase", path)
			}
		}
		return nil
	})
	// Where there is no terminal ssh never asks.
	os.Truncate(known, 0)
	r := b.run("yes\n", "--socket", socket, "--host", "mx1", "show", "status")
	if r.status != 3 || !strings.Contains(r.stderr, "Host key verification failed") || r.stdout != "" {
		t.Errorf("%v", r)
	}
}
