package command

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smtpctl/shell/render"
)

// Times of a progress.
const (
	progressAfter = time.Second            // what ends sooner shows none
	progressEvery = 200 * time.Millisecond // between two updates
	rateOver      = 5 * time.Second        // that the rate is of
	stalledAfter  = 3 * time.Second        // without a step, after which it says so
)

// A Progress shows on a terminal how far a long command has got: how many items it has
// processed, of how many, at which rate, and how long the rest will take. The methods
// of a nil Progress do nothing. They may be called from several goroutines.
type Progress struct {
	con   *Console
	what  string
	done  atomic.Int64
	total atomic.Int64 // 0 if it is not known
	also  atomic.Pointer[Progress]

	mu       sync.Mutex // guards the rest, but for began
	said     string     // in the place of what, done and total
	next     string     // what happens at a time
	nextAt   time.Time
	samples  []sample
	lastDone int64
	lastStep time.Time

	began time.Time // guarded by the lock of the console
}

// A sample is the state of a progress at one time.
type sample struct {
	at   time.Time
	done int64
}

// Progress starts to show on the terminal of a call how many items have been processed;
// what is a verb such as "looked at", and total is 0 if it is not known. The result is
// nil where nothing is shown: if standard error is not a terminal, in scripts, and for
// results that go into a pipe, because the program at its end may use the screen.
func (c *Call) Progress(what string, total int) *Progress {
	con := c.console()
	if con == nil || c.Mode == FromFile || c.Mode == FromStdin || Dumb(c.Getenv) || !c.Out.Tty && !c.Out.ToFile && con.show == nil {
		return nil
	}
	p := &Progress{con: con, what: what, began: con.now()}
	p.total.Store(int64(total))
	con.begin(p)
	return p
}

// Step counts one item.
func (p *Progress) Step() { p.Add(1) }

// Add counts n items.
func (p *Progress) Add(n int) {
	if p != nil {
		p.done.Add(int64(n))
	}
}

// Of sets the total number of items.
func (p *Progress) Of(total int) {
	if p != nil {
		p.total.Store(int64(total))
	}
}

// Also shows another progress beside this one.
func (p *Progress) Also(other *Progress) {
	if p != nil && p.also.Load() == nil {
		p.also.Store(other)
	}
}

// Say shows a text in place of the counts.
func (p *Progress) Say(text string) {
	if p != nil {
		p.mu.Lock()
		p.said = text
		p.mu.Unlock()
	}
}

// Next shows a countdown to an event. A zero time removes the countdown.
func (p *Progress) Next(what string, at time.Time) {
	if p != nil {
		p.mu.Lock()
		p.next, p.nextAt = what, at
		p.mu.Unlock()
	}
}

// End removes the progress from the screen. It may be called more than once.
func (p *Progress) End() {
	if p != nil {
		p.con.end(p)
	}
}

// shift excludes a time during which something else used the terminal.
func (p *Progress) shift(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = p.began.Add(d)
	p.samples, p.lastStep = nil, time.Time{}
}

// text returns the line for so many columns. If the line is too wide, the least
// important parts are left out first.
func (p *Progress) text(now time.Time, cols int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	done, total := p.done.Load(), p.total.Load()
	rate := p.rate(now, done)
	var parts []part
	add := func(first int, format string, args ...any) {
		parts = append(parts, part{first, render.Safe(fmt.Sprintf(format, args...))})
	}
	known := p.said == "" && total > 0 && total >= done
	switch {
	case p.said != "":
		add(0, "%s", p.said)
	case known:
		add(0, "%s %d of %d", p.what, done, total)
	case done > 0:
		add(0, "%s %d", p.what, done)
	default:
		add(0, "%s", p.what)
	}
	if other := p.also.Load(); other != nil {
		add(2, "%s %d", other.what, other.done.Load())
	}
	if known {
		add(1, "%d%%", done*100/total)
	}
	counted := p.said == "" && done > 0
	still := now.Sub(p.lastStep)
	switch {
	case !p.nextAt.IsZero():
		add(0, "%s in %s", p.next, span(p.nextAt.Sub(now)))
	case counted && still >= stalledAfter:
		add(0, "stalled %s", span(still))
	case counted && rate > 0:
		add(1, "%s a second", perSecond(rate))
		if known && total > done {
			add(0, "%s left", span(time.Duration(float64(total-done)/rate*float64(time.Second))))
		}
	case !counted:
		add(0, "for %s", span(now.Sub(p.began)))
	}
	return fit(parts, cols)
}

// A part is a part of the line. Parts are left out in the order of drop; a part with 0
// is never left out.
type part struct {
	leave int
	text  string
}

// fit joins parts for so many columns.
func fit(parts []part, cols int) string {
	join := func(leave int) string {
		var texts []string
		for _, p := range parts {
			if p.leave == 0 || p.leave > leave {
				texts = append(texts, p.text)
			}
		}
		return strings.Join(texts, ", ")
	}
	for leave := range 3 {
		if text := join(leave); render.Width(text) <= cols {
			return text
		}
	}
	// The end of the line, the time left, says more than its beginning.
	end := ", " + parts[len(parts)-1].text
	words := strings.Split(parts[0].text, " ") // a number is never cut
	for len(words) > 1 && render.Width(strings.Join(words, " ")+end) > cols {
		words = words[:len(words)-1]
	}
	return render.Cut(strings.Join(words, " ")+end, cols)
}

// rate returns how many items were processed each second of late.
func (p *Progress) rate(now time.Time, done int64) float64 {
	if done != p.lastDone || p.lastStep.IsZero() {
		p.lastDone, p.lastStep = done, now
	}
	if len(p.samples) == 0 {
		p.samples = append(p.samples, sample{at: now, done: done})
		if p.began.Before(now) {
			return float64(done) / now.Sub(p.began).Seconds()
		}
		return 0
	}
	p.samples = append(p.samples, sample{now, done})
	for len(p.samples) > 2 && now.Sub(p.samples[0].at) > rateOver {
		p.samples = p.samples[1:]
	}
	// A short time tells little, so everything counts until there are older samples.
	from := p.samples[0]
	if now.Sub(from.at) < rateOver/2 {
		from = sample{at: p.began}
	}
	if d := now.Sub(from.at); d > 0 {
		return float64(done-from.done) / d.Seconds()
	}
	return 0
}

// perSecond formats a rate.
func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

// span formats a time in whole seconds for people.
func span(d time.Duration) string {
	return render.Age(int64(max(d, 0).Round(time.Second) / time.Second))
}
