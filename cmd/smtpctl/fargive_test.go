package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"smtpctl/protocol/smtpdsim"
)

// farRequeueBed is newRequeueBed on the machine mx1, whose smtpd takes mail at a TCP port.
func farRequeueBed(t *testing.T, ssh *farBed, at smtpdsim.Listener) *requeueBed {
	t.Helper()
	b := newRequeueBed(t)
	addr, err := b.sim.Listen("127.0.0.1:0", at)
	if err != nil {
		t.Fatal(err)
	}
	b.reach(t, ssh, "host mx1 = smtp="+addr+"\n")
	return b
}

// reach makes the smtpd one of the machine mx1, with settings.
func (b *requeueBed) reach(t *testing.T, ssh *farBed, settings string) {
	t.Helper()
	b.host = "mx1"
	b.args = append(b.args, "--host", b.host)
	config, run := t.TempDir(), t.TempDir()
	os.Mkdir(filepath.Join(config, "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(config, "smtpctl", "config"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"PATH=" + ssh.Path(), "XDG_CONFIG_HOME=" + config, "XDG_RUNTIME_DIR=" + run}
}

// TestFarRequeue is TestRequeue over ssh.
func TestFarRequeue(t *testing.T) {
	t.Parallel()
	testRequeue(t, farRequeueBed(t, newFarBed(t, ""), smtpdsim.Listener{}))
}

// TestFarRequeueKilled and TestFarBounceKilled kill requeue and bounce of mail of another machine
// at each of their steps, and give the command again.
func TestFarRequeueKilled(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	killEach(t, func(t *testing.T) *requeueBed { return farRequeueBed(t, ssh, smtpdsim.Listener{}) }, []string{"requeue", "to=r*"}, 15,
		func(b *requeueBed) error { return once(b.queued(), 6) })
}

func TestFarBounceKilled(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	killEach(t, func(t *testing.T) *requeueBed { return farRequeueBed(t, ssh, smtpdsim.Listener{}) }, []string{"bounce", "to=r*"}, 15,
		func(b *requeueBed) error {
			if n := b.queued(); len(n) != 1 || n["s@x.example"] != 3 {
				return fmt.Errorf("%v", n)
			}
			return nil
		})
}
