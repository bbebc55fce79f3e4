package browse

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol/smtpdsim"
)

// TestTypedAhead types a yes before the question is shown: it is no answer, and what is typed
// after it is one.
func TestTypedAhead(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		var stuck atomic.Bool
		cfg := smtpdsim.Config{Seed: 1, Messages: 3, Fault: func(c net.Conn) net.Conn { return stuckConn{c, &stuck} }}
		var x *shown
		if n == 1 {
			x = show(t, cfg, 80, 24, nil)
		} else {
			x = showHosts(t, []*smtpdsim.Config{&cfg, {}}, [2]int{80, 24}, nil).shown
		}
		x.sees("3 envelopes, ")
		stuck.Store(true)
		x.types("dy")
		x.press(tcell.KeyEnter)
		time.Sleep(50 * time.Millisecond)
		x.types("y")
		stuck.Store(false)
		x.press(tcell.KeyEnter)
		x.sees("remove it? [y/N]")
		time.Sleep(100 * time.Millisecond)
		x.sees("remove it? [y/N]")
		x.press(tcell.KeyEnter)
		x.sees("remove: nothing done", "3 envelopes, ")
		x.types("d")
		x.sees("remove it? [y/N]")
		x.types("y")
		x.press(tcell.KeyEnter)
		x.sees("1 envelope removed", "2 envelopes, ")
	}
}
