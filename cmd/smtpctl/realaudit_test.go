package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// fakeSyslog takes the place of syslogd at /dev/log until the test ends.
func fakeSyslog(t *testing.T) *net.UnixConn {
	t.Helper()
	const path = "/dev/log"
	if _, err := os.Lstat(path); err == nil {
		aside := path + ".aside"
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Rename(aside, path) })
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		os.Remove(path)
	})
	return c
}

// logged reads the next line of smtpctl's, for smtpd logs there too; nothing if none
// comes in time.
func logged(t *testing.T, c *net.UnixConn, limit time.Duration) string {
	t.Helper()
	buf := make([]byte, 8192)
	c.SetReadDeadline(time.Now().Add(limit))
	for {
		n, err := c.Read(buf)
		if err != nil {
			return ""
		}
		if line := string(buf[:n]); strings.Contains(line, "smtpctl[") {
			// <21> is LOG_MAIL and LOG_NOTICE.
			if !strings.HasPrefix(line, "<21>") || !strings.Contains(line, "user ") || n > 1024 {
				t.Errorf("logged %q", line)
			}
			return strings.TrimSpace(line)
		}
	}
}

// TestRealSyslog reads what is logged of changes, in every way to name envelopes, and
// with a standard output that takes nothing.
func TestRealSyslog(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	c := fakeSyslog(t)
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@temp.example"}})
	d.WaitQueued(1)
	ours(t, d, "", "show", "queue")
	id := firstID(t, d)
	flags := fmt.Sprintf("%s --socket %s --spool %s ", program, d.Socket, d.Spool)
	for _, tt := range []struct{ command, words, stdin, ids, end string }{
		{flags + "pause envelope all", "pause envelope all", "", id[:8], "done=1"},
		{flags + "pause envelope " + id + " >/dev/full", "pause envelope " + id, "", "", "done=0, skipped=1, failed"},
		{flags + "resume envelope from=s@* >&-", "resume envelope from=s@*", "", id, "done=1"},
		{"{ sleep 0.2; " + flags + "pause envelope -; } | true", "pause envelope -", id + "\n", id, "done=1"},
		{flags + "resume envelope " + id[:8] + " >/dev/full 2>/dev/full", "resume envelope " + id[:8], "", id, "done=1"},
		{"{ sleep 0.2; " + flags + "pause mda; } | true", "pause mda", "", "", "done"},
		{flags + "resume mda >/dev/full", "resume mda", "", "", "done"},
		{flags + "remove -", "remove -", id + "\n", id, "done=1"},
	} {
		r := runCommand(t, exec.Command("sh", "-c", tt.command), tt.stdin)
		want := []string{"begins", "ids " + tt.ids, tt.end}
		if tt.ids == "" {
			want = []string{"begins", tt.end}
		}
		for _, w := range want {
			if line := logged(t, c, 10*time.Second); !strings.Contains(line, ": "+tt.words+": "+w) && !strings.Contains(line, ": "+tt.words[:min(100, len(tt.words))]+": "+w) {
				t.Errorf("%s: logged %q, want %q: %v", tt.command, line, w, r)
			}
		}
	}
	if line := logged(t, c, 200*time.Millisecond); line != "" {
		t.Errorf("logged besides: %q", line)
	}
}

// TestRealAuditKilled kills the program in the middle of what it does to many
// envelopes. Its beginning is in the log, and the id of everything that smtpd did.
func TestRealAuditKilled(t *testing.T) {
	const n = 600
	for _, tt := range []struct {
		verb, all string
		at        int // of how many ids in the log it is killed
	}{
		{"pause envelope", "all", 512}, {"pause envelope", "tries=0-", n / 2}, {"remove", "tries=0-", n}, {"remove", "-", n}, {"remove", "all", 512},
	} {
		t.Run(tt.verb+" "+tt.all, func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(n, "temp.example")})
			// smtpd counts an envelope before it lists it.
			var before []string
			realsmtpd.WaitFor(t, time.Minute, "the queue", func() error {
				if before = strings.Fields(cutField(ours(t, d, "", "show", "queue").stdout)); len(before) != n {
					return fmt.Errorf("%d envelopes", len(before))
				}
				return nil
			})
			c := fakeSyslog(t)
			cmd := exec.Command(program, append([]string{"--socket", d.Socket, "--spool", d.Spool}, strings.Fields(tt.verb+" "+tt.all)...)...)
			cmd.Stdin = strings.NewReader(strings.Join(before, "\n") + "\n")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line := logged(t, c, 10*time.Second); !strings.HasSuffix(line, ": "+tt.verb+" "+tt.all+": begins") {
				t.Errorf("logged first: %q", line)
			}
			known := map[string]bool{}
			killed := false
			for {
				line := logged(t, c, time.Second)
				if line == "" {
					break
				}
				_, ids, ok := strings.Cut(line, ": ids ")
				if !ok {
					t.Logf("it had come to its end: %q", line)
				}
				for _, id := range strings.Fields(ids) {
					known[id] = true
				}
				if !killed && len(known) >= tt.at {
					killed = true
					cmd.Process.Kill()
					cmd.Wait()
				}
			}
			if !killed {
				t.Fatalf("only %d ids in the log", len(known))
			}
			done := 0
			after := map[string]bool{}
			for line := range strings.Lines(ours(t, d, "", "show", "queue").stdout) {
				f := strings.Split(line, "|")
				after[f[0]] = !strings.Contains(f[3], "suspend")
			}
			for _, id := range before {
				if after[id] {
					continue
				}
				if done++; !known[id] && !known[id[:8]] {
					t.Fatalf("%s was changed, and is not in the log of %d ids", id, len(known))
				}
			}
			t.Logf("%d changed, %d ids in the log", done, len(known))
		})
	}
}
