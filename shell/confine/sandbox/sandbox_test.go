package sandbox

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smtpctl/shell/confine/sandbox/sandboxtest"
)

// TestMain lets the test binary run itself confined.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SANDBOX_TEST_DIR"); dir != "" {
		confined(dir)
		return
	}
	os.Exit(m.Run())
}

// confined confines itself and says what it can still do.
func confined(dir string) {
	port, _ := net.LookupPort("tcp", os.Getenv("SANDBOX_TEST_PORT"))
	if os.Getenv("SANDBOX_TEST_ROOT") != "" {
		fmt.Println("give up root:", GiveUpRoot())
		fmt.Println("uid is 0:", syscall.Geteuid() == 0, "root again:", syscall.Setuid(0) == nil)
		return
	}
	fmt.Println("confine:", Confine(Rules{
		Read: []string{dir + "/read", dir + "/one", dir + "/missing"}, Write: []string{dir + "/write"}, DNS: []uint16{uint16(port)},
	}))
	can := func(what string, err error) { fmt.Printf("%s: %v\n", what, err == nil) }
	for _, name := range []string{"read/file", "one", "write/file", "other/file", "read/link"} {
		_, err := os.ReadFile(filepath.Join(dir, name))
		can("read "+name, err)
	}
	for _, name := range []string{"read/new", "write/new", "other/new"} {
		can("write "+name, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	can("rename", os.Rename(dir+"/write/new", dir+"/write/newer"))
	done := make(chan error)
	go func() { // another thread
		_, err := os.ReadFile(dir + "/other/file")
		done <- err
	}()
	can("read other/file elsewhere", <-done)
	for _, p := range []int{port, port + 1} {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err == nil {
			conn.Close()
		}
		can(fmt.Sprintf("connect +%d", p-port), err)
	}
	can("run a program", exec.Command("/bin/true").Run())
}

func TestConfine(t *testing.T) {
	sandboxtest.Need(t)
	dir := t.TempDir()
	for _, d := range []string{"read", "write", "other"} {
		os.Mkdir(filepath.Join(dir, d), 0o700)
		os.WriteFile(filepath.Join(dir, d, "file"), []byte("x"), 0o600)
	}
	os.WriteFile(dir+"/one", []byte("x"), 0o600)
	os.Symlink(dir+"/other/file", dir+"/read/link")
	ln, next := listeners(t)
	defer ln.Close()
	defer next.Close()
	got := again(t, "SANDBOX_TEST_DIR="+dir, fmt.Sprintf("SANDBOX_TEST_PORT=%d", ln.Addr().(*net.TCPAddr).Port))
	want := "confine: <nil>\nread read/file: true\nread one: true\nread write/file: true\nread other/file: false\nread read/link: false\n" +
		"write read/new: false\nwrite write/new: true\nwrite other/new: false\nrename: true\nread other/file elsewhere: false\n" +
		"connect +0: true\nconnect +1: false\nrun a program: false\n"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestGiveUpRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	got := again(t, "SANDBOX_TEST_DIR=/", "SANDBOX_TEST_ROOT=1")
	if want := "give up root: <nil>\nuid is 0: false root again: false\n"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// listeners listens on two ports that follow each other.
func listeners(t *testing.T) (net.Listener, net.Listener) {
	for range 100 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", a.Addr().(*net.TCPAddr).Port+1))
		if err == nil {
			return a, b
		}
		a.Close()
	}
	t.Fatal("no two ports")
	return nil, nil
}

// again runs the test binary with more in its environment.
func again(t *testing.T, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	// What it says on standard error may be that it cannot write counters of its
	// coverage, for it is confined.
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	return strings.TrimPrefix(string(out), "PASS\n")
}
