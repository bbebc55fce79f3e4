package server

import (
	"fmt"
	"strings"
	"time"

	"smtpctl/shell/render"
)

// countsFrom is the shortest interval at which watch counts down to the next run.
const countsFrom = 5 * time.Second

// A watchClock has the times that the title of watch shows.
type watchClock struct {
	second <-chan time.Time // ticks every second
	next   time.Time        // when the next run begins
	began  time.Time        // when the current run began; zero between runs
}

// counts reports whether the title shows a time that changes every second: how long the
// command has been running, or how long it is until the next run.
func (k *watchClock) counts(now time.Time, every time.Duration) bool {
	if k.began.IsZero() {
		return every >= countsFrom
	}
	return now.Sub(k.began) >= time.Second
}

// second redraws the screen if its title shows a time that changes every second.
func (w *watcher) second() error {
	if !w.clock.counts(time.Now(), w.every) {
		return nil
	}
	return w.draw()
}

// title returns the line with the interval, the watched command, the time of its last
// run and the number of envelopes in the queue.
func (w *watcher) title() string {
	text := fmt.Sprintf("every %v: %s%s%s", w.every, strings.Join(w.inner.Path, " "), w.machines(), w.when(time.Now()))
	switch {
	case w.seen.Hosts != nil:
		text += ", " + render.Plural(w.queued, "envelope") + " in their queues"
	case w.queued >= 0:
		text += ", " + render.Plural(w.queued, "envelope") + " in the queue"
	}
	return text
}

// machines returns how many machines the output is of, where there are several.
func (w *watcher) machines() string {
	all := len(w.seen.Hosts)
	switch missing := len(w.seen.Missing); {
	case all == 0:
		return ""
	case missing > 0:
		return fmt.Sprintf(" on %d of %d machines", all-missing, all)
	default:
		return fmt.Sprintf(" on %d machines", all)
	}
}

// status returns the line with the number of changes, the lines in sight and the key
// that ends watch. end is the index after the last row in sight, of all rows.
func (w *watcher) status(end, all int) string {
	text := ""
	if w.times > 1 {
		text = fmt.Sprintf("%d came, %d went, %d changed; ", w.diff.came, w.diff.gone, w.diff.different)
		if !w.whole {
			text = fmt.Sprintf("%d changed; ", w.diff.different)
		}
	}
	switch {
	case w.times == 0:
		text = "nothing yet; "
	case !w.whole:
		text += fmt.Sprintf("lines %d-%d of the first %d; ", min(w.top+1, all), end, all)
	case end-w.top < all:
		text += fmt.Sprintf("lines %d-%d of %d; ", min(w.top+1, all), end, all)
	default:
		text += render.Plural(all, "line") + "; "
	}
	if w.keys == nil {
		return text + "Ctrl-C ends"
	}
	return text + "q ends"
}

// when returns the time of the last run and, if it counts, how long the command has been
// running or how long it is until the next run.
func (w *watcher) when(now time.Time) string {
	text := ""
	if w.times > 0 {
		text = ", at " + w.at.Format("15:04:05")
	}
	switch counts := w.clock.counts(now, w.every); {
	case counts && !w.clock.began.IsZero():
		text += fmt.Sprintf(", running for %s", age(now.Sub(w.clock.began)))
	case counts:
		text += fmt.Sprintf(", next in %s", age(w.clock.next.Sub(now)))
	}
	return text
}

// age formats a duration, rounded to seconds.
func age(d time.Duration) string { return render.Age(int64(d.Round(time.Second) / time.Second)) }
