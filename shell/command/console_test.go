package command

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"smtpctl/shell/render"
)

// A clock stands still until it is set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) forward(d time.Duration) { c.at = c.at.Add(d) }

// still returns a console whose time stands still and which shows nothing by itself.
func still(w io.Writer, cols int) (*Console, *clock) {
	c := newConsole(w, func() int { return cols })
	k := &clock{time.Unix(1_000_000, 0)}
	c.now, c.every = k.now, time.Hour
	return c, k
}

// begin begins a progress of the console.
func (c *Console) testBegin(what string, total int) *Progress {
	p := &Progress{con: c, what: what, began: c.now()}
	p.total.Store(int64(total))
	c.begin(p)
	c.timer.Reset(time.Hour)
	return p
}

// TestProgressTexts shows each state of a progress at several widths.
func TestProgressTexts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(p *Progress, k *clock, tick func())
		wide string
		slim string // in 40 columns
	}{
		{"nothing yet", func(p *Progress, k *clock, tick func()) { k.forward(3 * time.Second) }, "looked at 0 of 50000, 0%, for 3s", ""},
		{"unknown", func(p *Progress, k *clock, tick func()) { p.Of(0); p.Add(2000); k.forward(2 * time.Second) }, "looked at 2000, 1000 a second", ""},
		{"known", func(p *Progress, k *clock, tick func()) { p.Add(10_000); k.forward(2 * time.Second) },
			"looked at 10000 of 50000, 20%, 5000 a second, 8s left", "looked at 10000 of 50000, 8s left"},
		{"slow", func(p *Progress, k *clock, tick func()) { p.Of(30); p.Add(3); k.forward(6 * time.Second) },
			"looked at 3 of 30, 10%, 0.5 a second, 54s left", "looked at 3 of 30, 54s left"},
		{"more than there were", func(p *Progress, k *clock, tick func()) { p.Of(5); p.Add(20); k.forward(2 * time.Second) }, "looked at 20, 10 a second", ""},
		{"stalled", func(p *Progress, k *clock, tick func()) {
			p.Add(100)
			k.forward(2 * time.Second)
			tick()
			k.forward(65 * time.Second)
		}, "looked at 100 of 50000, 0%, stalled 1m5s", "looked at 100 of 50000, stalled 1m5s"},
		{"of late", func(p *Progress, k *clock, tick func()) { // it was fast, and is slow
			p.Add(10_000)
			for range 40 {
				k.forward(time.Second)
				p.Add(10)
				tick()
			}
		}, "looked at 10400 of 50000, 20%, 10 a second, 1h6m left", "looked at 10400 of 50000, 1h6m left"},
		{"said", func(p *Progress, k *clock, tick func()) {
			p.Say("wait empty: 3 envelopes are left")
			p.Next("gives up", k.at.Add(5*time.Minute))
			k.forward(28 * time.Second)
		}, "wait empty: 3 envelopes are left, gives up in 4m32s", "wait empty: 3, gives up in 4m32s"},
		{"overdue", func(p *Progress, k *clock, tick func()) {
			p.Next("the next 5", k.at)
			k.forward(2 * time.Second)
		}, "looked at 0 of 50000, 0%, the next 5 in 0s", "looked at 0 of 50000, the next 5 in 0s"},
		{"beside", func(p *Progress, k *clock, tick func()) {
			other := &Progress{what: "paused"}
			other.Add(7)
			p.Also(other)
			p.Add(10_000)
			k.forward(2 * time.Second)
		}, "looked at 10000 of 50000, paused 7, 20%, 5000 a second, 8s left", "looked at 10000 of 50000, 8s left"},
		{"hostile", func(p *Progress, k *clock, tick func()) { p.Say("a\x1b[2Jb\nc"); k.forward(2 * time.Second) }, `a\^[[2Jb\^Jc, for 2s`, ""},
	} {
		for cols, want := range map[int]string{200: tt.wide, 40: tt.slim} {
			if want == "" {
				want = tt.wide
			}
			t.Run(fmt.Sprint(tt.name, cols), func(t *testing.T) {
				var b bytes.Buffer
				c, k := still(&b, cols)
				p := c.testBegin("looked at", 50_000)
				tt.do(p, k, c.tick)
				b.Reset()
				c.tick()
				if got := b.String(); got != "\r"+want+"\x1b[K\r" {
					t.Errorf("%q, want %q", got, want)
				}
				b.Reset()
				p.End()
				p.End()
				if b.String() != "\r\x1b[K" {
					t.Errorf("the end: %q", b.String())
				}
			})
		}
	}
}

// TestConsoleMakesWay writes to a terminal that shows a progress, in all ways: what is
// written never stands in the same line, and nothing is left of the progress.
func TestConsoleMakesWay(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c, k := still(&b, 80)
	p := c.testBegin("removed", 10)
	shows := func(want bool, when string) {
		t.Helper()
		b.Reset()
		c.tick()
		if got := b.Len() > 0; got != want {
			t.Errorf("%s: shown is %v: %q", when, got, b.String())
		}
	}
	shows(false, "at once")
	k.forward(2 * time.Second)
	shows(true, "after a while")
	b.Reset()
	fmt.Fprintln(c, "a warning")
	if b.String() != "\r\x1b[Ka warning\n" {
		t.Errorf("a warning: %q", b.String())
	}
	shows(false, "just after a warning")
	k.forward(2 * time.Second)
	shows(true, "a while after it")
	out := c.Over(&b)
	b.Reset()
	fmt.Fprint(out, "begun")
	k.forward(2 * time.Second)
	shows(false, "within a line")
	fmt.Fprint(out, " and ended\n")
	k.forward(2 * time.Second)
	shows(true, "after the line")
	b.Reset()
	release := c.Hold()
	if b.String() != "\r\x1b[K" {
		t.Errorf("held: %q", b.String())
	}
	inner := c.testBegin("copied", 0)
	k.forward(time.Hour)
	shows(false, "while a question waits")
	release()
	k.forward(2 * time.Second)
	b.Reset()
	c.tick()
	if !strings.Contains(b.String(), "copied, for 2s") {
		t.Errorf("the hour of the question counts: %q", b.String())
	}
	inner.Add(20)
	inner.End()
	p.Add(4)
	b.Reset()
	c.tick()
	// It began two seconds before the warning, and had three of these times since.
	if m := regexp.MustCompile(`removed 4 of 10, 40%, (0\.\d) a second, \d+s left`).FindStringSubmatch(b.String()); m == nil {
		t.Errorf("after the question: %q", b.String())
	}
	var none *Progress
	none.Step()
	none.Add(2)
	none.Of(3)
	none.Say("x")
	none.Next("x", k.at)
	none.Also(nil)
	none.End()
	var nowhere *Console
	nowhere.Hold()()
	if nowhere.Over(&b) != io.Writer(&b) {
		t.Error("without a console a writer stays itself")
	}
}

// TestConsoleWraps breaks messages between words at every width, loses none, and leaves
// what a line goes on with.
func TestConsoleWraps(t *testing.T) {
	t.Parallel()
	style := render.NewStyle(true)
	long := style.Error("smtpctl:") + " remove \"from=a@example.com\": smtpd does not list 3 envelope files that its queue on disk has (no-dispatcher 3): explain 1234567812345678 says why, for the first; show spool lists them"
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for cols := 20; cols <= 200; cols += 4 {
		var b bytes.Buffer
		c, _ := still(&b, cols)
		fmt.Fprintln(c, long)
		plain := colour.ReplaceAllString(b.String(), "")
		for _, line := range strings.Split(plain, "\n") {
			if render.Width(line) > cols && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%d columns: %q", cols, line)
			}
		}
		if fmt.Sprint(strings.Fields(plain)) != fmt.Sprint(strings.Fields(colour.ReplaceAllString(long, ""))) {
			t.Errorf("%d columns: words were lost: %q", cols, plain)
		}
	}
	var b bytes.Buffer
	c, _ := still(&b, 20)
	fmt.Fprint(c, "a question that is asked? [y/N] ")
	fmt.Fprint(c, "and goes on with many words\nthen a new line with many words\n")
	if want := "a question that is\nasked? [y/N] and goes on with many words\nthen a new line with\nmany words\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}
