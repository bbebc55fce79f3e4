package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestLockWaits holds the lock while every command that changes envelopes wants
// it: each says that it waits and for whom, gives up at the timeout, and sends
// nothing. It is the same where the spool folder is not there.
func TestLockWaits(t *testing.T) {
	t.Parallel()
	for _, spool := range []string{"there", "not there"} {
		t.Run(spool, func(t *testing.T) {
			t.Parallel()
			s, path := simtest.Start(t, smtpdsim.Config{Messages: 5})
			id := s.Envelopes()[0].ID
			dir, lock := t.TempDir(), ""
			if lock = dir; spool != "there" {
				dir, lock = filepath.Join(dir, "none"), filepath.Dir(path)
			}
			f, err := os.Open(lock)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			before := len(s.Envelopes())
			var wg sync.WaitGroup
			for _, command := range []string{"pause envelope", "resume envelope", "remove", "schedule"} {
				for _, what := range []string{"all", id.String(), id.Msg().String(), "from=*"} {
					wg.Go(func() {
						args := append([]string{"--socket", path, "--spool", dir, "--timeout", "1500ms"}, strings.Fields(command+" "+what)...)
						r := run(t, args...)
						by := "(process " + strconv.Itoa(os.Getpid()) + ")"
						if r.status != 1 || r.stdout != "" || strings.Count(r.stderr, by) != 2 ||
							!strings.Contains(r.stderr, "waiting for another smtpctl") || !strings.Contains(r.stderr, "has not finished within 1.5s: nothing done") {
							t.Errorf("%s %s: %v", command, what, r)
						}
					})
				}
			}
			wg.Wait()
			for _, kind := range []protocol.Type{protocol.TypePauseEnvelope, protocol.TypeResumeEnvelope, protocol.TypeRemove, protocol.TypeSchedule} {
				if n := s.Requests(kind); n > 0 || len(s.Envelopes()) != before {
					t.Errorf("%d requests of type %v were sent", n, kind)
				}
			}
		})
	}
}
