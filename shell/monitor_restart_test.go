package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
)

// TestMonitorSaysRestart puts another smtpd in the place of the one that monitor asks: it says so.
func TestMonitorSaysRestart(t *testing.T) {
	t.Parallel()
	first, path := simtest.Start(t, smtpdsim.Config{Messages: 50})
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for start := time.Now().Unix(); time.Now().Unix() == start; {
		time.Sleep(10 * time.Millisecond) // the start time is in whole seconds
	}
	_, other := simtest.Start(t, smtpdsim.Config{Messages: 5})
	var out, errs realsmtpd.LockedBuffer
	opts := command.DefaultOptions()
	opts.Socket, opts.Interval = link, time.Second // which leaves time between two questions
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }})
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Eval(ctx, "-j monitor") }()
	lines := func(n int) {
		realsmtpd.WaitFor(t, 30*time.Second, "lines", func() error {
			if got := strings.Count(out.String(), "\n"); got < n {
				return fmt.Errorf("%d", got)
			}
			return nil
		})
	}
	lines(1)
	if err := os.Symlink(other, link+"2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+"2", link); err != nil {
		t.Fatal(err)
	}
	first.Close()
	lines(strings.Count(out.String(), "\n") + 1)
	cancel()
	<-done
	if strings.Count(errs.String(), "restarted") != 1 || regexp.MustCompile(`:\d{12,}`).MatchString(out.String()) {
		t.Errorf("stdout %s, stderr %s", out.String(), errs.String())
	}
}

// TestDiscoverCount gives every count that is no count as the answer to discover: none is printed.
func TestDiscoverCount(t *testing.T) {
	for _, size := range []uint64{1 << 31, 1<<32 - 1, 1 << 63, 1<<64 - 1} {
		sim, path := simtest.Start(t, smtpdsim.Config{Spool: t.TempDir(), Tamper: func() func(int, []byte) []byte {
			return func(_ int, raw []byte) []byte {
				if len(raw) == 16+8 && protocol.Type(raw[0]) == protocol.TypeDiscoverMessage {
					l := protocol.HostLayout()
					l.Order.PutUint64(raw[16:], size)
				}
				return raw
			}
		}})
		defer sim.Close()
		conn, err := protocol.Dial(context.Background(), path, protocol.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := conn.DiscoverMessage(context.Background(), 7); err == nil || n != 0 {
			t.Errorf("%#x: %d, %v", size, n, err)
		}
	}
}
