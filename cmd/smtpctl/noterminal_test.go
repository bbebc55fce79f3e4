package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestQuestionsAreSeen asks with standard error closed and elsewhere: the question
// shows on the terminal, for otherwise an answer would be given to nothing.
func TestQuestionsAreSeen(t *testing.T) {
	t.Parallel()
	for _, redirect := range []string{"2>&-", "2>/dev/null"} {
		x := inTerminal(t, t.TempDir(), nil, exec.Command("sh", "-c", `exec "$0" "$@" `+redirect, program, "--demo=20"))
		x.expect(promptRE)
		x.keys("remove all\r")
		x.expect(`\[y/N\] $`)
		x.keys("n\r")
		x.expect(promptRE)
		x.keys("exit\r")
		x.expect(`exit`)
		<-x.done
		x.restored()
	}
}

// TestNoControllingTerminal starts the prompt on a terminal that is not the
// controlling one, so that there is no /dev/tty: it reads plain lines.
func TestNoControllingTerminal(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program, "--demo=20")
	x := inTerminalWith(t, t.TempDir(), nil, cmd, &syscall.SysProcAttr{Setsid: true})
	x.expect(`smtpctl[^>]*> $`)
	x.keys("show status\n")
	x.expect(`MTA running\n(?s).*smtpctl[^>]*> $`)
	x.keys("exit\n")
	<-x.done
	if status := x.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	x.restored()
	// One-shot and a script need none.
	for _, args := range [][]string{{"--demo=3", "show", "status"}, {"--demo=3"}} {
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Env = os.Environ()
		if r := runCommand(t, cmd, "show status\n"); r.status != 0 || !strings.Contains(r.stdout, "MTA running") {
			t.Errorf("%q: %v", args, r)
		}
	}
}
