package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// smtpdFolders are where smtpd is installed. PATH may name folders that others can write to.
var smtpdFolders = []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/libexec", "/usr/pkg/sbin"}

// Limits of what is asked on this machine.
const (
	hereWait = 2 * time.Second
	maxHere  = 4096 // bytes of what smtpd prints about itself
)

// here fills in what is known of this machine.
func (f *Fleet) here(ctx context.Context, j *ServerJSON) (err error) {
	uid := os.Geteuid()
	j.System, j.Machine, j.Way, j.UID, j.Smtpd = systemHere(), machineHere(), "socket", &uid, smtpdHere(ctx)
	if j.Files = "yes"; uid != 0 {
		j.Files = fmt.Sprintf("as uid %d", uid)
	}
	if j.State != stateConnected {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hereWait)
	defer cancel()
	asked := time.Now()
	_, err = f.Link("").Digest(ctx)
	switch {
	case err == nil:
		j.setTrip(time.Since(asked))
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("smtpd has not answered within %v", hereWait)
	}
	return err
}

// machineHere is the hardware of this machine, as uname -m prints it, or "".
func machineHere() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// smtpdHere returns the version of the smtpd that is installed on this machine, or "". smtpd does
// not tell its version by the socket.
func smtpdHere(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, hereWait)
	defer cancel()
	for _, dir := range smtpdFolders {
		path := filepath.Join(dir, "smtpd")
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		out := &firstBytes{room: maxHere}
		cmd := exec.CommandContext(ctx, path, "-h")
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, time.Second
		_ = cmd.Run() // its status says that this is no way to run it
		for line := range strings.Lines(out.String()) {
			if name, version, ok := strings.Cut(strings.TrimSpace(line), "OpenSMTPD "); ok && strings.TrimSpace(name) == "version:" {
				return strings.TrimSpace(version)
			}
		}
	}
	return ""
}

// A firstBytes keeps the first bytes that are written to it. Write never fails.
type firstBytes struct {
	bytes.Buffer
	room int
}

func (b *firstBytes) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.room-b.Len()))])
	return len(p), nil
}

// systemHere is the system of this machine, as uname(1) names those that smtpd runs on.
func systemHere() string {
	names := map[string]string{"linux": "Linux", "openbsd": "OpenBSD", "freebsd": "FreeBSD", "netbsd": "NetBSD", "dragonfly": "DragonFly", "darwin": "Darwin"}
	if name := names[runtime.GOOS]; name != "" {
		return name
	}
	return runtime.GOOS
}

// setTrip sets the round trip.
func (j *ServerJSON) setTrip(trip time.Duration) {
	ms := float64(trip.Round(time.Microsecond)) / float64(time.Millisecond)
	j.Trip = &ms
}
