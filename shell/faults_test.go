package shell

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
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
	before := runtime.NumGoroutine()
	t.Run("commands", func(t *testing.T) {
		for _, line := range faultyLines {
			for _, what := range []string{"hangup", "stall", "garbage", "flood", "split"} {
				for _, at := range []int64{0, 7, 16, 18, 90, 500} {
					name := fmt.Sprintf("%s at %d", what, at)
					t.Run(line+", "+name, func(t *testing.T) {
						t.Parallel()
						tryFault(t, line, name, smtpdsim.Config{Fault: func(c net.Conn) net.Conn { return smtpdsim.Break(c, what, at) }})
					})
				}
			}
			for at := range 4 {
				for what, tamper := range smtpdsim.Tampers(at) {
					name := fmt.Sprintf("%s frame %d", what, at)
					t.Run(line+", "+name, func(t *testing.T) {
						t.Parallel()
						tryFault(t, line, name, smtpdsim.Config{Tamper: tamper})
					})
				}
			}
		}
	})
	for i := 0; runtime.NumGoroutine() > before && i < 100; i++ {
		time.Sleep(20 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, before %d\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// late counts the commands after a fault that took too long. A few of some thousand
// may, where the machine is busy.
var late atomic.Int32

const maxLate = 60

func tryFault(t *testing.T, line, name string, cfg smtpdsim.Config) {
	t.Helper()
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
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
	opts.Socket, opts.Spool, opts.Timeout = path, os.TempDir(), 60*time.Millisecond
	var out, errs realsmtpd.LockedBuffer
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }})
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if line == "monitor" {
		ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
	}
	start := time.Now()
	err = s.Eval(ctx, line)
	if took := time.Since(start); took > 5*time.Second {
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
	if errors.Is(err, protocol.ErrTimeout) && late.Add(1) <= maxLate {
		// 60 ms were too little on a busy machine.
		s.opts.Timeout = 5 * time.Second
		err = s.Eval(context.Background(), "show status")
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
