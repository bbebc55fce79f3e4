// Package realsmtpd starts a real smtpd for tests, with a relay that the test controls.
//
// Danger: it empties the queue of that smtpd. It therefore does nothing unless the
// environment names an smtpd that tests may use.
package realsmtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
)

// Env is the environment variable that names the root of the system whose smtpd tests
// may use, and whose queue they may empty: "/" for the machine's own smtpd, otherwise a
// folder to chroot into.
const Env = "SMTPCTL_TEST_SMTPD"

// Ports of 127.0.0.1 that the tests use.
const (
	listenPort = 2525 // of smtpd
	sinkPort   = 2626 // of the relay
)

// A Config says how to start smtpd.
type Config struct {
	Conf   string   // replaces the whole smtpd.conf; a relay to the sink by default
	Extra  string   // is put before the default smtpd.conf
	Args   []string // more arguments, such as -P mta
	Plant  []Planted
	Before func() // is called when nobody else uses smtpd, before it is started
	NoSink bool
	// Nameserver, if set, is the only address whose port 53 smtpd uses for look-ups.
	// Other programs on the machine are not affected.
	Nameserver string

	apart bool // smtpd has a network of its own
}

// A Daemon is a running smtpd.
type Daemon struct {
	Root   string // "" for the machine's own
	Socket string // path of the control socket
	Spool  string // path of the spool folder
	Sink   *Sink

	// Limit is how long OpenSMTPD's smtpctl may run. Zero stands for one minute.
	Limit time.Duration

	t    testing.TB
	cfg  Config
	cmd  *exec.Cmd
	done chan struct{}
	log  LockedBuffer
}

// Start starts an smtpd whose queue contains nothing but the envelopes that the config
// plants, and stops it when the test ends. Where no smtpd may be used, Start skips the
// test.
func Start(t testing.TB, cfg Config) *Daemon {
	t.Helper()
	return startIn(t, Need(t), cfg, (*Daemon).claim)
}

// Each starts the smtpd of each of several roots at the same time, as Start does. Each smtpd
// has a network of its own, with nothing but the loopback interface, so mail has to be planted.
func Each(t testing.TB, cfg Config, roots ...string) []*Daemon {
	t.Helper()
	lock(t)
	cfg.NoSink, cfg.apart = true, true
	var all []*Daemon
	for _, root := range roots {
		all = append(all, startIn(t, root, cfg, func(*Daemon) {}))
	}
	return all
}

// startIn is Start in a root, after claim has made sure that nobody else uses that smtpd.
func startIn(t testing.TB, root string, cfg Config, claim func(*Daemon)) *Daemon {
	t.Helper()
	d := &Daemon{Root: strings.TrimSuffix(root, "/"), t: t, cfg: cfg}
	d.Spool = d.Root + "/var/spool/smtpd"
	d.Socket = d.Root + "/run/smtpd.sock"
	claim(d)
	d.wipe()
	if cfg.Before != nil {
		cfg.Before()
	}
	if !cfg.NoSink {
		d.Sink = StartSink(t, sinkPort)
	}
	conf := cfg.Conf
	if conf == "" {
		conf = fmt.Sprintf("%s\nlisten on 127.0.0.1 port %d\nlisten on ::1 port %d\n"+
			"action \"relay\" relay host smtp://127.0.0.1:%d\nmatch from any for any action \"relay\"\n",
			cfg.Extra, listenPort, listenPort, sinkPort)
	}
	if err := os.WriteFile(d.confPath(), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	// The first start creates the folders of the spool, perhaps after smtpd has answered.
	if len(cfg.Plant) > 0 {
		d.start()
		WaitFor(t, 20*time.Second, "the folders of the spool", func() error {
			_, err := os.Stat(filepath.Join(d.Spool, "queue"))
			return err
		})
		d.Stop()
		for _, p := range cfg.Plant {
			d.Plant(p)
		}
	}
	d.start()
	t.Cleanup(func() {
		d.Stop()
		d.wipe()
	})
	return d
}

// Need returns the root of the system whose smtpd the test may use. Where no smtpd may
// be used, Need skips the test.
func Need(t testing.TB) (root string) {
	t.Helper()
	root = os.Getenv(Env)
	if root == "" {
		t.Skipf("needs a real smtpd whose queue may be emptied: set %s to / or a chroot", Env)
	}
	if os.Geteuid() != 0 {
		t.Fatalf("%s is set, but a real smtpd needs root", Env)
	}
	return root
}

// NotStarted is Start without starting smtpd, for tests that listen on smtpd's socket
// themselves.
func NotStarted(t testing.TB) *Daemon {
	t.Helper()
	root := os.Getenv(Env)
	if root == "" {
		t.Skipf("needs OpenSMTPD's smtpctl: set %s to / or a chroot", Env)
	}
	d := &Daemon{Root: strings.TrimSuffix(root, "/"), t: t}
	d.Spool = d.Root + "/var/spool/smtpd"
	d.Socket = d.Root + "/run/smtpd.sock"
	d.claim()
	return d
}

// claim makes sure that no other test uses smtpd until the test ends.
func (d *Daemon) claim() {
	d.t.Helper()
	lock(d.t)
	if _, err := net.DialTimeout("unix", d.Socket, time.Second); err == nil {
		d.t.Fatalf("an smtpd runs already at %s", d.Socket)
	}
}

func (d *Daemon) confPath() string { return d.Root + "/etc/smtpd-test.conf" }

// lock keeps test binaries that run at the same time from using the same smtpd.
func lock(t testing.TB) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "smtpctl-test.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

func (d *Daemon) wipe() {
	for _, dir := range []string{"queue", "corrupt", "incoming", "purge", "temporary", "offline"} {
		os.RemoveAll(filepath.Join(d.Spool, dir))
	}
}

func (d *Daemon) start() {
	d.t.Helper()
	args := append([]string{"-d", "-f", "/etc/smtpd-test.conf"}, d.cfg.Args...)
	d.cmd = exec.Command(d.path("smtpd"), args...)
	if d.Root != "" {
		d.cmd = exec.Command("chroot", append([]string{d.Root, "smtpd"}, args...)...)
	}
	if d.cfg.Nameserver != "" {
		d.cmd = d.withNameserver(d.cmd)
	}
	if d.cfg.apart {
		d.cmd = exec.Command("unshare", append([]string{"-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"}, d.cmd.Args...)...)
	}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = procAttr()
	if d.cfg.Nameserver != "" {
		ownMounts(d.cmd.SysProcAttr)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("start smtpd: %v", err)
	}
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait()
		close(done)
	}(d.cmd, d.done)
	WaitFor(d.t, 20*time.Second, "smtpd to answer", func() error {
		if !d.Running() {
			d.t.Fatalf("smtpd exited: %s", d.Log())
		}
		c, err := protocol.Dial(context.Background(), d.Socket, protocol.Options{Timeout: time.Second})
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Status(context.Background())
		return err
	})
}

// withNameserver returns a command that runs cmd with an /etc/resolv.conf, in the root
// of smtpd, that names only the name server of the test. The command needs mounts of
// its own.
func (d *Daemon) withNameserver(cmd *exec.Cmd) *exec.Cmd {
	d.t.Helper()
	conf := filepath.Join(d.t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+d.cfg.Nameserver+"\n"), 0o644); err != nil {
		d.t.Fatal(err)
	}
	script := `mount --bind "$0" "$1" && shift && exec "$@"`
	target, err := filepath.EvalSymlinks(d.Root + "/etc/resolv.conf")
	if err != nil {
		d.t.Fatal(err)
	}
	return exec.Command("sh", append([]string{"-c", script, conf, target}, cmd.Args...)...)
}

// path finds one of smtpd's programs.
func (d *Daemon) path(name string) string { return "/usr/sbin/" + name }

// Smtpctl runs OpenSMTPD's own smtpctl and returns its output and its exit status.
func (d *Daemon) Smtpctl(stdin string, args ...string) (stdout, stderr string, status int) {
	cmd := exec.Command(d.path("smtpctl"), args...)
	if d.Root != "" {
		cmd = exec.Command("chroot", append([]string{d.Root, "smtpctl"}, args...)...)
	}
	var out, errb bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errb
	kill := time.AfterFunc(d.limit(), func() { cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("smtpctl: %v", err)
	}
	return out.String(), errb.String(), cmd.ProcessState.ExitCode()
}

func (d *Daemon) limit() time.Duration {
	if d.Limit > 0 {
		return d.Limit
	}
	return time.Minute
}

// Running reports whether smtpd still runs.
func (d *Daemon) Running() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// Processes returns the folders in /proc of the processes of this smtpd.
func (d *Daemon) Processes() []string {
	var out []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		text, _ := os.ReadFile(p + "/stat") // PID (NAME) STATE PPID ...
		_, rest, _ := strings.Cut(string(text), ") ")
		parent := ""
		if fields := strings.Fields(rest); len(fields) > 1 {
			parent = fields[1]
		}
		if own := fmt.Sprint(d.cmd.Process.Pid); parent == own || filepath.Base(p) == own {
			out = append(out, p)
		}
	}
	return out
}

// Log returns what smtpd has logged.
func (d *Daemon) Log() string { return d.log.String() }

// Stop ends smtpd and waits for all its processes.
func (d *Daemon) Stop() { d.end(syscall.SIGTERM) }

// Kill ends all of smtpd's processes at once with SIGKILL.
func (d *Daemon) Kill() { d.end(syscall.SIGKILL) }

func (d *Daemon) end(sig syscall.Signal) {
	if d.cmd == nil {
		return
	}
	pid := d.cmd.Process.Pid
	if sig == syscall.SIGKILL {
		syscall.Kill(-pid, sig)
	} else {
		d.cmd.Process.Signal(sig)
	}
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	<-d.done
	for i := 0; i < 200 && syscall.Kill(-pid, 0) == nil; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	d.cmd = nil
}

// Restart stops smtpd, calls between unless it is nil, and starts smtpd again with the
// same queue.
func (d *Daemon) Restart(between func()) {
	d.t.Helper()
	d.Stop()
	if between != nil {
		between()
	}
	d.start()
}

// Dial connects to smtpd.
func (d *Daemon) Dial() *protocol.Conn {
	d.t.Helper()
	c, err := protocol.Dial(context.Background(), d.Socket, protocol.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	return c
}

// Stat returns one of smtpd's counters, or 0 if smtpd has no counter of that name.
func (d *Daemon) Stat(key string) int64 {
	d.t.Helper()
	c, err := protocol.Dial(context.Background(), d.Socket, protocol.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	for st, err := range c.Stats(context.Background()) {
		if err != nil {
			d.t.Fatal(err)
		}
		if st.Key == key {
			return st.Value
		}
	}
	return 0
}

// WaitQueued waits until smtpd's scheduler knows n envelopes.
func (d *Daemon) WaitQueued(n int) {
	d.t.Helper()
	WaitFor(d.t, 2*time.Minute, fmt.Sprintf("%d envelopes in the queue", n), func() error {
		if got := d.Stat("scheduler.envelope"); got != int64(n) {
			return fmt.Errorf("scheduler.envelope is %d", got)
		}
		return nil
	})
}
