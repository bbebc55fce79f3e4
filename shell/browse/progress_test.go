package browse

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
)

// TestProgress says how far a listing is, and how long it takes once that can be told.
func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		looked, total int64
		spent         time.Duration
		want          string
	}{
		{0, 0, 0, "listing, 0"},
		{100, 0, time.Second / 2, "listing, 100"},
		{100, 1000, time.Second / 2, "listing, 100 of 1000"},
		{1000, 10_000, 2 * time.Second, "listing, 1000 of 10000, 500/s, 19s left"},
		{1000, 1_000_000, 2 * time.Second, "listing, 1000 of 1000000, 500/s, 33m left"},
		{3000, 0, 2 * time.Second, "listing, 3000, 1500/s"},
		{3000, 2000, 2 * time.Second, "listing, 3000, 1500/s"},
		{0, 2000, 2 * time.Second, "listing, 0 of 2000"},
	} {
		var p progress
		p.begin(int(tt.total))
		p.looked.Store(tt.looked)
		p.spent.Store(int64(tt.spent))
		if got := p.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestGivesWay has a listing wait for the screen, not longer than a moment, and once for
// each key.
func TestGivesWay(t *testing.T) {
	var g way
	wait := func() time.Duration {
		start := time.Now()
		g.give()
		return time.Since(start)
	}
	g.want(nil)
	if d := wait(); d < givenFor {
		t.Errorf("it waited for %v", d)
	}
	g.want(nil)
	g.done(g.wanted.Load())
	given := g.given
	for keys, one := range map[string]bool{"j": true, "jj": false, "": false, "\x1b": true, "\x1b[A": true, "\x1bOA": true, "\x1b[6~": true, "\x1b[1;5D": true,
		"\x1b[A\x1b[A": false, "\x1bj": true, "\x1b[6~j": false, "é": false, "\x1bOAj": false} {
		if isOneKey([]byte(keys)) != one {
			t.Errorf("%q is one key: %v", keys, !one)
		}
	}
	if wait(); g.given != given {
		t.Error("it waited for what is drawn")
	}
}

// slowConn is a connection that takes long for whatever is written to it once it is slow.
type slowConn struct {
	net.Conn
	slow *atomic.Bool
}

func (c slowConn) Write(p []byte) (int, error) {
	if c.slow.Load() {
		time.Sleep(time.Duration(len(p)) * 50 * time.Microsecond)
	}
	return c.Conn.Write(p)
}

// TestActionProgress acts on many envelopes of a slow smtpd: the last line says how far it
// is, and Ctrl-C stops it.
func TestActionProgress(t *testing.T) {
	t.Parallel()
	n := fulltest.Of(2000, 700)
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			var slow atomic.Bool
			x := show(t, smtpdsim.Config{Seed: 1, Messages: n, Fault: func(c net.Conn) net.Conn { return slowConn{c, &slow} }}, size[0], size[1], nil)
			x.sees(fmt.Sprintf("%d envelopes,", n), "STATE")
			x.types("a")
			x.sees(fmt.Sprintf("%d marked", n))
			x.types("p")
			x.sees("[y/N]")
			slow.Store(true)
			x.types("y")
			x.press(tcell.KeyEnter)
			x.sees("paused ", fmt.Sprintf(" of %d, ", n), " left; Ctrl-C stops it")
			x.press(tcell.KeyCtrlC)
			slow.Store(false)
			x.sees("interrupted", " as before")
		})
	}
}
