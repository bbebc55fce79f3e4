package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The most that packages of this program may allocate before main, which every one-shot
// command pays for; see "What a start costs" in CONTRIBUTING.md.
const (
	initBytes = 6 << 10  // of one package
	initTotal = 12 << 10 // of all
)

// TestInit reads what the runtime says of the initialisation of each package: ours allocate
// little, and early comes before those that start or allocate something.
func TestInit(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	cmd := exec.Command(program, "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	r := runCommand(t, cmd, "")
	place := map[string]int{}
	total := 0
	for line := range strings.Lines(r.stderr) {
		// init NAME @TIME ms, TIME ms clock, N bytes, N allocs
		f := strings.Fields(line)
		if len(f) != 11 || f[0] != "init" {
			continue
		}
		name := f[1]
		place[name] = len(place) + 1
		n, err := strconv.Atoi(f[7])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if !strings.HasPrefix(name, "smtpctl/") {
			continue
		}
		total += n
		if n > initBytes {
			t.Errorf("%s allocates %d bytes before main, want %d at most: make its tables when they are needed", name, n, initBytes)
		}
	}
	if total > initTotal {
		t.Errorf("our packages allocate %d bytes before main, want %d at most", total, initTotal)
	}
	early := place["smtpctl/shell/early"]
	if early == 0 {
		t.Fatalf("shell/early is not initialised: %s", r.stderr)
	}
	for _, later := range []string{"sync", "syscall", "os", "unicode", "smtpctl/shell"} {
		if at := place[later]; at != 0 && at < early {
			t.Errorf("shell/early is initialised after %s: it must import runtime alone", later)
		}
	}
}

// TestSignalsSoon ends a command that only asks, and that smtpd does not answer, by each
// signal once it listens to them: it ends by itself, with the status of the signal.
func TestSignalsSoon(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc to see when signals are listened to")
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, words := range [][]string{{"show", "routes"}, {"show", "status"}, {"show", "queue"}, {"show", "stats"}} {
			t.Run(fmt.Sprint(sig, words), func(t *testing.T) {
				t.Parallel()
				dir, err := os.MkdirTemp("", "soon")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				socket := filepath.Join(dir, "s")
				ln, err := net.Listen("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
				cmd := exec.Command(program, append([]string{"--timeout", "1m", "--socket", socket, "--spool", dir}, words...)...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				end := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
				defer end.Stop()
				conn, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				for ignored(t, cmd.Process.Pid, syscall.SIGPIPE) {
					time.Sleep(time.Millisecond)
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				if st := cmd.ProcessState.Sys().(syscall.WaitStatus); st.Signaled() || st.ExitStatus() != 128+int(sig) {
					t.Errorf("%v, want status %d", cmd.ProcessState, 128+int(sig))
				}
			})
		}
	}
}

// ignored reports whether a process ignores a signal.
func ignored(t *testing.T, pid int, sig syscall.Signal) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nSigIgn:\t")
	hex, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		t.Fatalf("SigIgn: %v", err)
	}
	return mask&(1<<(sig-1)) != 0
}
