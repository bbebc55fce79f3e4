package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smtpctl/shell/copies"
)

// killVariable says at which step of restore the program kills itself, 1 for the first.
const killVariable = "SMTPCTL_TEST_KILL_AT"

// killAtStep makes the program of a test end at a step as a crash does.
func killAtStep() {
	at, err := strconv.Atoi(os.Getenv(killVariable))
	if err != nil {
		return
	}
	left := new(atomic.Int64) // several machines take steps at the same time
	left.Store(int64(at))
	copies.Step = func(string) {
		if left.Add(-1) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
	}
}

// killable runs the program so that it is killed at a step; 0 for none.
func killable(t *testing.T, step int, args ...string) result {
	t.Helper()
	return killableIn(t, os.Getenv("XDG_STATE_HOME"), step, args...)
}

// killableIn is killable with a folder of what outlasts a session of its own.
func killableIn(t *testing.T, state string, step int, args ...string) result {
	t.Helper()
	return runCommand(t, killableCommand(t, state, step, args...), "")
}

// killableCommand returns the command that killableIn runs.
func killableCommand(t *testing.T, state string, step int, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if step == 0 && testing.CoverMode() == "" {
		self = program // which starts in half the time
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"smtpctl"}, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", killVariable, step), "XDG_STATE_HOME="+state)
	return cmd
}
