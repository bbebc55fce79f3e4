package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/remote/sshdtest"
)

// eventTimes returns the times of the events that show log has printed as JSON.
func eventTimes(t *testing.T, stdout string) (times []int64) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var e struct{ Time time.Time }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time.IsZero() {
			t.Fatalf("%q: %v", line, err)
		}
		times = append(times, e.Time.Unix())
	}
	return times
}

// TestFarLogZone reads a log whose times have no zone from machines in several time zones: each
// event is shown at the moment at which it happened there, in whatever zone this machine is.
func TestFarLogZone(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", 3)
	log, env := filepath.Join(f.Dir, "maillog"), f.ids[1].String()
	moment := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	for i, zone := range []struct {
		name    string
		seconds int
	}{{"UTC0", 0}, {"NST3:30", -3*3600 - 1800}, {"IST-5:30", 5*3600 + 1800}, {"LINT-14", 14 * 3600}, {"AOE12", -12 * 3600}, {"ACWST-8:45", 8*3600 + 45*60}} {
		f.SetExtra(sshdtest.SetEnv("TZ=" + zone.name))
		var text strings.Builder
		var want []int64
		for k := range 2 {
			at := moment.Add(time.Duration(k) * time.Hour)
			want = append(want, at.Unix())
			fmt.Fprintf(&text, "%s mx smtpd[1]: 0123456789abcdef mta delivery evpid=%s from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"r\" delay=1s result=\"TempFail\" stat=\"451 no\"\n",
				at.In(time.FixedZone("", zone.seconds)).Format(time.Stamp), env)
		}
		if err := os.WriteFile(log, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		for j, here := range []string{"UTC", "NST3:30", "Pacific/Auckland"} {
			if !fulltest.Takes(i+j, 3) {
				continue
			}
			cmd := f.command("--socket", f.socket, "--spool", f.dir, "--host", "mx1", "show", "log", "-j", "--log", log, env)
			cmd.Env = append(cmd.Env, "TZ="+here)
			r := runCommand(t, cmd, "")
			if r.status != 0 || r.stderr != "" {
				t.Fatalf("%s from %s: %v", zone.name, here, r)
			}
			if got := eventTimes(t, r.stdout); !slices.Equal(got, want) {
				t.Errorf("%s from %s: events at %v, want %v", zone.name, here, got, want)
			}
		}
	}
	f.gone()
}

// TestFarJournal reads the journal of systemd on another machine that has no log in files: what
// it has, one that may not be read, one without a line of smtpd, and none.
func TestFarJournal(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	const env = "0000000700000001"
	lines := ""
	for i, zone := range []string{"-0330", "+0000"} {
		lines += fmt.Sprintf("2026-11-2%dT10:00:00%s mx smtpd[1]: 0123456789abcdef mta delivery evpid=%s from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"r\" delay=1s result=\"TempFail\" stat=\"451 no\"\n", i+1, zone, env)
	}
	for _, tt := range []struct {
		name, script string // "" for no journalctl
		status       int
		want         string // in the error
	}{
		{"has it", "[ \"$*\" = '--no-pager --quiet --output=short-iso --identifier=smtpd' ] || { echo \"$*\" >&2; exit 2; }\ncat <<'EOF'\n" + lines + "EOF\n", 0, ""},
		{"may not be read", "echo 'No journal files were opened due to insufficient permissions.' >&2\nexit 1\n", 1, "journalctl"},
		{"has nothing of smtpd", "exit 0\n", 1, "none of smtpd in the journal"},
		{"none", "", 1, "no log of mail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// All programs of the machine but journalctl are links to those of this one.
			mounts := "mount -t tmpfs tmpfs /var/log\nmount -t tmpfs tmpfs /mnt\nmkdir /mnt/bin /mnt/links\nmount --bind /usr/bin /mnt/bin\nln -s /mnt/bin/* /mnt/links/\nrm -f /mnt/links/journalctl\n"
			if tt.script != "" {
				mounts += "cat >/mnt/links/journalctl <<'END'\n#!/bin/sh\n" + tt.script + "END\nchmod 755 /mnt/links/journalctl\n"
			}
			b := farBedAt(t, sshdtest.StartMachine(t, sshdtest.Machine{Mounts: mounts + "mount --bind /mnt/links /usr/bin\n"}))
			r := b.run("", "--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", "mx1", "show", "log", "-j", env)
			if r.status != tt.status || (tt.status == 0) != (r.stderr == "") || tt.want != "" && (!strings.Contains(r.stderr, "mx1: ") || !strings.Contains(r.stderr, tt.want)) || strings.Count(r.stderr, "\n") > 1 {
				t.Errorf("%v", r)
			}
			want := []int64{time.Date(2026, 11, 21, 13, 30, 0, 0, time.UTC).Unix(), time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Unix()}
			if got := eventTimes(t, r.stdout); tt.status == 0 && !slices.Equal(got, want) {
				t.Errorf("events at %v, want %v: %v", got, want, r)
			}
		})
	}
}

// TestFarLogAway reads the log and a message of a machine whose smtpd does not run, has crashed,
// or hangs: that is when both are wanted.
func TestFarLogAway(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", 5)
	log := filepath.Join(f.dir, "maillog")
	id := f.ids[0].String()
	line := fmt.Sprintf("2026-11-21T10:00:00+00:00 mx smtpd[1]: 0123456789abcdef mta delivery evpid=%s from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"r\" delay=1s result=\"TempFail\" stat=\"451 no\"\n", id)
	if err := os.WriteFile(log, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	sockets := t.TempDir()
	for _, name := range []string{"crashed", "hung"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(sockets, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if name == "crashed" {
			l.Close()
		} else {
			t.Cleanup(func() { l.Close() })
		}
	}
	t.Cleanup(f.gone) // after all of them
	for i, name := range []string{"absent", "crashed", "hung"} {
		for j, words := range [][]string{{"show", "log", "--log", log, id}, {"show", "message", id[:8]}} {
			for k, way := range []string{"one-shot", "script"} {
				if !fulltest.Takes(i+j+k, 2) {
					continue
				}
				t.Run(name+" "+words[1]+" "+way, func(t *testing.T) {
					t.Parallel()
					args, script := []string{"--socket", filepath.Join(sockets, name), "--spool", f.dir, "--timeout", "10s", "--host", "mx1"}, ""
					if way == "script" {
						args, script = append(args, "-f", "-"), strings.Join(words, " ")+"\n"
					} else {
						args = append(args, words...)
					}
					if r := runCommand(t, f.command(args...), script); r.status != 0 || r.stdout == "" || r.stderr != "" {
						t.Errorf("%v", r)
					}
				})
			}
		}
	}
}
