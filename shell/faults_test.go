package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
)

// faultyLines are commands of every kind that asks smtpd.
var faultyLines = []string{
	"discover 12345678", "log verbose", "pause envelope all", "pause envelope 0000000700000001", "pause envelope 00000007",
	"pause mta", "pause mta from 192.0.2.1 for x.example", "profile queue", "remove all", "remove 0000000700000001",
	"resume envelope all", "resume route 1", "resume route all", "schedule all", "schedule 00000007",
	"show envelope 0000", "show hosts", "show hoststats", "show mta paused", "show queue", "show queue 00000007", "show queue 0000",
	"show relays", "show routes", "show stats", "show status", "trace smtp", "unprofile queue", "untrace smtp", "update table aliases",
	"resume mda", "monitor", "show queue by domain", "explain 0000000700000001", "wait empty for 1s", "show queue domain=x sort=age limit=2",
	"remove from=*", "schedule -n older=1s", "show stats -o openmetrics", "show queue -j",
}

// TestFaultsOfEveryCommand breaks the answers to every command in every way. The command ends in time with one line on stderr
// and status 1 or 3, or right in spite of it, and the next one works.
func TestFaultsOfEveryCommand(t *testing.T) {
	tamperings := slices.Sorted(maps.Keys(smtpdsim.Tampers(0)))
	before := runtime.NumGoroutine()
	t.Run("commands", func(t *testing.T) {
		for i, line := range faultyLines {
			for j, what := range []string{"hangup", "stall", "garbage", "flood", "split"} {
				for k, at := range []int64{0, 7, 16, 18, 90, 500} {
					if !fulltest.Takes(i+j+k, 6) {
						continue
					}
					name := fmt.Sprintf("%s at %d", what, at)
					t.Run(line+", "+name, func(t *testing.T) {
						t.Parallel()
						tryFault(t, line, name, smtpdsim.Config{Fault: func(c net.Conn) net.Conn { return smtpdsim.Break(c, what, at) }}, 0)
					})
				}
			}
			for at := range 4 {
				for j, what := range tamperings {
					tamper := smtpdsim.Tampers(at)[what]
					if !fulltest.Takes(i+j+at, 8) {
						continue
					}
					name := fmt.Sprintf("%s frame %d", what, at)
					t.Run(line+", "+name, func(t *testing.T) {
						t.Parallel()
						tryFault(t, line, name, smtpdsim.Config{Tamper: tamper}, 0)
					})
				}
			}
		}
	})
	for i, again := range late.again {
		t.Run(fmt.Sprint("again ", i), again)
	}
	for i := 0; runtime.NumGoroutine() > before && i < 100; i++ {
		time.Sleep(20 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, before %d\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// late are the commands after a fault that had no answer in 60 ms, which may be too little
// where the machine is busy: they are tried again, one at a time and with more of it.
var late struct {
	sync.Mutex
	again []func(t *testing.T)
}

// faultTimeout is how long smtpd may take to answer, at first and when tried again.
var faultTimeout = [2]time.Duration{60 * time.Millisecond, 2 * time.Second}

// tryFault tries a fault; round is 1 when it tries it again.
func tryFault(t *testing.T, line, name string, broken smtpdsim.Config, round int) {
	t.Helper()
	cfg := broken
	path := simtest.Socket(t)
	var over atomic.Bool // the command has ended, and the fault with it
	fault, tamper := cfg.Fault, cfg.Tamper
	if fault != nil {
		cfg.Fault = func(c net.Conn) net.Conn { return &mended{Conn: c, broken: fault(c), over: &over} }
	}
	if tamper != nil {
		cfg.Tamper = func() func(int, []byte) []byte {
			f := tamper()
			return func(n int, raw []byte) []byte {
				if over.Load() {
					return raw
				}
				return f(n, raw)
			}
		}
	}
	cfg.Tables = []string{"aliases"}
	sim, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	sim.Add(smtpdsim.Envelope{ID: 7<<32 | 1}, smtpdsim.Envelope{ID: 7<<32 | 2}, smtpdsim.Envelope{ID: 9<<32 | 1})
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool, opts.Timeout = path, t.TempDir(), faultTimeout[round]
	var out, errs realsmtpd.LockedBuffer
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }})
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if line == "monitor" {
		ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
	}
	start := time.Now()
	err = s.Eval(ctx, line)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("%s: took %v", name, took)
	}
	status := printError(&errs, s.style, err)
	if status != command.StatusOK && status != command.StatusFailed && status != command.StatusUnreachable {
		t.Errorf("%s: status %d: %v", name, status, err)
	}
	if status != command.StatusOK && errs.String() == "" {
		t.Errorf("%s: status %d without a word", name, status)
	}
	if acted := strings.Contains(out.String(), "removed"); acted && status != command.StatusOK {
		// What is said to be done must be so.
		var n int
		fmt.Sscanf(out.String(), "%d", &n)
		if left := len(sim.Envelopes()); left > 3-n {
			t.Errorf("%s: said %q, but %d of 3 are left", name, out.String(), left)
		}
	}
	over.Store(true)
	err = s.Eval(context.Background(), "show status")
	if errors.Is(err, protocol.ErrTimeout) && round == 0 {
		late.Lock()
		defer late.Unlock()
		late.again = append(late.again, func(t *testing.T) { tryFault(t, line, name, broken, 1) })
		return
	}
	if err != nil && (strings.HasPrefix(name, "flood") || strings.HasPrefix(name, "twice")) {
		// More of the flood may come in the middle of this one.
		err = s.Eval(context.Background(), "show status")
	}
	if err != nil {
		t.Errorf("%s: the next command: %v, after %s%s", name, err, out.String(), errs.String())
	}
}

// mended is a broken connection until the fault is over.
type mended struct {
	net.Conn
	broken net.Conn
	over   *atomic.Bool
}

func (m *mended) Write(p []byte) (int, error) {
	if m.over.Load() {
		return m.Conn.Write(p)
	}
	return m.broken.Write(p)
}
