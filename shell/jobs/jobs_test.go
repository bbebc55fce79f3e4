package jobs

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv("JOBS_TEST_STOPS") == "" {
		os.Exit(m.Run())
	}
	// Threads that are busy, one of which gets the signal before that of Stop sees it.
	for range 4 * runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			for {
				time.Sleep(time.Millisecond)
			}
		}()
	}
	time.Sleep(5 * time.Millisecond)
	Stop()
	os.Stdout.WriteString("back")
}

// TestStop stops a program again and again: each time it goes on only once it is continued.
func TestStop(t *testing.T) {
	for i := range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "JOBS_TEST_STOPS=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		pid := cmd.Process.Pid
		var status syscall.WaitStatus
		for { // other signals may interrupt the wait
			if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != syscall.EINTR {
				break
			}
		}
		if !status.Stopped() {
			t.Fatalf("run %d: it was not stopped: %v", i, status)
		}
		fds := []unix.PollFd{{Fd: int32(r.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(fds, 0); n > 0 {
			t.Errorf("run %d: it went on before it was stopped", i)
		}
		syscall.Kill(-pid, syscall.SIGCONT)
		if text, err := io.ReadAll(r); err != nil || string(text) != "back" {
			t.Errorf("run %d: %q, %v", i, text, err)
		}
		cmd.Wait()
		r.Close()
	}
}
