package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// opts are for an smtpd that answers.
var opts = protocol.Options{Timeout: 20 * time.Second}

// fleetOf returns a fleet whose ssh leads to a server.
func fleetOf(srv *sshdtest.Server) *Fleet {
	return &Fleet{program: filepath.Join(srv.Dir, "bin", "ssh"), parent: srv.Dir}
}

// reach starts an sshd, and returns a fleet whose ssh leads there.
func reach(t *testing.T, extra string) (*sshdtest.Server, *Fleet) {
	t.Helper()
	srv := sshdtest.Start(t, extra)
	os.Chmod(srv.Dir, 0o700)
	f := fleetOf(srv)
	t.Cleanup(f.Close)
	return srv, f
}

// gone waits until no ssh is left.
func gone(t *testing.T, folder string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		left := sshdtest.Clients(t, folder)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %s", strings.Join(left, "\n"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestDial reaches an smtpd by each way, and leaves no process and no folder behind.
func TestDial(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	for _, tt := range []struct{ name, extra, way string }{
		{"forwarding", "", "forwarding"},
		{"not allowed to forward", "AllowStreamLocalForwarding no", "nc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, f := reach(t, tt.extra)
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 300})
			h := f.Host("mx1")
			for range 3 {
				conn, err := h.Dial(context.Background(), socket, opts, Options{})
				if err != nil {
					t.Fatalf("%v\n%s", err, srv.Log())
				}
				n := 0
				for _, err := range conn.Envelopes(context.Background()) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				if n < 300 || !conn.Alive() {
					t.Errorf("%d envelopes, alive %v", n, conn.Alive())
				}
				conn.Close()
			}
			var wg sync.WaitGroup // several at once, for the race detector
			for range 4 {
				wg.Go(func() {
					conn, err := h.Dial(context.Background(), socket, opts, Options{})
					if err != nil {
						t.Error(err)
						return
					}
					conn.Close()
				})
			}
			wg.Wait()
			if w := h.ways[socket]; w == nil || w.name != tt.way {
				t.Errorf("way %v, want %s", w, tt.way)
			}
			if facts, ok := h.Facts(); !ok || facts.UID != 0 || facts.OS == "" || facts.Bits == 0 {
				t.Errorf("facts %+v", facts)
			}
			folder := f.folder.path
			f.Close()
			if _, err := os.Lstat(folder); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", folder, err)
			}
			gone(t, srv.Dir)
		})
	}
}

// TestDialErrors meets what can be wrong. Each is one line that names the machine.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	for _, tt := range []struct {
		name, want string
		is         error
		before     func(t *testing.T, srv *sshdtest.Server) (socket string)
	}{
		{"key changed", "mx1: ssh: ", ErrUnreachable, func(t *testing.T, srv *sshdtest.Server) string {
			srv.Trust("user.pub")
			return "/run/none.sock"
		}},
		{"no sshd", "Connection refused", ErrUnreachable, func(t *testing.T, srv *sshdtest.Server) string {
			srv.Stop()
			return "/run/none.sock"
		}},
		{"key refused", "Permission denied", ErrUnreachable, func(t *testing.T, srv *sshdtest.Server) string {
			os.Truncate(filepath.Join(srv.Dir, "authorized"), 0)
			return "/run/none.sock"
		}},
		{"hung before a word", "", ErrUnreachable, func(t *testing.T, srv *sshdtest.Server) string {
			srv.Config("Host mx1\nProxyCommand sleep 60\n")
			return "/run/none.sock"
		}},
		{"no socket", "connect to /run/none.sock: smtpd does not seem to be running", protocol.ErrNotRunning, func(t *testing.T, srv *sshdtest.Server) string {
			return "/run/none.sock"
		}},
		{"smtpd ended", "cannot be connected to, though it is there", protocol.ErrHangup, func(t *testing.T, srv *sshdtest.Server) string {
			path := filepath.Join(srv.Dir, "dead.sock")
			fd, _ := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
			syscall.Close(fd)
			return path
		}},
		{"bad path", "expected a path", nil, func(t *testing.T, srv *sshdtest.Server) string { return "/run/x;reboot" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, f := reach(t, "")
			socket := tt.before(t, srv)
			o := opts
			if strings.HasPrefix(tt.name, "hung") {
				o.Timeout = time.Second
			}
			_, err := f.Host("mx1").Dial(context.Background(), socket, o, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "mx1: ") || strings.Contains(err.Error(), "\n") || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, want %q\n%s", err, tt.want, srv.Log())
			}
			t.Log(err)
			f.Close()
			gone(t, srv.Dir)
		})
	}
}

// TestLost kills ssh under a connection: what is under way fails and says so, and the next
// connection is by a new ssh.
func TestLost(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv, f := reach(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
	h := f.Host("mx1")
	conn, err := h.Dial(context.Background(), socket, opts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.link.cmd.Process.Kill()
	_, err = conn.Status(context.Background())
	if err = h.Explain(err); !errors.Is(err, ErrUnreachable) || !strings.HasPrefix(err.Error(), "mx1: ssh: ") {
		t.Errorf("%v", err)
	}
	if conn.Alive() || h.Connected() {
		t.Error("it counts as connected")
	}
	if conn, err = h.Dial(context.Background(), socket, opts, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Status(context.Background()); err != nil {
		t.Error(err)
	}
	f.Close()
	gone(t, srv.Dir)
}

// TestKilled kills the process that holds a fleet: ssh ends by itself, and the next fleet
// removes the folder.
func TestKilled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	if socket := os.Getenv("REMOTE_TEST_HOLD"); socket != "" { // as a fleet of a user begins
		if _, err := (&Fleet{}).Host("mx1").Dial(context.Background(), socket, opts, Options{}); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("holds\n")
		time.Sleep(time.Minute)
		return
	}
	srv, f := reach(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), "REMOTE_TEST_HOLD="+socket, "PATH="+srv.Path(), "XDG_RUNTIME_DIR="+srv.Dir)
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "holds\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if len(sshdtest.Clients(t, srv.Dir)) == 0 {
		t.Error("no ssh is seen")
	}
	cmd.Process.Kill()
	cmd.Wait()
	gone(t, srv.Dir)
	left, _ := filepath.Glob(filepath.Join(srv.Dir, familyName, folderPattern))
	if _, err := f.place(); err != nil || len(left) != 1 {
		t.Fatalf("%v, %v", err, left)
	}
	if _, err := os.Lstat(left[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left[0], err)
	}
}

// TestPaths takes paths, and nothing that ssh or a shell could read otherwise.
func TestPaths(t *testing.T) {
	for _, path := range []string{"", "run", "/a b", "/a;b", "/a'b", "/a:b", "/a\nb", "/$a", "/" + strings.Repeat("a", 1023)} {
		if Path(path) == nil {
			t.Errorf("%q is taken", path)
		}
	}
}

// TestFacts reads what machines of every kind tell.
func TestFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		word   int
		time   int
		order  binary.ByteOrder
		short  bool
		family int
	}{
		{"uid=0\nos=Linux\nmachine=x86_64\nbits=64\norder=0201\nsmtpd=7.6.0p1\n", 8, 8, binary.LittleEndian, false, 10},
		{"uid=0\nos=OpenBSD\nmachine=amd64\nbits=64\norder=0201\nsmtpd=7.7.0\n", 8, 8, binary.LittleEndian, false, 24},
		{"uid=0\nos=Linux\nmachine=s390x\nbits=64\norder=0102\nsmtpd=7.6.0-portable\n", 8, 8, binary.BigEndian, true, 10},
		{"uid=0\nos=Linux\nmachine=s390x\nbits=64\norder=0102\nsmtpd=7.9.0-portable\n", 8, 8, binary.BigEndian, false, 10},
		{"uid=1000\nos=Linux\nmachine=i686\nbits=32\norder=0201\n", 4, 4, binary.LittleEndian, false, 10},
		{"uid=1000\nos=OpenBSD\nmachine=i386\nbits=32\norder=0201\n", 4, 8, binary.LittleEndian, false, 24},
		{"uid=1000\nos=FreeBSD\nmachine=amd64\nbits=64\norder=0201\n", 8, 8, binary.LittleEndian, false, 28},
	} {
		f, err := readFacts(strings.NewReader("motd\n"+begins+"\n"+tt.text+factsEnd+"\nmore"), nil)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		l := f.Layouts()[0]
		if l.Word != tt.word || l.Time != tt.time || l.Order != tt.order || l.ShortHeader != tt.short || l.FamilyINET6 != tt.family {
			t.Errorf("%q: %+v", tt.text, l)
		}
	}
	for _, text := range []string{"", "no shell\n", begins + "\nuid=0\nos=Linux\n", begins + "\nuid=x\nos=Linux\n" + factsEnd + "\n", strings.Repeat("x", 2*maxFacts)} {
		if _, err := readFacts(strings.NewReader(text), nil); err == nil {
			t.Errorf("%.40q is taken", text)
		}
	}
	out, err := exec.Command("sh", "-c", factsScript).Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := readFacts(bytes.NewReader(out), nil)
	host := protocol.HostLayout()
	if l := f.Layouts()[0]; err != nil || l.Order != host.Order && l.Order.String() != host.Order.String() || l.Word != host.Word {
		t.Errorf("this machine: %+v, %v", f, err)
	}
}
