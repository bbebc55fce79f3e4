package browse

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
)

// TestHosts lists, sorts, groups, filters and marks over several machines.
func TestHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range acrossSizes {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			n := tt.hosts
			b := fewHosts(t, n, tt.size, nil)
			b.sees("SERVER", "mx1", "mx2", fmt.Sprintf("mx%d", n))
			if wide := strings.Contains(b.text(), " ID "); wide != (tt.size[0] > 100) {
				t.Errorf("the column of the ids is shown: %v\n%s", wide, b.text())
			}
			b.sees("0000000100000001 on mx1 to u0@c1.example")
			b.press(tcell.KeyEnd)
			b.sees(fmt.Sprintf("0000000300000001 on mx%d to u2@c%d.example", n, n))
			b.types(" ")
			b.sees("1 marked")
			if b.u.top().marks.has(envelope{0, 3<<32 | 1}) {
				t.Error("the envelope with the same id on another machine is marked")
			}
			b.types("sto")
			b.press(tcell.KeyEnter)
			b.sees("sort=to", fmt.Sprintf("%d envelopes, ", 3*n))
			b.press(tcell.KeyHome)
			b.sees("on mx1 to u0@c1.example")
			b.types("j")
			b.sees("on mx2 to u0@c2.example") // the order is one of all machines
			b.types("S")
			b.sees("sort=-to", fmt.Sprintf("on mx%d to u2@c%d.example", n, n))
			b.types("ge")
			b.press(tcell.KeyEnter)
			b.sees("browse by error", "3 groups, ", fmt.Sprintf("%d     1h     3 550 no", n))
			b.press(tcell.KeyEscape)
			b.types("gs")
			b.types("s") // state, server
			b.press(tcell.KeyEnter)
			b.sees("browse by server", fmt.Sprintf("%d groups, ", n))
			b.press(tcell.KeyEnd)
			b.press(tcell.KeyEnter)
			b.sees(fmt.Sprintf("browse on mx%d  ", n), "3 envelopes, ", fmt.Sprintf("on mx%d to u0", n))
			b.types("gf")
			b.press(tcell.KeyEnter)
			b.sees(fmt.Sprintf("browse on mx%d by from", n), "1 group, ", "3     1h     3 a@b.example")
			b.press(tcell.KeyEscape)
			b.press(tcell.KeyEscape)
			b.press(tcell.KeyEscape)
			b.types("/to=u1@*")
			b.press(tcell.KeyEnter)
			b.sees(fmt.Sprintf("%d envelopes, ", n))
			b.types("a")
			b.sees(fmt.Sprintf("%d marked", n))
			b.types("a")
			b.seesNot("marked")
			b.types("q")
			if err := <-b.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// paused returns the ids of the suspended envelopes of each machine, and how many there are in
// each queue.
func (b *bed) paused() (string, string) {
	var ids, counts []string
	for i := range len(b.h.paths) {
		name := fmt.Sprintf("mx%d", i+1)
		if b.sims[name] == nil {
			continue
		}
		n := 0
		for _, e := range b.sims[name].Envelopes() {
			if n++; e.Flags&protocol.FlagSuspend != 0 {
				ids = append(ids, fmt.Sprintf("%s:%d", name, e.ID>>32))
			}
		}
		counts = append(counts, fmt.Sprintf("%s:%d", name, n))
	}
	return strings.Join(ids, " "), strings.Join(counts, " ")
}

// TestHostsActions acts on what is marked on several machines: one question with the counts of
// each, and just what was marked there is touched.
func TestHostsActions(t *testing.T) {
	t.Parallel()
	for _, tt := range acrossSizes {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			b := fewHosts(t, tt.hosts, tt.size, nil)
			check := func(paused, counts string) {
				t.Helper()
				for m := 3; m <= tt.hosts; m++ {
					counts += fmt.Sprintf(" mx%d:3", m)
				}
				if p, c := b.paused(); p != paused || c != counts {
					t.Errorf("paused %q and there %q, want %q and %q", p, c, paused, counts)
				}
			}
			b.types("jj ") // the third of mx1, and the first of mx2
			b.types(" ")
			b.sees("2 marked")
			b.types("p")
			b.sees("mx1: pause envelope: 1 envelope", "mx2: pause envelope: 1 envelope", "pause envelope on 2 hosts? [y/N]")
			b.press(tcell.KeyEnter)
			b.sees("pause envelope: nothing done")
			check("", "mx1:3 mx2:3")
			b.types("p")
			b.sees("[y/N]")
			b.types("y")
			b.press(tcell.KeyEnter)
			b.sees("mx1: 1 envelope paused", "mx2: 1 envelope paused")
			check("mx1:3 mx2:1", "mx1:3 mx2:3")
			b.press(tcell.KeyEscape)
			b.sees("0000000200000001 on mx2")
			b.seesNot("marked")
			b.types("d") // the row at the cursor
			b.sees("mx2: remove: 1 envelope", "remove it? [y/N]")
			b.types("y")
			b.press(tcell.KeyEnter)
			b.sees("mx2: 1 envelope removed")
			check("mx1:3 mx2:1", "mx1:3 mx2:2")
			b.types("gs")
			b.types("s")
			b.press(tcell.KeyEnter)
			b.sees("browse by server", fmt.Sprintf("%d groups, ", tt.hosts))
			b.press(tcell.KeyEnd)
			b.sees(">       2") // mx2, the smallest
			b.types("p")
			b.sees("mx2: pause envelope: 1 envelope", "[y/N]")
			b.types("y")
			b.press(tcell.KeyEnter)
			b.sees("mx2: 1 envelope paused")
			check("mx1:3 mx2:1 mx2:3", "mx1:3 mx2:2")
		})
	}
}

// TestHostsTrouble has one machine that is down, one that does not answer and one that is
// started anew: the others go on, and the screen says which it is and why.
func TestHostsTrouble(t *testing.T) {
	t.Parallel()
	for _, tt := range acrossSizes[2:] {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			var stuck atomic.Bool
			stuck.Store(true)
			queueOf := func(seed uint64) *smtpdsim.Config { return &smtpdsim.Config{Seed: seed, Messages: 4} }
			slow := queueOf(3)
			slow.Fault = func(c net.Conn) net.Conn { return stuckConn{c, &stuck} }
			b := showHosts(t, []*smtpdsim.Config{nil, queueOf(2), slow, queueOf(4), queueOf(5)}, tt.size, nil)
			b.sees("SERVER", "mx2", "mx4", "mx5", "mx1: smtpd is not running, trying again", "mx3: no answer for ")
			b.types("a")
			b.sees("not all is listed yet on mx3")
			b.types("gd")
			b.press(tcell.KeyEnter) // the groups of those that answer
			b.sees("browse by domain", "COUNT", "domain=")
			b.press(tcell.KeyEscape)
			b.types("sf")
			b.press(tcell.KeyEnter)
			b.sees("sort=from", "mx5")
			b.types(" p") // on one that answers
			b.sees("[y/N]")
			b.types("y")
			b.press(tcell.KeyEnter)
			b.sees("1 envelope paused")
			b.press(tcell.KeyEscape)
			stuck.Store(false)
			b.seesNot("mx3: no answer")
			b.sees("16 envelopes on 4 of 5 hosts, ", "mx1: smtpd is not running, trying again")
			b.press(tcell.KeyEscape) // the order of the ids
			b.types("a")
			b.sees("16 marked")
			b.sims["mx2"].Close()
			delete(b.sims, "mx2")
			b.sees("mx1: smtpd is not running", "mx2: smtpd")
			b.types("p")
			b.sees("mx2: smtpd", "nothing is done there", "mx3: pause envelope: 4 envelopes", "mx4: pause", "mx5: pause", "on 3 hosts? [y/N]")
			b.types("y")
			b.press(tcell.KeyEnter)
			b.sees("envelopes paused", "failed on mx2")
			b.press(tcell.KeyEscape)
			b.start("mx2", smtpdsim.Config{Seed: 2, Messages: 7})
			b.sees("19 envelopes on 4 of 5 hosts, ")
			b.seesNot("mx2: ")
			b.start("mx1", smtpdsim.Config{Seed: 1, Messages: 3})
			b.sees("22 envelopes, ")
			b.seesNot("trying again")
			b.types("q")
			if err := <-b.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHostsNoActions checks that sessions that may change nothing cannot, on any machine.
func TestHostsNoActions(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*command.Options){
		func(o *command.Options) { o.ReadOnly = true },
		func(o *command.Options) { o.Restricted = true },
	} {
		b := fewHosts(t, 2, [2]int{80, 24}, change)
		b.sees("nothing can be changed here")
		for _, k := range " adnpuU" {
			b.types("?")
			b.sees("keys of browse")
			b.types("q" + string(k))
			b.sees("nothing can be changed in this session: it is read-only or restricted")
		}
		if paused, counts := b.paused(); paused != "" || counts != "mx1:3 mx2:3" {
			t.Errorf("%s, %s", paused, counts)
		}
	}
}

// TestHostsCursor keeps the cursor on its envelope while the lists of machines before it grow.
func TestHostsCursor(t *testing.T) {
	t.Parallel()
	var stuck atomic.Bool
	stuck.Store(true)
	first := smtpdsim.Config{Seed: 1, Messages: 600, Fault: func(c net.Conn) net.Conn { return stuckConn{c, &stuck} }}
	b := showHosts(t, []*smtpdsim.Config{&first, {Seed: 2, Messages: 30}}, [2]int{80, 24}, nil)
	b.sees("mx2", "on mx2 to ")
	b.types("jjj")
	b.sees("mx1: no answer")
	b.types("j")
	var at envelope
	for deadline := time.Now().Add(10 * time.Second); at == (envelope{}) && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b.u.w.mu.Lock()
		at = envelope{1, b.u.w.sources[1].list.ids.at(4)}
		b.u.w.mu.Unlock()
	}
	b.sees(at.id.String() + " on mx2")
	stuck.Store(false)
	b.sees("630 envelopes, ", at.id.String()+" on mx2")
	b.types("k")
	b.seesNot(at.id.String() + " on mx2")
	b.sees(" on mx2 to ")
	b.types("j")
	b.sees(at.id.String() + " on mx2")
}

// TestOverlayKeepsCursor lists the queue anew twice while a text covers the list: the cursor
// stays on its envelope.
func TestOverlayKeepsCursor(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		var x *shown
		add := func(id int) {
			x.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(id)<<32 | 1), Text: envelopeText("a@b.example", "u@c.example", "")})
		}
		if n == 1 {
			x = show(t, smtpdsim.Config{}, 80, 24, nil)
		} else {
			b := showHosts(t, []*smtpdsim.Config{{}, {}}, [2]int{80, 24}, nil)
			x = b.shown
			x.sim = b.sims["mx1"]
		}
		for id := range 20 {
			add(id + 100)
		}
		x.types("r")
		x.sees("20 envelopes, ")
		x.types("jjjj")
		x.sees("0000006800000001")
		x.types("?")
		x.sees("keys of browse")
		for i := range 3 {
			add(i + 1)
			x.u.w.reload()
			x.sees(fmt.Sprintf("%d envelopes, ", 21+i))
		}
		x.press(tcell.KeyEscape)
		x.sees("0000006800000001" + x.u.w.on(0) + " to ")
	}
}

// TestMarkedSeveral leaves with marks on several machines: the last listing is those of each.
func TestMarkedSeveral(t *testing.T) {
	t.Parallel()
	b := fewHosts(t, 3, [2]int{132, 40}, nil)
	listing := &command.Listing{By: "browse"}
	listing.Across([]string{"mx1", "mx2", "mx3"}, func(host string) string { return host })
	b.u.c.Listing = listing
	b.sees("SERVER", "mx3")
	b.types(" ")
	b.press(tcell.KeyEnd)
	b.types(" ")
	b.sees("2 marked")
	b.types("q")
	if err := <-b.done; err != nil {
		t.Error(err)
	}
	b.u.listMarked()
	listing.Done()
	for host, want := range map[string]string{"mx1": "[0000000100000001]", "mx2": "[]", "mx3": "[0000000300000001]"} {
		if ids, err := listing.Of(host).IDs(); err != nil || fmt.Sprint(ids) != want {
			t.Errorf("%s: %v, want %s: %v", host, ids, want, err)
		}
	}
}
