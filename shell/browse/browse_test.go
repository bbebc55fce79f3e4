package browse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
)

// TestListAndGroups goes into a group and out again, filters, sorts and leaves.
func TestListAndGroups(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		x := show(t, smtpdsim.Config{Seed: 1, Messages: 60, Mixed: true}, size[0], size[1], nil)
		x.sees("envelopes, ", "STATE", "? keys", " to ")
		x.types("g")
		x.sees("group by", "domain")
		x.types("e")
		x.types("dxd") // dispatcher comes next, then domain again
		x.press(tcell.KeyEnter)
		x.sees("browse by domain", "COUNT", "domain=")
		x.press(tcell.KeyEnter)
		x.sees("browse domain=", "envelopes, ")
		x.press(tcell.KeyEscape)
		x.sees("browse by domain")
		x.press(tcell.KeyBackspace2)
		x.sees("browse  ", "STATE")
		x.types("/domian=x")
		x.press(tcell.KeyEnter)
		x.sees(`unknown term "domian"`, "filter: domian=x")
		x.press(tcell.KeyCtrlU)
		x.types("error~^5")
		x.press(tcell.KeyEnter)
		x.sees("browse 'error~^5'", "envelopes, ")
		x.types("sa")
		x.press(tcell.KeyEnter)
		x.sees("sort=age", "envelopes, ")
		x.types("S")
		x.sees("sort=-age", "envelopes, ")
		x.types("?")
		x.sees("keys of browse", "mark all of the list")
		x.types("q")
		x.sees("sort=-age")
		x.types("q")
		if err := <-x.done; err != nil {
			t.Error(err)
		}
	}
}

// TestActions marks and acts: every action asks, no answer is a no, and just what was
// marked is touched.
func TestActions(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	for i := range 5 {
		x.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(i+1)<<32 | 1), Text: envelopeText("a@b.example", fmt.Sprintf("u%d@c.example", i), ""), Time: time.Now().Unix() + 3600})
	}
	x.types("r")
	x.sees("5 envelopes", "u0@c.example")
	x.types("d")
	x.sees("remove: 1 envelope", "remove it? [y/N]")
	x.press(tcell.KeyEnter)
	x.sees("remove: nothing done")
	x.types(" d")
	x.sees("1 marked", "remove it? [y/N]")
	x.types("y")
	x.press(tcell.KeyEnter)
	x.sees("1 envelope removed", "4 envelopes, ")
	x.types("ap")
	x.sees("4 marked", "pause envelope: 4 envelopes", "[y/N]")
	x.press(tcell.KeyEscape)
	x.sees("pause envelope: nothing done")
	x.types("p")
	x.sees("[y/N]")
	x.sim.Add(smtpdsim.Envelope{ID: 9<<32 | 1, Text: envelopeText("a@b.example", "late@c.example", ""), Time: time.Now().Unix() + 3600})
	x.types("y")
	x.press(tcell.KeyEnter)
	x.sees("4 envelopes paused", "5 envelopes, ", "late@c.example")
	paused := 0
	for _, e := range x.sim.Envelopes() {
		if e.Flags&protocol.FlagSuspend != 0 {
			paused++
		}
	}
	if paused != 4 {
		t.Errorf("%d envelopes are paused, want 4", paused)
	}
	if x.sim.MostSessions() > 1 {
		t.Errorf("%d connections at the same time", x.sim.MostSessions())
	}
}

// TestNoActions checks that sessions that may change nothing cannot.
func TestNoActions(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*command.Options){
		func(o *command.Options) { o.ReadOnly = true },
		func(o *command.Options) { o.Restricted = true },
	} {
		x := show(t, smtpdsim.Config{Seed: 1, Messages: 5}, 80, 24, change)
		x.sees("5 envelopes", "nothing can be changed here")
		for _, k := range " adnpu" {
			x.types("?")
			x.sees("keys of browse")
			x.types("q" + string(k))
			x.sees("nothing can be changed in this session: it is read-only or restricted")
		}
		for _, typ := range []protocol.Type{protocol.TypeRemove, protocol.TypeSchedule, protocol.TypePauseEnvelope, protocol.TypeResumeEnvelope} {
			if n := x.sim.Requests(typ); n > 0 {
				t.Errorf("%d requests %v", n, typ)
			}
		}
	}
}

// TestSorted goes to the end of a list in an order, and finds the same envelope there
// when it is listed anew.
func TestSorted(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	for i := range 300 {
		x.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(i+1)<<32 | 1, Text: envelopeText("a@b.example", fmt.Sprintf("u%03d@c.example", i*7%300), "")})
	}
	x.types("r")
	x.sees("300 envelopes,")
	x.types("sto")
	x.press(tcell.KeyEnter)
	x.sees("sort=to", "300 envelopes,", "u000@c.example")
	x.press(tcell.KeyEnd)
	x.sees("> ", "to u299@c.example")
	x.types("r")
	time.Sleep(100 * time.Millisecond)
	x.sees("to u299@c.example")
	x.types("S")
	x.sees("sort=-to", "to u299@c.example")
	x.press(tcell.KeyEnd)
	x.sees("to u000@c.example")
	x.types("sto")
	x.press(tcell.KeyEnter)
	x.sees("sort=to", "u000@c.example")
	x.types("a")
	x.sees("300 marked")
}

// TestHostile checks that no text of smtpd's acts on the terminal.
func TestHostile(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	x.sim.Add(smtpdsim.Envelope{ID: 1<<32 | 1, Text: envelopeText("a\x1b[2J@b.example", "u\x9b31m\u202e@c.example", "500 \x1b]0;x\a\u200bno")})
	x.types("r")
	x.sees("1 envelope,")
	for _, keys := range []string{"", "ge"} {
		x.types(keys)
		if keys != "" {
			x.press(tcell.KeyEnter)
			x.sees("browse by error", "COUNT")
		}
		for _, r := range x.text() {
			if r != '\n' && r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' || r == '\u200b' {
				t.Errorf("%q is on the screen:\n%q", r, x.text())
			}
		}
	}
}

// TestGone checks that the screen says that smtpd has gone, and goes on when it is back.
func TestGone(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{Seed: 1, Messages: 5}, 80, 24, nil)
	x.sees("5 envelopes")
	x.sim.Close()
	x.sees("smtpd is not running: trying again")
	var err error
	if x.sim, err = smtpdsim.Start(x.sim.Path(), smtpdsim.Config{Seed: 1, Messages: 7}); err != nil {
		t.Fatal(err)
	}
	x.sees("7 envelopes")
	// The lines are drawn one after the other.
	for deadline := time.Now().Add(time.Minute); strings.Contains(x.text(), "trying again"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(x.text())
		}
	}
}

// TestSmallScreens draws everything on screens of all sizes.
func TestSmallScreens(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{Seed: 1, Messages: 50, Mixed: true}, 80, 24, nil)
	x.sees("envelopes, ")
	for _, size := range [][2]int{{1, 1}, {2, 3}, {10, 4}, {40, 5}, {500, 100}, {20, 2}, {80, 24}} {
		x.screen.SetSize(size[0], size[1])
		x.types("g")
		x.press(tcell.KeyEscape)
		x.types("?")
		x.press(tcell.KeyEscape)
		x.types("/a")
		x.press(tcell.KeyEscape)
		x.press(tcell.KeyEnd)
		x.press(tcell.KeyHome)
		time.Sleep(20 * time.Millisecond)
	}
	x.sees("STATE", "? keys")
}
