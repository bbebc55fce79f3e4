// Package sshdtest starts an sshd for tests on 127.0.0.1. It runs as the user who runs the
// test, has keys of its own, and is reached by names of hosts that only the ssh of the test
// knows.
package sshdtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
)

// Must is the environment variable that, if it is not empty, makes a test that needs OpenSSH
// fail instead of being skipped.
const Must = "SMTPCTL_TEST_SSH"

// A Server is a running sshd, which ends with its test. Dir is its folder, Port its TCP port
// on 127.0.0.1, User the user who logs in.
type Server struct {
	Dir  string
	Port int
	User string

	t     testing.TB
	extra string
	enter []string // the words before sshd in its command
	cmd   *exec.Cmd
	log   lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Start starts an sshd with more lines of sshd_config. The ssh in Dir/bin, which Path puts
// first, knows the hosts mx1 to mx9 and leads them to this sshd; it uses nothing of the user's
// own configuration. The test is skipped if OpenSSH is not installed, or fails if Must is set.
func Start(t testing.TB, extra string) *Server {
	t.Helper()
	return start(t, extra, func(*Server) []string { return nil })
}

// start starts an sshd. enter, called before, returns the words before sshd in its command.
func start(t testing.TB, extra string, enter func(*Server) []string) *Server {
	t.Helper()
	sshd, ssh := find("sshd"), find("ssh")
	if sshd == "" || ssh == "" || find("ssh-keygen") == "" {
		if os.Getenv(Must) != "" {
			t.Fatalf("%s is set, and there is no OpenSSH server and client", Must)
		}
		t.Skip("needs the server and the client of OpenSSH (openssh-server, openssh-client)")
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	// A very short path leaves room for the names of ssh's sockets. In the plain form of tests the
	// folder is in memory, where the hundred links of a Machine cost little.
	dir, err := os.MkdirTemp(smtpdsim.ShortTemp(len("/dev/shm")), "sshd")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: dir, User: u.Username, t: t, extra: extra}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		os.MkdirAll("/run/sshd", 0o755) // the sshd of Debian needs it
	}
	keys, err := makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range keys {
		s.write(name, text, 0o600)
	}
	s.write("authorized", s.read("user.pub"), 0o600)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Port = ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	s.Trust("host.pub")
	s.Config("")
	os.Mkdir(s.path("bin"), 0o700)
	os.Mkdir(s.path("at"), 0o700)
	s.write("bin/ssh", fmt.Sprintf(wrapper, ssh, s.path("ssh_config"), s.path("at")), 0o700)
	s.enter = enter(s)
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// makeKeys makes the keys of all servers of a test program, once, and returns the texts of
// their files by name.
var makeKeys = sync.OnceValues(func() (map[string]string, error) {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	texts := map[string]string{}
	for _, key := range []string{"host", "user"} {
		path := filepath.Join(dir, key)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "test", "-f", path).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
		for _, ending := range []string{"", ".pub"} {
			text, err := os.ReadFile(path + ending)
			if err != nil {
				return nil, err
			}
			texts[key+ending] = string(text)
		}
	}
	return texts, nil
})

// noRC are variables that keep bash (as if a shell had started it), zsh and fish from reading
// start files of the one who runs the tests: what is there takes time, and could change a result.
const noRC = "SHLVL=2 ZDOTDIR=/nonexistent XDG_CONFIG_HOME=/nonexistent"

// cheap are lines of sshd_config for sessions that take a sixth of the processor time. The key
// exchange and the keys are of the curve for which OpenSSL has quick code; no ~/.ssh/rc is read. sshd
// ignores SetEnv if the lines before have one.
const cheap = "KexAlgorithms ecdh-sha2-nistp256\nUseDNS no\nPermitUserRC no\nSetEnv " + noRC + "\n"

// cheapClient are lines of ssh_config that save a twentieth of a connection: nothing is tried that
// sshd does not offer, and the cipher is the quickest.
const cheapClient = "GSSAPIAuthentication no\nPreferredAuthentications publickey\nCiphers aes128-gcm@openssh.com\nHostKeyAlgorithms ecdsa-sha2-nistp256\n"

// wrapper is the ssh of the tests. It adds the configuration of the test, and replaces the
// socket in -L by the one that Leads has set for the host.
const wrapper = `#!/bin/sh
config="-F %[2]s"; host=; last=; n=$#
for a; do
	[ "$a" = /dev/null ] && config=
	[ "$last" = -- ] && [ -z "$host" ] && host=$a
	last=$a
done
if [ -n "$host" ] && [ -L "%[3]s/$host" ]; then
	while [ $n -gt 0 ]; do
		a=$1; shift; n=$((n-1))
		[ "$last" = -L ] && a=${a%%%%:*}:%[3]s/$host
		last=$a; set -- "$@" "$a"
	done
fi
exec %[1]s $config "$@"
`

// Leads gives a host a socket of its own: every socket that is forwarded from this host is
// that one. Without Leads all hosts share the files of this machine.
func (s *Server) Leads(host, socket string) {
	if err := os.Symlink(socket, s.path("at/"+host)); err != nil {
		s.t.Fatal(err)
	}
}

// find returns the path of a program, or "" if there is none.
func find(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Server) read(name string) string {
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *Server) write(name, text string, perm os.FileMode) {
	if err := os.WriteFile(s.path(name), []byte(text), perm); err != nil {
		s.t.Fatal(err)
	}
}

// Trust makes the public key in a file of Dir the only host key that the client accepts.
func (s *Server) Trust(key string) {
	s.write("known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, s.read(key)), 0o600)
}

// Config writes the configuration of the client. first comes before the lines of this package,
// so that it takes precedence.
func (s *Server) Config(first string) {
	s.write("ssh_config", fmt.Sprintf("%s\nHost mx?\nHostName 127.0.0.1\nPort %d\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\nHost *\n%s",
		first, s.Port, s.path("user"), s.path("known_hosts"), cheapClient), 0o600)
}

// Path returns a PATH that finds the ssh of the test first.
func (s *Server) Path() string { return s.path("bin") + ":" + os.Getenv("PATH") }

// SetExtra restarts sshd with other lines of sshd_config in place of those given to Start.
func (s *Server) SetExtra(extra string) {
	s.t.Helper()
	s.extra = extra
	s.Restart()
}

// Restart stops sshd if it runs, starts it again on the same port, and waits until it listens.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.write("sshd_config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nSubsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n%s\n%s",
		s.Port, s.path("host"), s.path("authorized"), s.extra, cheap), 0o600)
	// -r saves each connection the start of another sshd, where that is not of more than one program.
	words := append(s.enter[:len(s.enter):len(s.enter)], find("sshd"), "-D", "-r", "-e", "-f", s.path("sshd_config"))
	s.cmd = exec.Command(words[0], words[1:]...)
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
		if err == nil {
			nc.Close()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("sshd does not listen: %v: %s", err, s.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop kills sshd. Connections that exist stay open.
func (s *Server) Stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// Log returns what sshd has logged so far.
func (s *Server) Log() string { return s.log.String() }
