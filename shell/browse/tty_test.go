package browse

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"
	"github.com/gdamore/tcell/v2/terminfo"

	"smtpctl/protocol/fulltest"
)

// TestAway leaves the terminal and takes it over again while more keys come than all queues of
// tcell hold, in lines of several lengths: it never hangs, and no key is lost.
func TestAway(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{0, 1, 65, 640, 1000, 3000} {
		master, slave, err := pty.Open()
		if err != nil {
			t.Skip(err)
		}
		go io.Copy(io.Discard, master)
		info, err := terminfo.LookupTerminfo("xterm")
		if err != nil {
			t.Fatal(err)
		}
		x := &terminal{tty: newTTY(slave, slave), info: info}
		if x.Screen, err = tcell.NewTerminfoScreenFromTtyTerminfo(x.tty, info); err != nil {
			t.Fatal(err)
		}
		if err := x.Screen.Init(); err != nil {
			t.Fatal(err)
		}
		typing, quit := make(chan tcell.Event, 16), make(chan struct{})
		go x.Screen.ChannelEvents(typing, quit)
		got := 0
		take := func(ev tcell.Event) {
			if k, ok := ev.(*tcell.EventKey); ok && k.Rune() == 'j' {
				got++
			}
		}
		rounds := fulltest.Of(8, 3)
		for round := range rounds {
			go master.Write(bytes.Repeat([]byte{'j'}, keys)) // which the terminal may not take at once
			waitFull(typing, min(keys, cap(typing)))
			went, back := false, make(chan error, 1)
			go func() { back <- x.away(func() { went = true }) }()
			for limit := time.After(time.Minute); ; {
				select {
				case ev := <-typing:
					take(ev)
					continue
				case err = <-back:
				case <-limit:
					t.Fatalf("%d keys, round %d: it hangs", keys, round)
				}
				break
			}
			if err != nil || !went {
				t.Fatalf("%d keys, round %d: %v, went away: %v", keys, round, err, went)
			}
		}
		for limit := time.After(time.Minute); got < rounds*keys; {
			select {
			case ev := <-typing:
				take(ev)
			case <-limit:
				t.Fatalf("%d keys of %d have come", got, rounds*keys)
			}
		}
		close(quit)
		x.close()
		master.Close()
		slave.Close()
	}
}

// waitFull waits until n events have come, and then until tcell can take no more of them.
func waitFull(typing chan tcell.Event, n int) {
	for end := time.Now().Add(10 * time.Second); len(typing) < n && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
}
