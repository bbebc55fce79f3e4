package browse

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// Bounds of the work.
const (
	maxSorted   = 5000                   // envelopes that are held in an order
	maxGroups   = 5000                   // groups that are told apart
	maxCached   = 1000                   // envelopes that are held to be shown
	firstRows   = 200                    // of a list, which are held as they come
	freshFor    = 2 * time.Second        // how long what is shown of an envelope counts as new
	retryEvery  = time.Second            // how often smtpd is looked for when it is away
	reloadMin   = 5 * time.Second        // how long a list counts as new
	reloadShare = 20                     // and how many times as long as listing took
	tellEvery   = 250 * time.Millisecond // how often progress is shown
)

// A wish is what is to be listed.
type wish struct {
	gen  int // tells wishes apart
	call *command.Call
	sort string // name of an order, "" for that of the ids
	by   string // name of a grouping, "" for envelopes
}

// A listing is what was listed for a wish.
type listing struct {
	gen    int
	ids    *idList
	sorted []protocol.Envelope // the first of an order
	groups []queue.Group
	done   bool
	took   time.Duration
	at     time.Time
}

// rows returns how many rows there are to be shown.
func (l *listing) rows(w *wish) int {
	switch {
	case w.by != "":
		return len(l.groups)
	case w.sort != "":
		return len(l.sorted)
	}
	return l.ids.n
}

// A row is an envelope as it is shown.
type row struct {
	e    protocol.Envelope
	at   time.Time
	gone bool // it was not in the queue
}

// A job is something to do with smtpd other than listing. It reports whether it may
// have changed what is listed.
type job func(ctx context.Context) (changed bool)

// A worker does all that needs smtpd, one thing after the other, over one connection.
// A listing is left for whatever else is wanted, and gone on with.
type worker struct {
	c       *command.Call
	changed chan struct{} // something is to be shown
	kick    chan struct{} // something is wanted
	jobs    chan job

	mu      sync.Mutex // guards the rest
	wish    wish
	again   bool // the wish is to be listed anew
	list    *listing
	need    []protocol.EnvelopeID // that are on the screen
	cache   map[protocol.EnvelopeID]*row
	trouble string // what is wrong with smtpd
	failed  string // why the listing is not complete
	looked  int    // envelopes of the listing that runs
	crash   any    // what it panicked with
	trace   []byte
}

func newWorker(c *command.Call) *worker {
	return &worker{c: c, changed: make(chan struct{}, 1), kick: make(chan struct{}, 1), jobs: make(chan job, 4), cache: map[protocol.EnvelopeID]*row{}}
}

// poke fills a channel that holds one notice.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// want says what is to be listed.
func (w *worker) want(x wish) {
	w.mu.Lock()
	w.wish, w.again, w.list, w.failed, w.looked = x, true, nil, "", 0
	w.mu.Unlock()
	poke(w.kick)
}

// reload lists the same anew.
func (w *worker) reload() {
	w.mu.Lock()
	w.again = true
	w.cache = map[protocol.EnvelopeID]*row{}
	w.mu.Unlock()
	poke(w.kick)
}

// wants reports whether something else is wanted than what is being done.
func (w *worker) wants() bool { return len(w.kick) > 0 || len(w.jobs) > 0 }

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			w.mu.Lock()
			w.crash, w.trace = p, debug.Stack()
			w.mu.Unlock()
			poke(w.changed)
		}
	}()
	var p *pass
	for ctx.Err() == nil {
		select {
		case j := <-w.jobs:
			if w.carryOut(ctx, j) {
				p = nil
			}
			continue
		case <-w.kick:
		default:
		}
		w.fetch(ctx)
		if p = w.next(ctx, p); p != nil {
			if w.step(ctx, p) {
				p = nil
			}
			if w.lost() {
				p = nil
				w.sleep(ctx, retryEvery)
			}
			continue
		}
		w.sleep(ctx, freshFor/2)
	}
}

// sleep waits until something is wanted.
func (w *worker) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.kick:
		poke(w.kick)
	case j := <-w.jobs:
		w.carryOut(ctx, j)
	}
}

// carryOut does a job, and reports whether the queue is to be listed anew.
func (w *worker) carryOut(ctx context.Context, j job) bool {
	changed := j(ctx)
	if changed {
		w.reload()
	}
	poke(w.changed)
	return changed
}

// lost reports whether smtpd is away.
func (w *worker) lost() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble != ""
}

// note takes notice of an error of smtpd's, or of none.
func (w *worker) note(err error) {
	w.mu.Lock()
	was := w.trouble
	switch {
	case err == nil:
		w.trouble = ""
	case errors.Is(err, protocol.ErrNotRunning):
		w.trouble = "smtpd is not running"
	case errors.Is(err, protocol.ErrHangup):
		w.trouble = "smtpd has closed the connection"
	default:
		w.trouble = render.Safe(render.Bound(err.Error(), command.ArgBytes*2))
	}
	if was != "" && w.trouble == "" {
		w.again = true // it may have been restarted
	}
	changed := was != w.trouble
	w.mu.Unlock()
	if changed {
		poke(w.changed)
	}
}

// keep holds an envelope to be shown. The caller holds the lock.
func (w *worker) keep(e *protocol.Envelope) {
	if len(w.cache) >= maxCached {
		kept := make(map[protocol.EnvelopeID]*row, maxCached)
		for _, id := range w.need {
			if r := w.cache[id]; r != nil {
				kept[id] = r
			}
		}
		w.cache = kept
	}
	w.cache[e.ID] = &row{e: *e, at: time.Now()}
}

// show says which envelopes are on the screen.
func (w *worker) show(ids []protocol.EnvelopeID) {
	w.mu.Lock()
	w.need = append(w.need[:0], ids...)
	missing := false
	for _, id := range ids {
		missing = missing || w.cache[id] == nil
	}
	w.mu.Unlock()
	if missing {
		poke(w.kick)
	}
}

// fetch asks smtpd for those envelopes on the screen of which nothing is known, or
// nothing new.
func (w *worker) fetch(ctx context.Context) {
	w.mu.Lock()
	var old []protocol.EnvelopeID
	for _, id := range w.need {
		if r := w.cache[id]; r == nil || time.Since(r.at) > freshFor {
			old = append(old, id)
		}
	}
	lost := w.trouble != ""
	w.mu.Unlock()
	if len(old) == 0 && !lost {
		return
	}
	conn, err := w.c.Conn(ctx)
	for i := 0; i < len(old) && err == nil && ctx.Err() == nil; i++ {
		var e *protocol.Envelope
		if e, err = queue.LookUp(ctx, conn, old[i]); err != nil {
			break
		}
		w.mu.Lock()
		if e != nil {
			w.keep(e)
		} else if r := w.cache[old[i]]; r != nil {
			w.cache[old[i]] = &row{e: r.e, at: time.Now(), gone: true}
		} else {
			gone := protocol.Envelope{ID: old[i]}
			w.keep(&gone)
			w.cache[old[i]].gone = true
		}
		w.mu.Unlock()
		if len(w.kick) > 0 && i%8 == 7 {
			break // another screen is wanted
		}
	}
	if ctx.Err() == nil {
		w.note(err)
	}
	poke(w.changed)
}

// do hands a job over, and reports whether it could.
func (w *worker) do(j job) bool {
	select {
	case w.jobs <- j:
		return true
	default:
		return false
	}
}

// panicked panics as the worker did, once the terminal has been put back.
func (w *worker) panicked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash != nil {
		panic(fmt.Sprintf("%v\n%s", w.crash, w.trace))
	}
}

// crashed reports whether the worker has panicked.
func (w *worker) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crash != nil
}
