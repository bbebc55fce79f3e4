package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestBrokenPipe gives the program a standard output or error that nobody reads any
// more, one-shot and in scripts: it ends by itself and not by SIGPIPE, and what it
// was told to change has been changed.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"one-shot", "file", "stdin"} {
		for _, stream := range []string{"stdout", "stderr", "both"} {
			t.Run(way+"/"+stream, func(t *testing.T) {
				t.Parallel()
				sim, path := simtest.Start(t, smtpdsim.Config{Messages: 3})
				script := filepath.Join(t.TempDir(), "script")
				if err := os.WriteFile(script, []byte("pause envelope all\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args := map[string][]string{"one-shot": {"pause", "envelope", "all"}, "file": {"-f", script}, "stdin": nil}[way]
				cmd := exec.Command(program, append([]string{"--socket", path, "--spool", t.TempDir()}, args...)...)
				if way == "stdin" {
					cmd.Stdin = bytes.NewReader([]byte("pause envelope all\n"))
				}
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				r.Close()
				defer w.Close()
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if stream != "stderr" {
					cmd.Stdout = w
				}
				if stream != "stdout" {
					cmd.Stderr = w
				}
				_ = cmd.Run()
				st := cmd.ProcessState.Sys().(syscall.WaitStatus)
				if st.Signaled() || (st.ExitStatus() == 0) != (stream == "stderr") {
					t.Errorf("%v: %s", cmd.ProcessState, out.String())
				}
				if way == "one-shot" && stream != "stderr" && st.ExitStatus() != 128+int(syscall.SIGPIPE) {
					t.Errorf("%v, want what a shell says of SIGPIPE", cmd.ProcessState)
				}
				for _, e := range sim.Envelopes() {
					if e.Flags&protocol.FlagSuspend == 0 {
						t.Errorf("%v is not paused", e.ID)
					}
				}
			})
		}
	}
}

// TestBrokenPipeChildren checks that the programs which this one starts still end
// by SIGPIPE: a signal that is ignored would be ignored there too.
func TestBrokenPipeChildren(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3})
	cmd := exec.Command(program, "--socket", path)
	r := runCommand(t, cmd, "show status | { sh -c 'kill -PIPE $$; echo alive'; }\n")
	if bytes.Contains([]byte(r.stdout), []byte("alive")) {
		t.Errorf("a program survives SIGPIPE: %v", r)
	}
}
