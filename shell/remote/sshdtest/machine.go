package sshdtest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// User is the name of the user, who is not root, on every Machine.
const User = "smtpctl-far"

// A Machine describes a system for sshd that differs from the system of the test. The sshd and
// its child processes have their own mounts and their own /etc; the system of the test is not
// changed.
type Machine struct {
	Extra   string   // more lines of sshd_config
	Sudoers string   // the whole sudoers(5); if it is "", the user has no rights
	Doas    string   // the whole doas.conf(5); "" for none
	Without []string // programs that the system lacks, such as nc
	Shell   string   // the login shell of User; "" for /bin/sh
	// Mounts are lines for sh(1) that mount other differences. $1 is Dir of the server.
	Mounts string
}

// SetEnv returns a line for Extra that sets variables, NAME=VALUE separated by spaces, in every
// session of a server.
func SetEnv(variables string) string { return "SetEnv " + variables + " " + noRC }

// StartMachine is Start for an sshd on a system of its own. It needs root and Linux; without
// them the test is skipped, or fails if Must is set.
func StartMachine(t testing.TB, m Machine) *Server {
	t.Helper()
	if out, err := exec.Command("unshare", "-m", "--propagation", "private", "true").CombinedOutput(); err != nil {
		if os.Getenv(Must) != "" {
			t.Fatalf("%s is set, and there can be no mounts of a process: %v: %s", Must, err, out)
		}
		t.Skipf("needs mounts of a process alone: %v: %s", err, out)
	}
	return start(t, m.Extra, func(s *Server) []string {
		os.Chmod(s.Dir, 0o711) // the sshd of the user reads the keys there
		os.Chmod(s.path("authorized"), 0o644)
		if err := s.linkEtc(); err != nil {
			t.Fatal(err)
		}
		add := func(name, line string, perm os.FileMode) {
			text, err := os.ReadFile("/etc/" + name)
			if err != nil {
				t.Fatal(err)
			}
			s.write("etc/"+name, string(text)+line+"\n", perm)
		}
		add("passwd", User+":x:54321:54321::/:"+cmp.Or(m.Shell, "/bin/sh"), 0o644)
		add("shadow", User+":*:19000:0:99999:7:::", 0o600)
		add("group", User+":x:54321:", 0o644)
		s.write("etc/sudoers", m.Sudoers, 0o440)
		if m.Doas != "" {
			s.write("etc/doas.conf", m.Doas, 0o400)
		}
		script := "set -e\nmount --bind /etc \"$1/real\"\nmount --bind \"$1/etc\" /etc\n"
		for _, name := range m.Without {
			if path := find(name); path != "" {
				script += "mount --bind /dev/null " + path + "\n"
			}
		}
		s.write("enter", script+m.Mounts+"\nshift\nexec \"$@\"\n", 0o600)
		return []string{"unshare", "-m", "--propagation", "private", "sh", s.path("enter"), s.Dir}
	})
}

// ownFiles are the files of /etc that a Machine does not share with the system of the test.
var ownFiles = []string{"passwd", "shadow", "group", "sudoers", "doas.conf"}

// linkEtc makes the folder etc of a Machine: links to all of /etc, which is mounted as the
// folder real, but for ownFiles. A copy would take most of the time of the start.
func (s *Server) linkEtc() error {
	for _, dir := range []string{"etc", "real"} {
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	all, err := os.ReadDir("/etc")
	if err != nil {
		return err
	}
	for _, e := range all {
		if slices.Contains(ownFiles, e.Name()) {
			continue
		}
		to := s.path("real/" + e.Name())
		if e.Type() == os.ModeSymlink { // which may be relative
			if to, err = os.Readlink("/etc/" + e.Name()); err != nil {
				return err
			}
		}
		if err := os.Symlink(to, s.path("etc/"+e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Also returns lines for Config that make names of hosts lead to other servers.
func Also(servers map[string]*Server) string {
	var b strings.Builder
	for name, s := range servers {
		fmt.Fprintf(&b, "Host %s\nHostName 127.0.0.1\nPort %d\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\n",
			name, s.Port, s.path("user"), s.path("known_hosts"))
	}
	return b.String()
}

// Sessions returns the process ids of the descendants of sshd, parents before their children.
func (s *Server) Sessions() []int {
	s.t.Helper()
	children := map[int][]int{}
	for _, line := range parents(s.t) {
		var pid, parent int
		fmt.Sscan(line, &pid, &parent)
		children[parent] = append(children[parent], pid)
	}
	all := children[s.cmd.Process.Pid]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
