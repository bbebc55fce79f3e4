package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/commandtest"
)

// shellRun runs the program by sh, which applies the redirections, with the name of
// the program in $0.
func shellRun(t *testing.T, stdin, redirect string, args ...string) result {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `"$0" "$@" ` + redirect, program}, args...)...)
	return runCommand(t, cmd, stdin)
}

// broken runs the program with its output going to a pipe that nobody reads.
func broken(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := exec.Command(program, args...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), w, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Wait()
	return result{"", errs.String(), cmd.ProcessState.ExitCode()}
}

// brokenStatus is the status of a command whose output nobody reads.
const brokenStatus = 128 + 13

// TestLostOutput runs every command with standard output closed, on a full disk, and
// with nobody reading it, in one shot and as a script. One that has something to say
// fails, and says on standard error that its output is lost unless the reader ended.
func TestLostOutput(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/full")
	}
	d := []string{"--demo=3"} // anew for each command
	mute := map[string]bool{"exit": true, "quit": true, "source <file>": true, "wait <condition...>": true, "wait empty": true,
		"wait empty <condition...>": true, "wait stats <statistic...>": true,
		// What an empty simulation and no name server have nothing for.
		"hold": true, "show holds": true, "show journal": true, "show spool": true, "show spool <query...>": true, "show mta paused": true, "show relays": true, "show hosts": true, "show routes": true, "show hoststats": true, "__complete <line>": true, "__complete <line> <shell>": true, "__complete <line> <shell> <part>": true}
	for i, pattern := range slices.Sorted(maps.Keys(commandtest.Lines)) {
		line := commandtest.Lines[pattern]
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			stdin := "a\n"
			if strings.HasPrefix(pattern, "spf") || strings.HasPrefix(pattern, "wait ") && pattern != "wait stats <statistic...>" {
				return // nothing to print, and they take their time
			}
			words := append(append([]string{}, d...), strings.Fields(line)...)
			fails := false // whatever becomes of its output
			// watch alone ends only when its output does.
			if pattern != "watch <word...>" {
				r := runCommand(t, exec.Command(program, words...), stdin)
				if r.stdout == "" && !mute[pattern] && r.status == 0 {
					t.Errorf("%s prints nothing: %v", line, r)
				}
				if r.stdout == "" {
					return
				}
				fails = r.status != 0
			}
			type way struct {
				name   string
				words  []string
				stdin  string
				prefix string
			}
			ways := []way{{"one-shot", words, stdin, "smtpctl: "}}
			if pattern != "encrypt" {
				ways = append(ways, way{"script", d, line + "\nshow status\n", "stdin:1: "})
			}
			for j, w := range ways {
				for k, bad := range []struct{ name, redirect, want string }{{"closed", ">&-", "it is closed"}, {"full", ">/dev/full", "no space left on device"}} {
					if !fulltest.Takes(i+j+k, 3) {
						continue
					}
					r := shellRun(t, w.stdin, bad.redirect, w.words...)
					if fails && r.status == 1 && strings.Count(r.stderr, "\n") > 1 {
						continue
					}
					if r.status != 1 || !strings.Contains(r.stderr, bad.want) || !strings.Contains(r.stderr, "standard output") {
						t.Errorf("%s, %s, %s: %v", line, w.name, bad.name, r)
					}
				}
				if !fulltest.Takes(i+j+2, 3) {
					continue
				}
				if r := broken(t, w.stdin, w.words...); r.status != brokenStatus && !(fails && r.status == 1) {
					t.Errorf("%s, %s, broken: %v", line, w.name, r)
				}
			}
		})
	}
	for _, words := range [][]string{{"--help"}, {"--version"}, {"show", "--help"}, {"show", "?"}} {
		for _, redirect := range []string{">&-", ">/dev/full"} {
			if r := shellRun(t, "", redirect, words...); r.status != 1 || !strings.Contains(r.stderr, "standard output") {
				t.Errorf("%q %s: %v", words, redirect, r)
			}
		}
		if r := broken(t, "", words...); r.status != brokenStatus {
			t.Errorf("%q broken: %v", words, r)
		}
	}
}

// TestNullIsNotClosed hands /dev/null to the program in the ways that shells and
// other programs do: nothing is lost that was wanted.
func TestNullIsNotClosed(t *testing.T) {
	t.Parallel()
	for _, redirect := range []string{">/dev/null", "<>/dev/null >&0", "<>/dev/null >&0 2>&0", ">>/dev/null", "</dev/null >/dev/null 2>&1"} {
		if r := shellRun(t, "", redirect, "--version"); r.status != 0 {
			t.Errorf("%s: %v", redirect, r)
		}
	}
	// Opened for both, by the parent alone, as some languages do.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd := exec.Command(program, "--version")
	cmd.Stdout = null
	if out, err := cmd.CombinedOutput(); err == nil || cmd.Stdout != null {
		t.Fatal(out, err)
	}
	cmd = exec.Command(program, "--version")
	cmd.Stdout = null
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %s", err, errs.String())
	}
}

// TestClosedStreams starts the program with each standard stream closed, and all of
// them: no file or socket of the program gets their numbers, and reading what is
// closed fails.
func TestClosedStreams(t *testing.T) {
	d := startDemoProcess(t)
	for _, redirect := range []string{"<&-", "2>&-", "<&- 2>&-"} {
		if r := shellRun(t, "", redirect, append(append([]string{}, d...), "show", "status")...); r.status != 0 || !strings.Contains(r.stdout, "MTA running") {
			t.Errorf("show status %s: %v", redirect, r)
		}
	}
	for _, words := range []string{"", "encrypt", "spf walk", "remove -", "show queue -"} {
		r := shellRun(t, "", "<&-", append(append([]string{}, d...), strings.Fields(words)...)...)
		if r.status == 0 || !strings.Contains(r.stderr, "standard input: it is closed") {
			t.Errorf("%q with standard input closed: %v", words, r)
		}
	}
	for _, redirect := range []string{"<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"} {
		// It writes to a file while the socket is open: neither may have a standard stream's number.
		cmd := exec.Command("sh", "-c", `exec "$0" "$@" `+redirect, program)
		cmd.Args = append(append(cmd.Args, d...), "monitor", "--interval", "10s")
		if strings.Contains(redirect, ">&- ") || redirect == ">&-" || strings.Contains(redirect, " >&-") {
			cmd.Args = append(append([]string{"sh", "-c", cmd.Args[2], program}, d...), "wait", "from=nobody@nowhere.invalid", "for", "10s")
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, nil, nil
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		realsmtpd.WaitFor(t, patience, "the socket to be opened", func() error {
			links, _ := filepath.Glob("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/fd/*")
			for _, l := range links {
				to, _ := os.Readlink(l)
				if strings.HasPrefix(to, "socket:") {
					if n, _ := strconv.Atoi(filepath.Base(l)); n < 3 {
						t.Errorf("%s: the socket has number %d", redirect, n)
					}
					return nil
				}
			}
			return fmt.Errorf("no socket among %d", len(links))
		})
		cmd.Process.Kill()
		cmd.Wait()
	}
}
