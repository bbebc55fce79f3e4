package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell"
	"smtpctl/shell/confine/sandbox"
	"smtpctl/shell/early"
)

// program is the path of the built program.
var program string

// A builder builds the program before it runs the tests.
type builder struct{ m *testing.M }

func (b builder) Run() int {
	early.AllProcessors()
	fulltest.InMemory()
	fulltest.SeldomGarbage()
	dir, err := os.MkdirTemp("", "smtpctl")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "smtpctl")
	// What outlasts a session is not to be found in the home of whoever runs the tests.
	if err := os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	args := []string{"build", "-ldflags=-s -w", "-o", program} // no tables for debuggers, as in a release
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, ".")...)
	if !raceEnabled {
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as just build does
	}
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building smtpctl:", err)
		return 1
	}
	if !raceEnabled && testing.CoverMode() == "" {
		// Scripts run the program, which starts in half the time of the tests with it inside.
		for _, name := range append(shell.ForeignNames(), "smtpctl", "mailq") {
			path, err := exec.LookPath(name)
			if err == nil && strings.Contains(path, "testscript-main") {
				err = replace(path, program)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	// The default was computed while this program had one processor; see package early.
	fulltest.Parallel(2 * runtime.GOMAXPROCS(0))
	if !raceEnabled {
		// Most tests wait for processes and time-outs: more of them can run at once than
		// there are processors. -parallel takes precedence.
		fulltest.Parallel(16)
	}
	return b.m.Run()
}

// replace puts a link to a file in the place of a file of the test.
func replace(path, to string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Symlink(to, path)
}

// TestMain lets scripts run the program under its names.
func TestMain(m *testing.M) {
	commands := map[string]func(){"smtpdsim": simMain}
	for _, name := range append(shell.ForeignNames(), "smtpctl", "mailq") {
		commands[name] = ownMain
	}
	testscript.Main(builder{m}, commands)
}

// ownMain is main, not confined where it has to write the counters of its coverage.
func ownMain() {
	sandbox.Off = testing.CoverMode() != ""
	killAtStep()
	main()
}

// A result is what a program wrote and its exit status.
type result struct {
	stdout, stderr string
	status         int
}

func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout:\n%sstderr:\n%s", r.status, r.stdout, r.stderr)
}

// runLimit is how long a command of a test may run.
const runLimit = 2 * time.Minute

// runCommand runs a command to its end.
func runCommand(t testing.TB, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	kill := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
	defer kill.Stop()
	var out, errb bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errb
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errb.String(), cmd.ProcessState.ExitCode()}
}

// ours runs the program against a real smtpd.
func ours(t testing.TB, d *realsmtpd.Daemon, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.Command(program, append([]string{"--socket", d.Socket, "--spool", d.Spool}, args...)...)
	return runCommand(t, cmd, stdin)
}

// theirs runs OpenSMTPD's own smtpctl.
func theirs(d *realsmtpd.Daemon, stdin string, args ...string) result {
	out, errb, status := d.Smtpctl(stdin, args...)
	return result{out, errb, status}
}

// run runs the program as it is.
func run(t testing.TB, args ...string) result {
	t.Helper()
	return runCommand(t, exec.Command(program, args...), "")
}
