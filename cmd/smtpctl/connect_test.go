package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestConnectSeveral connects to several machines, of which some cannot be reached: all are
// tried at the same time, each that fails is named with its reason, and commands go where they
// went before.
func TestConnectSeveral(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	dir := filepath.Join(b.Dir, "counted")
	os.Mkdir(dir, 0o700)
	os.WriteFile(filepath.Join(dir, "run"), fmt.Appendf(nil, countingProxy, 3), 0o600)
	b.Config(fmt.Sprintf("Host h*\nProxyCommand sh -c 'cd %s && exec sh run'\n", dir))
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	r := b.run("connect mx3\nconnect mx1,h1,h2,h3,mx2\non local show status\nshow servers -o table\nconnect mx1,mx2,local\nshow status\nconnect h1\nconnect h1,h2\n", "-k", "--timeout", "1m", "--socket", socket, "-f", "-")
	seen, _ := os.ReadFile(filepath.Join(dir, "seen"))
	most := 0
	for _, word := range strings.Fields(string(seen)) {
		n, _ := strconv.Atoi(word)
		most = max(most, n)
	}
	if most != 3 {
		t.Errorf("%d of 3 at the same time", most)
	}
	for _, want := range []string{"\n* mx3 ", "\n  mx1 ", "\nconnected to mx1 (", "\nconnected to mx2 (", "\nconnected to the smtpd of this machine\n", "\nmx2: MTA running\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q: %v", want, r)
		}
	}
	for _, want := range []string{"smtpctl: h1: ssh: ", "smtpctl: h2: ssh: ", "smtpctl: h3: ssh: ",
		"stdin:2: connect: no connection to h1, h2, h3; commands are for mx3, as before; for those that can be reached: connect mx1,mx2\n",
		"stdin:7: connect: h1: ssh: ", "stdin:8: connect: no connection to h1, h2; commands are for mx1, mx2, local, as before\n"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q: %v", want, r)
		}
	}
	if r.status != 3 {
		t.Errorf("%v", r)
	}
}

// TestConnectStopped types Ctrl-Z where ssh asks: ssh asks again, and the terminal can be used as
// before. A stopped ssh would keep it.
func TestConnectStopped(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	b.Config("Host mx2\nUserKnownHostsFile " + filepath.Join(b.Dir, "other_hosts") + "\n")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "NO_COLOR=1"}, "--socket", socket)
	x.expect(promptRE)
	x.keys("connect mx2\r")
	x.expect(`continue connecting`)
	x.paste("\x1a")
	x.expect(`\^Z(?s).*continue connecting`)
	x.paste("yes\n")
	x.expect(`connected to mx2 (?s).*mx2 smtpctl> $`)
	x.keys("exit\r")
	x.ended(0)
	b.gone()
}

// TestConnectAsks connects to two machines at a prompt, of which ssh does not know the key of
// one: it asks for that one alone, once the other is connected.
func TestConnectAsks(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	known := filepath.Join(b.Dir, "other_hosts")
	b.Config("Host mx2\nUserKnownHostsFile " + known + "\n")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	for i, answer := range []string{"no", "yes"} {
		x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "NO_COLOR=1"}, "--socket", socket)
		x.expect(promptRE)
		x.keys("connect mx1,mx2\r")
		x.expect(`continue connecting`)
		x.paste(answer + "\n")
		if i == 0 {
			x.expect(`smtpctl: mx2: ssh: (?s).*connect: no connection to mx2; .*connect mx1.*smtpctl> $`)
		} else {
			x.expect(`connected to mx1 (?s).*connected to mx2 .*mx1,mx2 smtpctl> $`)
		}
		if n := strings.Count(x.all(), "continue connecting"); n != 1 {
			t.Errorf("%d questions: %q", n, x.all())
		}
		x.keys("exit\r")
		x.ended([]int{3, 0}[i])
		b.gone()
	}
}
