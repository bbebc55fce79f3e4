package main

import (
	"bufio"
	"os/exec"
	"strconv"
	"testing"
)

// startSimProcess starts a simulated smtpd in a process of its own.
func startSimProcess(t testing.TB, path string, messages int) *exec.Cmd {
	t.Helper()
	// testscript puts the commands of TestMain on the PATH.
	cmd := exec.Command("smtpdsim", path, strconv.Itoa(messages))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the simulation said %q, %v", line, err)
	}
	return cmd
}
