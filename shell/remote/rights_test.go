package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// reachMachine starts an sshd on another system, and returns a fleet whose ssh logs in there
// as a user.
func reachMachine(t *testing.T, m sshdtest.Machine, user string) (*sshdtest.Server, *Fleet) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv := sshdtest.StartMachine(t, m)
	srv.Config("Host mx1\nUser " + user + "\n")
	f := fleetOf(srv)
	t.Cleanup(f.Close)
	return srv, f
}

// need skips a test where a program is not installed.
func need(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv(sshdtest.Must) != "" && name != "doas" {
				t.Fatalf("%s is set, and there is no %s", sshdtest.Must, name)
			}
			t.Skipf("needs %s", name)
		}
	}
}

// The smtpctl of a machine: this program, or one that knows no --stdio.
var (
	ownPath    = "/usr/local/bin/smtpctl"
	builtPath  = filepath.Join(os.TempDir(), fmt.Sprint("smtpctl-remote-test.", os.Getpid()))
	ownProgram = "mount -t tmpfs tmpfs /usr/local/bin\ncp " + builtPath + " " + ownPath + "\nchmod 755 " + ownPath + "\n" +
		"[ ! -e /usr/sbin/smtpctl ] || mount --bind " + ownPath + " /usr/sbin/smtpctl\n" // where doas looks first
	otherProgram = "mount -t tmpfs tmpfs /usr/local/bin\nprintf '#!/bin/sh\\necho usage: smtpctl [-mailq] >&2\\nexit 1\\n' >" + ownPath + "\nchmod 755 " + ownPath + "\n"
)

// buildOwn builds this program for the machine of a test. Outside CI it is the test, which does
// the same if it has the name of this program.
func buildOwn(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { os.Remove(builtPath) })
	if !fulltest.On() {
		if out, err := exec.Command("cp", os.Args[0], builtPath).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	cmd := exec.Command("go", "build", "-o", builtPath, "smtpctl/cmd/smtpctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as just build does
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestRights reaches smtpd as a user who is not root, with the real sudo and doas, as far as
// their rules let him, lists a queue, and takes the lock.
func TestRights(t *testing.T) {
	t.Parallel()
	const any = "root ALL=(ALL) ALL\n" + sshdtest.User + " ALL=(root) NOPASSWD: "
	for i, tt := range []struct {
		name string
		m    sshdtest.Machine
		way  string // "" if there is none
		want string // in the error
		lock bool
	}{
		{"sudo nc", sshdtest.Machine{Sudoers: any + "ALL\n"}, "sudo -n nc", "", true},
		{"sudo nc only", sshdtest.Machine{Sudoers: any + "/usr/bin/nc -N -U *\n"}, "sudo -n nc", "", false},
		{"sudo socat", sshdtest.Machine{Sudoers: any + "ALL\n", Without: []string{"nc"}}, "sudo -n socat", "", true},
		{"sudo, only for socat", sshdtest.Machine{Sudoers: any + "/usr/bin/socat - UNIX-CONNECT\\:*\n"}, "sudo -n socat", "", false},
		{"sudo wants a password", sshdtest.Machine{Sudoers: strings.ReplaceAll(any, "NOPASSWD: ", "") + "ALL\n"}, "", "sudo -n nc: sudo: a password is required", false},
		{"sudo knows no such user", sshdtest.Machine{Sudoers: "root ALL=(ALL) ALL\n"}, "", "sudo -n nc: sudo: a password is required", false},
		{"doas", sshdtest.Machine{Doas: "permit nopass " + sshdtest.User + "\n", Without: []string{"sudo"}}, "doas -n nc", "", true},
		{"doas refuses", sshdtest.Machine{Doas: "permit nopass root\n", Without: []string{"sudo"}}, "", "doas -n nc: doas: Operation not permitted", false},
		{"sudo refuses, doas does not", sshdtest.Machine{Sudoers: "root ALL=(ALL) ALL\n", Doas: "permit nopass " + sshdtest.User + "\n"}, "doas -n nc", "", true},
		{"sudo smtpctl", sshdtest.Machine{Sudoers: any + "ALL\n", Without: []string{"nc", "socat"}, Mounts: ownProgram}, "sudo -n smtpctl", "", true},
		{"sudo, only for smtpctl", sshdtest.Machine{Sudoers: any + ownPath + " --socket * --stdio\n", Mounts: ownProgram}, "sudo -n smtpctl", "", false},
		{"doas smtpctl", sshdtest.Machine{Doas: "permit nopass " + sshdtest.User + "\n", Without: []string{"sudo", "nc", "socat"}, Mounts: ownProgram}, "doas -n smtpctl", "", true},
		{"doas, only for smtpctl", sshdtest.Machine{Doas: "permit nopass " + sshdtest.User + " as root cmd smtpctl\n", Without: []string{"sudo"}, Mounts: ownProgram}, "doas -n smtpctl", "", false},
		{"sudo, for no smtpctl", sshdtest.Machine{Sudoers: any + "/usr/bin/true\n", Without: []string{"nc", "socat"}, Mounts: ownProgram}, "", "sudo -n smtpctl: sudo: a password is required", false},
		{"the smtpctl of OpenSMTPD", sshdtest.Machine{Sudoers: any + "ALL\n", Without: []string{"nc", "socat"}, Mounts: otherProgram}, "", "(tried sudo -n smtpctl: it is the one of OpenSMTPD, which has no --stdio", false},
		{"nothing", sshdtest.Machine{Without: []string{"sudo", "doas"}}, "", "the user there is not root, and there is no sudo or doas", false},
	} {
		if !fulltest.Takes(i, 4) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			need(t, "sudo", "nc", "socat")
			if tt.m.Doas != "" {
				need(t, "doas")
			}
			if strings.Contains(tt.m.Mounts, builtPath) {
				buildOwn(t)
			}
			srv, f := reachMachine(t, tt.m, sshdtest.User)
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 30})
			ctx, h := context.Background(), f.Host("mx1")
			conn, err := h.Dial(ctx, socket, opts, Options{})
			if tt.way == "" {
				// Whether smtpd runs cannot be seen by this user, and is not said.
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "though it is there") || errors.Is(err, protocol.ErrNotRunning) || !errors.Is(err, ErrUnreachable) && !errors.Is(err, protocol.ErrHangup) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v\n%s", err, srv.Log())
				}
				t.Log(err)
			} else if err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			} else {
				n := 0
				for _, err := range conn.Envelopes(ctx) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				if _, way := h.Reached(socket); way != tt.way || n < 30 {
					t.Errorf("way %q, want %q; %d envelopes", way, tt.way, n)
				}
				unlock, err := h.Lock(ctx, socket, filepath.Join(srv.Dir, "etc"), time.Second)
				if tt.lock != (err == nil) || errors.Is(err, ErrLocked) || err != nil && !strings.Contains(err.Error(), "sudo: a password is required") && !strings.Contains(err.Error(), "doas: Operation not permitted") {
					t.Errorf("lock: %v", err)
				}
				if err == nil {
					unlock()
				}
				conn.Close()
			}
			f.Close()
			gone(t, srv.Dir)
		})
	}
}

// TestLook says of a socket that it is there only if it has been seen.
func TestLook(t *testing.T) {
	t.Parallel()
	need(t, "nc", "sudo")
	hidden, _ := os.MkdirTemp("/tmp", "look")
	defer os.RemoveAll(hidden)
	for i, tt := range []struct {
		name, text string
		mode       os.FileMode
		make       bool
		is         error
	}{
		{"seen", "though it is there", 0o755, true, protocol.ErrHangup},
		{"hidden", "cannot be connected to (tried ", 0o700, true, protocol.ErrHangup},
		{"hidden, and not there", "cannot be connected to (tried ", 0o700, false, protocol.ErrHangup},
		{"not there", "smtpd does not seem to be running", 0o755, false, protocol.ErrNotRunning},
	} {
		if !fulltest.Takes(i, 4) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			srv, f := reachMachine(t, sshdtest.Machine{}, sshdtest.User)
			os.Chmod(hidden, tt.mode)
			path := filepath.Join(hidden, "s")
			os.Remove(path)
			if tt.make {
				fd, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
				unix.Bind(fd, &unix.SockaddrUnix{Name: path})
				unix.Close(fd)
			}
			_, err := f.Host("mx1").Dial(context.Background(), path, opts, Options{})
			if err == nil || !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v\n%s", err, srv.Log())
			}
		})
	}
}

// TestLock takes the lock of a folder where flock(1) works, is held, is not there, and fails:
// that somebody else holds the lock is said only if somebody does.
func TestLock(t *testing.T) {
	t.Parallel()
	need(t, "flock")
	for i, tt := range []struct {
		name, flock string // the program there; "" for the real one
		hold        bool
		dir, want   string
	}{
		{"free", "", false, "", ""},
		{"held", "", true, "", "somebody else holds the lock"},
		{"no folder", "", false, "/none", ""}, // that of the socket
		{"no flock", "-", false, "", "there is no flock(1)"},
		{"no right", "#!/bin/sh\necho 'flock: cannot open lock file /x: Permission denied' >&2\nexit 66\n", false, "", "cannot open lock file /x: Permission denied"},
		{"no room", "#!/bin/sh\necho 'flock: /x: No locks available' >&2\nexit 71\n", false, "", "No locks available"},
		{"busybox", "#!/bin/sh\necho \"flock: unrecognized option: E\" >&2\nexit 1\n", false, "", "unrecognized option: E"},
		{"cannot start sh", "#!/bin/sh\necho 'flock: failed to execute sh: No such file or directory' >&2\nexit 69\n", false, "", "failed to execute sh"},
		{"killed", "#!/bin/sh\nkill -9 $$\n", false, "", "Killed"},
		{"silent", "#!/bin/sh\nexec sleep 8\n", false, "", "no answer within 3s when the lock was asked for there"},
	} {
		if !fulltest.Takes(i, 4) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sshdtest.Machine{}
			flock, _ := exec.LookPath("flock")
			switch tt.flock {
			case "":
			case "-":
				m.Without = []string{"flock"}
			default:
				m.Mounts = fmt.Sprintf("cat >\"$1/flock\" <<'EOF'\n%sEOF\nchmod 755 \"$1/flock\"\nmount --bind \"$1/flock\" %s\n", tt.flock, flock)
			}
			srv, f := reachMachine(t, m, "root")
			dir := tt.dir
			if dir == "" {
				dir = t.TempDir()
			}
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
			ctx, h := context.Background(), f.Host("mx1")
			if _, err := h.Dial(ctx, socket, opts, Options{}); err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			}
			d, err := os.Open(dir)
			if err == nil {
				defer d.Close()
			}
			if tt.hold {
				if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
					t.Fatal(err)
				}
			}
			wait := 20 * time.Second
			if tt.hold || tt.name == "silent" {
				wait = time.Second
			}
			unlock, err := h.Lock(ctx, socket, dir, wait)
			if errors.Is(err, ErrLocked) != tt.hold || (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			t.Log(err)
			if err != nil {
				return
			}
			if tt.dir == "" && unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				t.Error("it is not locked")
			}
			unlock()
			for deadline := time.Now().Add(time.Minute); tt.dir == "" && unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("it stays locked")
				}
			}
		})
	}
}
