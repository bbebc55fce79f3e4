package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// stuck returns lines that wait for somebody who never comes, or who holds the
// other end and does nothing. Each gets FIFOs of its own.
func stuck(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	fifo := func(name string, held bool) string {
		path := filepath.Join(dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if held {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
		}
		return path
	}
	return map[string]string{
		"write":         "show queue > " + fifo("a", false),
		"append":        "show queue >> " + fifo("b", false),
		"write, held":   "show queue > " + fifo("c", true),
		"append, held":  "show queue >> " + fifo("d", true),
		"source":        "source " + fifo("e", false),
		"source, held":  "source " + fifo("f", true),
		"pipe":          "show queue | sleep 600",
		"short pipe":    "show status | sleep 600",
		"deaf pipe":     "show queue | sh -c 'trap : INT TERM; while :; do sleep 1; done'",
		"waits":         "wait empty",
		"another's":     "monitor > " + fifo("g", true),
		"in two":        "show status; show queue > " + fifo("h", false) + "; show status",
		"wide messages": "show queue -o json > " + fifo("i", true),
	}
}

// running waits until a command runs: the terminal is as it was found then.
func (x *terminal) running() {
	x.t.Helper()
	for range 1000 {
		if reflect.DeepEqual(x.settings(), x.before) {
			time.Sleep(150 * time.Millisecond) // to get to where it hangs
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	x.t.Fatal("no command runs")
}

// TestPromptNothingHangs ends every command that waits for another program by
// Ctrl-C, Ctrl-\ and every signal: the first leads back to the prompt, the others
// end it, with the terminal as it was.
func TestPromptNothingHangs(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3000})
	lines := stuck(t)
	for i, name := range slices.Sorted(maps.Keys(lines)) {
		line := lines[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ways := map[string]int{"\x03": 0, "\x1c": 131, "TERM": 143, "HUP": 129, "QUIT": 131}
			for j, how := range slices.Sorted(maps.Keys(ways)) {
				if !fulltest.Takes(i+j, 3) {
					continue
				}
				status := ways[how]
				x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", path)
				x.expect(promptRE)
				x.paste(line + "\r")
				x.running()
				x.output()
				started := time.Now()
				switch sig, ok := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT}[how]; {
				case ok:
					x.cmd.Process.Signal(sig)
				default:
					x.keys(how)
				}
				if status == 0 {
					x.expect(promptRE)
					x.run("show status", "MDA running")
					x.keys("exit\r")
				}
				x.ended(status)
				if d := time.Since(started); d > 10*time.Second {
					t.Errorf("%q: ended after %v", how, d)
				}
				if out := x.all(); strings.Contains(out, "goroutine ") {
					t.Errorf("%q: dumped goroutines: %s", how, out)
				}
			}
		})
	}
}

// TestScriptsNothingHangs does the same in a script, where every signal ends the
// program.
func TestScriptsNothingHangs(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3000})
	lines := stuck(t)
	fifo := filepath.Join(t.TempDir(), "script")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	lines["the script"] = ""
	for i, name := range slices.Sorted(maps.Keys(lines)) {
		line := lines[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if line == "" {
				file = fifo
			}
			for j, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
				if !fulltest.Takes(i+j, 2) {
					continue
				}
				// A busy machine may need long until the program takes signals.
				got, text := signalled(t, sig, 300*time.Millisecond, "--socket", path, "-f", file)
				if got != 128+int(sig) {
					got, text = signalled(t, sig, 3*time.Second, "--socket", path, "-f", file)
				}
				if got != 128+int(sig) || strings.Contains(text, "goroutine ") {
					t.Errorf("%v: exit status %d: %s", sig, got, text)
				}
			}
		})
	}
}

// signalled starts the program, sends it a signal after a while, and returns its exit
// status and what it wrote on standard error.
func signalled(t *testing.T, sig syscall.Signal, after time.Duration, args ...string) (status int, stderr string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var text strings.Builder
	cmd.Stderr, cmd.WaitDelay = &text, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	cmd.Process.Signal(sig)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatalf("%v: still running", sig)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left running
	return cmd.ProcessState.ExitCode(), text.String()
}

// TestFIFOsWork reads and writes FIFOs whose other end is opened later.
func TestFIFOsWork(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3000})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := errors.Join(syscall.Mkfifo(in, 0o600), syscall.Mkfifo(out, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--socket", path, "-f", in)
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	w, err := os.OpenFile(in, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "show queue > %s\n", out)
	time.Sleep(100 * time.Millisecond)
	r, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	w.Close()
	if werr := cmd.Wait(); err != nil || werr != nil || strings.Count(string(got), "\n") != 3000 {
		t.Errorf("%d bytes, %v, %v, %s", len(got), err, werr, text.String())
	}
}

// TestDemoLeavesNothing ends demos by every signal, while they start, on a
// terminal that can only print, in a script and by a second signal.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		demos := map[string][]string{
			"starts":  {fmt.Sprint("--demo=", fulltest.Of(300_000, 10_000)), "show", "status"},
			"runs":    {"--demo", "monitor"},
			"listens": {"--demo", "--listen", filepath.Join(t.TempDir(), "s")},
			"script":  {"--demo", "-f", "/dev/stdin"},
		}
		for j, name := range slices.Sorted(maps.Keys(demos)) {
			args := demos[name]
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			t.Run(name+" "+sig.String(), func(t *testing.T) {
				t.Parallel()
				temp := t.TempDir()
				cmd := exec.Command(program, args...)
				cmd.Env = append(os.Environ(), "TMPDIR="+temp)
				stdin, _ := cmd.StdinPipe()
				defer stdin.Close()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				for range 1000 {
					if left, _ := os.ReadDir(temp); len(left) > 0 {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if name != "starts" {
					time.Sleep(300 * time.Millisecond)
				}
				cmd.Process.Signal(sig)
				if sig == syscall.SIGTERM {
					cmd.Process.Signal(sig)
				}
				cmd.Wait()
				if left, _ := os.ReadDir(temp); len(left) > 0 {
					t.Errorf("exit status %d, left behind: %v", cmd.ProcessState.ExitCode(), left)
				}
			})
		}
		t.Run("dumb terminal "+sig.String(), func(t *testing.T) {
			t.Parallel()
			if sig == syscall.SIGINT {
				return // it does not end the prompt
			}
			temp := t.TempDir()
			x := openTerminalIn(t, t.TempDir(), []string{"TMPDIR=" + temp, "TERM=dumb"}, "--demo")
			x.expect(promptRE)
			x.cmd.Process.Signal(sig)
			x.ended(128 + int(sig))
			if left, _ := os.ReadDir(temp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
