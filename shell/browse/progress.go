package browse

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
	"unicode"

	"smtpctl/shell/render"
)

// A progress counts how far a listing has got. It is safe for concurrent use.
type progress struct {
	looked atomic.Int64 // envelopes that were looked at so far
	total  atomic.Int64 // envelopes in the queue, 0 if not known
	spent  atomic.Int64 // nanoseconds spent on listing so far
}

// begin resets the counters, with total envelopes to look at, 0 if not known.
func (p *progress) begin(total int) {
	p.looked.Store(0)
	p.spent.Store(0)
	p.total.Store(int64(total))
}

// rateAfter is how long a listing must have run before its rate is shown.
const rateAfter = time.Second

// String returns the progress for the title of the screen: the envelopes so far and, after
// rateAfter, the envelopes per second and the time left.
func (p *progress) String() string {
	looked, total, spent := p.looked.Load(), p.total.Load(), time.Duration(p.spent.Load())
	text := fmt.Sprintf("listing, %d", looked)
	if total >= looked && total > 0 {
		text += fmt.Sprintf(" of %d", total)
	}
	rate := int64(float64(looked) / spent.Seconds())
	if spent < rateAfter || rate == 0 {
		return text
	}
	text += fmt.Sprintf(", %d/s", rate)
	if total >= looked && total > 0 {
		text += fmt.Sprintf(", %s left", render.Age((total-looked)/rate+1))
	}
	return text
}

// A way lets keys overtake a listing. A listing keeps the processor busy, so that without
// pauses a key would wait long for the screen. The terminal calls want, the ui done, the
// worker give.
type way struct {
	wanted atomic.Int64 // how often input has come
	drawn  atomic.Int64 // the value of wanted that the screen shows
	single atomic.Bool  // the last input was exactly one key
	given  int64        // the value of wanted for which the listing has paused; only for the worker
}

// The bounds of a pause.
const (
	givenFor   = 10 * time.Millisecond  // how long the listing pauses for one screen at most
	givenEvery = 250 * time.Microsecond // how often it checks whether the screen has been drawn
)

// want records that keys were typed.
func (g *way) want(keys []byte) {
	g.single.Store(isOneKey(keys))
	g.wanted.Add(1)
}

// longestKey is how many bytes a terminal sends for one key at most.
const longestKey = 8

// isOneKey reports whether the bytes are certainly no more than one key.
func isOneKey(keys []byte) bool {
	if len(keys) == 0 || keys[0] != 0x1b {
		return len(keys) == 1
	}
	// An escape sequence ends with ~ or a letter other than O; later bytes are another key.
	end := bytes.IndexFunc(keys[1:], func(r rune) bool { return r == '~' || r != 'O' && unicode.IsLetter(r) })
	return len(keys) <= longestKey && (end < 0 || end == len(keys)-2)
}

// done records that the screen shows the effect of all input counted in wanted.
func (g *way) done(wanted int64) { g.drawn.Store(wanted) }

// give waits until the screen shows the effect of all input so far. It waits at most givenFor,
// and only once for the same input.
func (g *way) give() {
	wanted := g.wanted.Load()
	if wanted == g.given || wanted == g.drawn.Load() {
		return
	}
	g.given = wanted
	for end := time.Now().Add(givenFor); g.drawn.Load() < wanted && time.Now().Before(end); {
		time.Sleep(givenEvery)
	}
}
