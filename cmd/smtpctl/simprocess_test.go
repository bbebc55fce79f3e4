package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// startSimProcess starts a simulated smtpd in a process of its own.
func startSimProcess(t testing.TB, path string, messages int) *exec.Cmd {
	t.Helper()
	// testscript puts the commands of TestMain on the PATH.
	cmd := exec.Command("smtpdsim", path, strconv.Itoa(messages))
	if line := startProcess(t, cmd, os.Kill); line != "ready" {
		t.Fatalf("the simulation said %q", line)
	}
	return cmd
}

// startDemoProcess starts the simulation of --demo in a process of its own, and
// returns the options that lead to it.
func startDemoProcess(t testing.TB) []string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	// Interrupted, it removes its files.
	return strings.Fields(startProcess(t, exec.Command(program, "--demo=100", "--listen", socket), os.Interrupt))
}

// startProcess starts a process, which a signal ends with the test, and returns
// the first line that it prints.
func startProcess(t testing.TB, cmd *exec.Cmd, end os.Signal) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(end)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said %q, %v", cmd, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}
