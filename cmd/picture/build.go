package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clock is the time that the program in the pictures reads from its clock, in Unix seconds:
// 03:07:12 on 2026-11-24, UTC.
const clock = 1795489632

// reads is where Go's package time reads the clock, and stops the line that build inserts
// behind it to set the time to clock. Timeouts and timers use the monotonic clock, which is
// left running.
const (
	reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	stops = "\tsec, nsec = %d, 0\n"
)

// build builds smtpctl, with a clock that stands still, in a folder, and returns the path of
// the program. smtpctl has no setting for the time, since no user of a mail server should be
// able to set it, so build changes Go's package time with the flag -overlay of go build.
func build(folder string) (program string, err error) {
	goRoot, err := goEnv("GOROOT")
	if err != nil {
		return "", err
	}
	path := filepath.Join(goRoot, "src", "time", "time.go")
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if strings.Count(string(source), reads) != 1 {
		return "", fmt.Errorf("%s does not read the clock as expected: adapt cmd/picture/build.go to this version of Go", path)
	}
	still := filepath.Join(folder, "time.go")
	overlay := filepath.Join(folder, "overlay.json")
	text := strings.Replace(string(source), reads, reads+fmt.Sprintf(stops, clock), 1)
	if err := os.WriteFile(still, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: still}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(folder, "smtpctl")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay, "-o", program, "smtpctl/cmd/smtpctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}
