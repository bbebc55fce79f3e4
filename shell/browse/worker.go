package browse

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// The bounds of the work.
const (
	maxGroups   = 5000                   // groups of a grouping
	minGroups   = 200                    // the same of one of many machines
	maxCached   = 1000                   // envelopes in the caches of all machines
	minCached   = 20                     // envelopes in the cache of a machine beside those on the screen
	firstRows   = 200                    // envelopes at the beginning of all listings that are cached as they come
	freshFor    = 2 * time.Second        // how long an envelope on the screen is not asked for again
	reloadMin   = 5 * time.Second        // the age, at least, at which a list is made again
	reloadShare = 20                     // and the age in multiples of the time that listing took
	tellEvery   = 250 * time.Millisecond // the least time between two reports of progress
)

// retryEvery is how long to wait before smtpd is tried again. Tests wait less.
var retryEvery = time.Second

// A wish says what the worker is to list.
type wish struct {
	gen  int // a number that no other wish of the ui has
	call *command.Call
	sort string // the name of an order, after - for its reverse; "" for the order of the ids
	by   string // the name of a grouping, "" for a list of envelopes
	only int    // the number of the only machine to list, from 1; 0 for all
	// skip has true for each of several machines that none of the ids in call is of, if ids in call
	// are of machines.
	skip []bool
}

// lists reports whether the wish is for a machine.
func (x *wish) lists(machine int) bool {
	return (x.only == 0 || x.only == machine+1) && (x.skip == nil || !x.skip[machine])
}

// A worker does everything that needs smtpd, in a source for each machine. The listing of the
// only machine is the list on the screen; those of several are put together.
type worker struct {
	c       *command.Call
	names   []string // of the machines, in the order in which the user named them
	sources []*source
	changed chan struct{} // holds a value when the screen should be drawn
	session chan struct{} // holds a value while a command of the session runs

	mu    sync.Mutex // guards the fields up to trace
	wish  wish
	list  *listing
	crash any // the value of a panic of the worker, nil if there was none
	trace []byte

	tasks   sync.WaitGroup // what uses connections that sources have lent
	merging chan struct{}  // holds a value when the listings of the machines should be merged
}

func newWorker(c *command.Call) *worker {
	w := &worker{c: c, names: strings.Split(c.Opts.Host, ","), changed: make(chan struct{}, 1), session: make(chan struct{}, 1), merging: make(chan struct{}, 1)}
	rights := command.NewRights(c.Opts.Parallel)
	for n, name := range w.names {
		s := &source{w: w, n: n, kick: make(chan struct{}, 1), jobs: make(chan job, 4), cache: map[protocol.EnvelopeID]*row{}}
		if w.several() {
			s.name, s.right = name, rights.Of(name)
		}
		s.c = s.of(c)
		w.sources = append(w.sources, s)
	}
	return w
}

// several reports whether there are several machines.
func (w *worker) several() bool { return len(w.names) > 1 }

// poke puts a value into a channel that has room for one, unless one is there already.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run runs all sources until ctx ends.
func (w *worker) run(ctx context.Context) {
	if !w.several() {
		w.sources[0].run(ctx)
		return
	}
	var wg sync.WaitGroup
	for _, s := range w.sources {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Go(func() { w.watch(ctx) })
	wg.Go(func() { w.merge(ctx) })
	wg.Wait()
	w.tasks.Wait()
}

// want replaces the wish. It returns at once.
func (w *worker) want(x wish) {
	w.mu.Lock()
	w.wish, w.list = x, nil
	for _, s := range w.sources {
		s.again, s.list, s.failed = true, nil, ""
		s.progress.begin(0)
	}
	w.mu.Unlock()
	for _, s := range w.sources {
		poke(s.kick)
	}
}

// reload makes all sources list the same wish again. It returns at once.
func (w *worker) reload() {
	for _, s := range w.sources {
		s.reload()
	}
}

// show tells the sources which envelopes are on the screen.
func (w *worker) show(ids []envelope) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sources {
		s.need = s.need[:0]
	}
	for _, e := range ids {
		s := w.sources[e.machine]
		s.need = append(s.need, e.id)
		if s.cache[e.id] == nil && (s.trouble == "" || !w.c.Elsewhere()) { // an ssh for each drawing would be too many
			poke(s.kick)
		}
	}
}

// typed tells all sources that keys were typed, which overtake their listings.
func (w *worker) typed(keys []byte) {
	for _, s := range w.sources {
		s.way.want(keys)
	}
}

// wanted returns how often keys were typed.
func (w *worker) wanted() int64 { return w.sources[0].way.wanted.Load() }

// single reports whether exactly one key was typed last.
func (w *worker) single() bool { return w.sources[0].way.single.Load() }

// drawn tells all sources that the screen shows the effect of all keys counted in wanted.
func (w *worker) drawn(wanted int64) {
	for _, s := range w.sources {
		s.way.done(wanted)
	}
}

// mostGroups returns how many groups of a grouping each machine has at most: those of several
// are kept, to be added up.
func (w *worker) mostGroups() int { return max(maxGroups/max(1, len(w.sources)/4), minGroups) }

// total returns how many envelopes are in all queues, as far as that is known.
func (w *worker) total() int64 {
	n := int64(0)
	for _, s := range w.sources {
		n += s.progress.total.Load()
	}
	return n
}

// row returns the cached row of an envelope, or nil. The caller holds the lock.
func (w *worker) row(e envelope) *row { return w.sources[e.machine].cache[e.id] }

// enter waits until no other command of the session runs, which carries out one at a time. It
// returns false if ctx ends. leave must be called afterwards.
func (w *worker) enter(ctx context.Context) bool {
	select {
	case w.session <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave lets the next command of the session run.
func (w *worker) leave() { <-w.session }

// panicked raises the panic of a source again, if there was one. It must be called after the
// terminal was restored, which would hide the trace otherwise.
func (w *worker) panicked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash != nil {
		panic(fmt.Sprintf("%v\n%s", w.crash, w.trace))
	}
}

// crashed reports whether a source has panicked.
func (w *worker) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crash != nil
}
