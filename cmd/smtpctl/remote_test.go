package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
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
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// A farBed is an sshd, and a program whose ssh leads there as mx1 to mx9.
type farBed struct {
	*sshdtest.Server
	t testing.TB
}

// killMasters kills every ssh that holds a connection.
func (b *farBed) killMasters() {
	for _, pid := range sshdtest.Masters(b.t, b.Dir, "") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// lose loses the connection or, with crash, the machine: nothing there goes on.
func (b *farBed) lose(crash bool) {
	if !crash {
		b.killMasters()
		return
	}
	for _, pid := range b.Sessions() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func newFarBed(t testing.TB, extra string) *farBed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv := sshdtest.Start(t, extra)
	os.Chmod(srv.Dir, 0o700)
	return farBedAt(t, srv)
}

// farBedAt returns the farBed of an sshd that runs.
func farBedAt(t testing.TB, srv *sshdtest.Server) *farBed {
	b := &farBed{srv, t}
	if !fulltest.On() {
		t.Cleanup(b.noSSH)
	}
	return b
}

// command returns the program, which finds that ssh.
func (b *farBed) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "PATH="+b.Path(), "XDG_RUNTIME_DIR="+b.Dir, "XDG_STATE_HOME="+filepath.Join(b.Dir, "state"))
	return cmd
}

// run runs the program to its end, after which no ssh may be left.
func (b *farBed) run(stdin string, args ...string) result {
	b.t.Helper()
	r := runCommand(b.t, b.command(args...), stdin)
	b.gone()
	return r
}

// gone waits until no folder of sockets is left and no ssh, for which it looks at all processes:
// that takes longer than all else of a short command, so a sample looks only once, at its end.
func (b *farBed) gone() {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		folders, _ := filepath.Glob(filepath.Join(b.Dir, "smtpctl-ssh", "*"))
		if len(folders) == 0 {
			break
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("left behind: %q", folders)
		}
	}
	if fulltest.On() {
		b.noSSH()
	}
}

// noSSH waits until no ssh is left.
func (b *farBed) noSSH() {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left := sshdtest.Clients(b.t, b.Dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("left behind: %q", left)
		}
	}
}

// farLines are lines whose results are the same from here as on the machine itself.
var farLines = []string{
	"show status", "show queue", "show queue -o table", "show queue -j", "show queue state=pending sort=-age limit=3", "show queue by domain",
	"show queue by domain age", "show queue 00000007", "show queue abcd", "show routes", "show routes -j", "show relays", "show hosts", "show hoststats", "show mta paused",
	"pause mta", "pause mta", "show status", "resume mta", "pause mda", "resume mda", "pause smtp", "resume smtp",
	"pause mta from 192.0.2.1 for x.example", "show mta paused", "resume mta from 192.0.2.1 for x.example", "resume route 1", "update table aliases", "update table none",
	"trace smtp", "untrace smtp", "profile queue", "unprofile queue", "log verbose", "log brief",
	"pause envelope from=*", "resume envelope from=*", "-n remove from=*", "schedule -n all", "show queue nonsense=x", "wait from=* for 1s",
	"wait stats scheduler.envelope=0- for 1s", "show stats -o plain | grep -v uptime", "--read-only pause mta",
}

// passing are numbers that change with the time: seconds until something, and ages.
var passing = regexp.MustCompile(`\|-?\d+\|([^|\n]*)(\n|$)|[0-9]+[smhd]([0-9]+[smh])?|timeout=\S+|"timeout":\d+|\|\d{10}\|`)

// different says in which line two outputs differ but for such numbers, or nothing.
func different(a, b string) string {
	as, bs := strings.Split(passing.ReplaceAllString(a, "<$1>$2"), "\n"), strings.Split(passing.ReplaceAllString(b, "<$1>$2"), "\n")
	n := max(len(as), len(bs))
	as, bs = append(as, make([]string, n-len(as))...), append(bs, make([]string, n-len(bs))...)
	for i := range n {
		x, y := as[i], bs[i]
		if strings.Join(strings.Fields(x), " ") != strings.Join(strings.Fields(y), " ") {
			return fmt.Sprintf("line %d: %q and %q", i+1, x, y)
		}
	}
	return ""
}

// TestFarSame carries out the commands that need only smtpd's socket from this machine and
// over ssh, byte for byte the same, one-shot and in a script.
func TestFarSame(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 50, Tables: []string{"aliases"}})
	script := strings.Join(farLines, "\n") + "\n"
	here := runCommand(t, b.command("-k", "--socket", socket, "-f", "-"), script)
	far := b.run(script, "-k", "--socket", socket, "--host", "mx1", "-f", "-")
	if diff := different(here.stdout, far.stdout); diff != "" || here.status != far.status {
		t.Errorf("status %d and %d, %s", here.status, far.status, diff)
	}
	// Errors say which machine it is.
	if got := strings.ReplaceAll(far.stderr, "mx1: ", ""); got != here.stderr {
		t.Errorf("here %s\nover ssh %s", here.stderr, far.stderr)
	}
	here = runCommand(t, b.command("--socket", socket, "show", "queue"), "")
	if far = b.run("", "--socket", socket, "--host", "mx1", "show", "queue"); different(here.stdout, far.stdout) != "" || far.status != 0 || far.stderr != "" {
		t.Errorf("here %v\nover ssh %v", here, far)
	}
	cmd := b.command("--socket", socket, "show", "queue")
	cmd.Env = append(cmd.Env, "SMTPCTL_HOST=mx2")
	if far = runCommand(t, cmd, ""); different(here.stdout, far.stdout) != "" || far.status != 0 || !strings.Contains(b.Log(), "Accepted") {
		t.Errorf("here %v\nby the environment %v", here, far)
	}
}

// TestFarConnect goes from machine to machine in a script: each line is for the one that
// was named last.
func TestFarConnect(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	r := b.run("connect mx1\npause mta\nconnect mx2\nshow status\ndisconnect\nshow status\nconnect local\ndisconnect\n", "-k", "--socket", socket, "-f", "-")
	want := "command succeeded\nconnected to mx2 "
	if !strings.HasPrefix(r.stdout, "connected to mx1 (Linux ") || !strings.Contains(r.stdout, want) || strings.Count(r.stdout, "MTA paused") != 2 || r.status != 1 ||
		r.stderr != "stdin:8: disconnect: commands are for the smtpd of this machine already\n" {
		t.Errorf("%v", r)
	}
	journal, _ := os.ReadFile(filepath.Join(b.Dir, "state", "smtpctl", "journal"))
	if !strings.Contains(string(journal), `"socket":"mx1:`) {
		t.Errorf("the journal does not name the machine: %s", journal)
	}
}

// TestFarFaults breaks the way to a machine: one line that names it, the status of an
// smtpd that cannot be reached, and nothing left behind.
func TestFarFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		slow       bool // it waits for the time-out
		do         func(t *testing.T, b *farBed) (socket string)
	}{
		{"key changed", "smtpctl: mx1: ssh: ", false, func(t *testing.T, b *farBed) string { b.Trust("user.pub"); return "/run/x.sock" }},
		{"no sshd", "Connection refused", false, func(t *testing.T, b *farBed) string { b.Stop(); return "/run/x.sock" }},
		{"no smtpd", "connect to /run/x.sock: smtpd does not seem to be running", false, func(t *testing.T, b *farBed) string { return "/run/x.sock" }},
		{"hung from the start", "smtpctl: mx1: ", true, func(t *testing.T, b *farBed) string {
			b.Config("Host mx1\nProxyCommand sleep 60\n")
			return "/run/x.sock"
		}},
		{"smtpd that does not answer", "no answer from smtpd", true, func(t *testing.T, b *farBed) string {
			_, socket := simtest.Start(t, smtpdsim.Config{Fault: func(c net.Conn) net.Conn { return mute{c} }})
			return socket
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			socket := tt.do(t, b)
			timeout := "30s"
			if tt.slow {
				timeout = "6s"
			}
			r := b.run("", "--timeout", timeout, "--socket", socket, "--host", "mx1", "show", "queue")
			if r.status != 3 || r.stdout != "" || !strings.Contains(r.stderr, tt.want) || !strings.HasPrefix(r.stderr, "smtpctl: mx1: ") || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%v", r)
			}
		})
	}
}

// TestFarEnds ends the program, and the ssh, in the middle of things.
func TestFarEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, b *farBed, cmd *exec.Cmd)
		want string // on standard error
	}{
		{"killed", func(t *testing.T, b *farBed, cmd *exec.Cmd) { cmd.Process.Kill() }, ""},
		{"terminated", func(t *testing.T, b *farBed, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGTERM) }, ""},
		{"interrupted", func(t *testing.T, b *farBed, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGINT) }, ""},
		{"ssh killed", func(t *testing.T, b *farBed, cmd *exec.Cmd) {
			b.killMasters()
		}, "mx1: ssh: the connection was closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			sim, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
			cmd := b.command("--socket", socket, "--host", "mx1", "wait", "from=nobody@nowhere.invalid")
			var errs strings.Builder
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(patience); sim.Requests(protocol.TypeListMessages) == 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("it does not look: %s", errs.String())
				}
			}
			tt.end(t, b, cmd)
			timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			cmd.Wait()
			timer.Stop()
			if !strings.Contains(errs.String(), tt.want) {
				t.Errorf("%q, want %q", errs.String(), tt.want)
			}
			// A folder that a killed process leaves goes with the next one.
			if tt.name == "killed" {
				for deadline := time.Now().Add(patience); len(sshdtest.Clients(t, b.Dir)) > 0; time.Sleep(20 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("left behind: %q", sshdtest.Clients(t, b.Dir))
					}
				}
				b.run("", "--socket", socket, "--host", "mx1", "show", "status")
			}
			b.gone()
		})
	}
}

// TestStdio reaches an smtpd by this program on the other side, where there is neither
// forwarding nor nc nor socat.
func TestStdio(t *testing.T) {
	t.Parallel()
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	cmd := exec.Command(program, "--socket", socket, "--stdio")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := protocol.HostLayout()
	request, _ := l.AppendFrame(nil, protocol.Frame{Type: protocol.TypeShowStatus, PeerID: protocol.Version})
	in.Write(request)
	f, err := protocol.NewFrameReader(out, l).Next()
	if err != nil || f.Type != protocol.TypeShowStatus || len(f.Payload) != 4 {
		t.Errorf("%v, %v", f, err)
	}
	in.Close()
	timer := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	timer.Stop()
	r := run(t, "--socket", socket+".none", "--stdio")
	if r.status != 3 || !strings.Contains(r.stderr, "smtpd does not seem to be running") {
		t.Errorf("%v", r)
	}
}

// TestRealFar is TestFarSame with a real smtpd: what the control socket gives is the same,
// also to several machines at once, and what is changed is locked and logged there.
func TestRealFar(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range 4 {
		d.Send(realsmtpd.Mail{From: fmt.Sprintf("a%d@x.example", i), To: []string{"b@y.example"}})
	}
	d.WaitQueued(4)
	b := newFarBed(t, "")
	script := "show status\nshow queue\nshow queue -j\nshow queue by domain\nshow hosts\nshow mta paused\npause mda\nresume mda\n" +
		"pause envelope all\nshow queue state=suspended\nresume envelope all\n-n remove all\n"
	words := []string{"--socket", d.Socket, "--spool", d.Spool, "-f", "-"}
	here := runCommand(t, b.command(words...), script)
	far := b.run(script, append([]string{"--host", "mx1"}, words...)...)
	if diff := different(here.stdout, far.stdout); diff != "" || here.status != far.status || far.status != 0 || strings.Contains(far.stderr, "without a lock") {
		t.Errorf("%s\nhere %v\nover ssh %v", diff, here, far)
	}
	both := b.run("", "--socket", d.Socket, "--host", "mx1,mx2", "show", "queue")
	alone := b.run("", "--socket", d.Socket, "--host", "mx1", "show", "queue")
	if diff := different(prefixed(alone.stdout, "mx1:", "mx2:"), both.stdout); diff != "" || both.status != 0 || strings.Count(both.stdout, "\n") != 8 {
		t.Errorf("%s\n%v", diff, both)
	}
}
