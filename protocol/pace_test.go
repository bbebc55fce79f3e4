package protocol

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	now := time.Now()
	idle := func() *pace {
		p := &pace{}
		p.saw(now, Digest{})
		p.saw(now, Digest{Timestamp: 1, Removed: 7})
		return p
	}
	if n := (&pace{}).window(now); n != busyWindow {
		t.Errorf("at first %d, want %d", n, busyWindow)
	}
	if n := (&pace{fixed: 7}).window(now); n != 7 {
		t.Errorf("fixed %d, want 7", n)
	}
	p := idle()
	if n := p.window(now); n != quietWindow {
		t.Errorf("idle %d, want %d", n, quietWindow)
	}
	p.saw(now, Digest{Enqueued: 1})
	if n := p.window(now); n != busyWindow {
		t.Errorf("busy %d, want %d", n, busyWindow)
	}
	if n := p.window(now.Add(busyFor)); n != quietWindow {
		t.Errorf("a while later %d, want %d", n, quietWindow)
	}

	p = idle()
	p.window(now)
	p.answered(now, now, 50, 50<<10)
	if n := p.window(now); n != quietEnvelopes/50 {
		t.Errorf("with 50 envelopes in an answer %d", n)
	}
	p.answered(now, now, 1, 1<<20)
	if n := p.window(now); n != leastWindow {
		t.Errorf("with answers of a megabyte %d", n)
	}

	p = idle()
	p.window(now)
	for range 100 {
		p.answered(now, now.Add(-time.Second), 1, 500)
	}
	if n := p.window(now); n != leastWindow {
		t.Errorf("after slow answers %d", n)
	}
	for range 500 {
		p.answered(now, now, 1, 500)
	}
	if n := p.window(now); n != quietWindow {
		t.Errorf("after quick answers again %d", n)
	}
}
