// Package suggest knows the values that arguments can have, from smtpd, its queue and the disk.
package suggest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/trace"
)

// Times and sizes of what is fetched while a line is typed.
const (
	fetchTimeout = 10 * time.Second
	fetchFresh   = 2 * time.Second // how long an answer counts as new
	fetchItems   = 60              // most values fetched for one beginning
	cacheEntries = 64              // most answers remembered
)

// Live knows the values of arguments from smtpd. It answers from what it has,
// and fetches in the background what it lacks, over the session's connection.
type Live struct {
	dial    func(context.Context) (*protocol.Conn, error)
	spool   func() string // the folder that holds smtpd's queue
	changed func()        // called when something new has come

	// NoFiles keeps it from naming files: in a restricted session their names say
	// something, too.
	NoFiles bool

	// Conf is the path of smtpd.conf, the system's if empty.
	Conf string

	// Host and ReadOnly are what the prompt says, beside the state of smtpd.
	Host     string
	ReadOnly bool

	// Selections are the names of selections.
	Selections []completer.Suggestion

	// Offers says what the command that begins with some words offers; if not set,
	// what smtpd lists.
	Offers func(path []string) command.Offers

	// Wait, if not 0, makes it fetch what it is asked for before it answers, for
	// so long at most.
	Wait time.Duration

	mu      sync.Mutex
	cache   map[string]*entry
	running sync.WaitGroup
	cancel  context.CancelFunc
	current *job   // what runs, nil if nothing does
	next    *job   // waits for the fetch that runs
	state   string // what the prompt says of smtpd
}

// A job is something to fetch.
type job struct {
	run  func(context.Context)
	drop func() // called instead, if another one takes its place
	long bool   // it may run for long: the next job ends it
}

// An entry is what is known for one beginning.
type entry struct {
	found    completer.Found
	at       time.Time
	fetching bool
}

// NewSource returns what is known at first, which is nothing. dial connects to smtpd,
// spool names the folder that holds its queue.
func NewSource(dial func(context.Context) (*protocol.Conn, error), spool func() string, changed func()) *Live {
	return &Live{dial: dial, spool: spool, changed: changed, cache: map[string]*entry{}}
}

// Prefix is the text of the prompt: the host, if it has room in so many columns, and
// what has to be known before anything is typed.
func (l *Live) Prefix(cols int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var notes []string
	if l.ReadOnly {
		notes = append(notes, "read-only")
	}
	if l.state != "" {
		notes = append(notes, l.state)
	}
	text := "smtpctl"
	if len(notes) > 0 {
		text += " [" + strings.Join(notes, ", ") + "]"
	}
	if l.Host != "" && len(l.Host)+len(text) < cols/2 {
		text = l.Host + " " + text
	}
	return text + "> "
}

// Stop ends what is being fetched and waits for it, so that the connection is
// free, and forgets what is known, which a command may change.
func (l *Live) Stop() {
	l.mu.Lock()
	l.next = nil
	if l.cancel != nil {
		l.cancel()
	}
	l.mu.Unlock()
	l.running.Wait()
	l.mu.Lock()
	l.cache = map[string]*entry{}
	l.mu.Unlock()
}

// fetch runs a job in the background. While one runs, only the last of those
// that are asked for is remembered.
func (l *Live) fetch(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		l.start(j)
		return
	}
	if l.current.long {
		l.cancel()
	}
	if l.next != nil {
		l.next.drop()
	}
	l.next = j
}

// start runs a job, and after it what has been asked for meanwhile. l.mu is
// held, as it is when drop is called.
func (l *Live) start(j *job) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	l.cancel, l.current = cancel, j
	l.running.Go(func() {
		defer cancel()
		defer func() {
			if v := recover(); v != nil { // a prompt without completion is better than none
				trace.Panic("completion", v)
			}
			l.mu.Lock()
			l.current = nil
			if next := l.next; next != nil {
				l.next = nil
				l.start(next)
			}
			l.mu.Unlock()
			l.changed()
		}()
		j.run(ctx)
	})
}

// RefreshState finds out what the prompt has to say of smtpd.
func (l *Live) RefreshState() {
	l.fetch(&job{drop: func() {}, run: func(ctx context.Context) {
		state := l.askState(ctx)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.state = state
		l.mu.Unlock()
	}})
}

func (l *Live) askState(ctx context.Context) string {
	conn, err := l.dial(ctx)
	if err != nil {
		return "not connected"
	}
	st, err := conn.Status(ctx)
	if err != nil {
		if protocol.Unreachable(err) {
			return "not connected"
		}
		return ""
	}
	var paused []string
	for _, sub := range protocol.Subsystems {
		if st.Paused(sub) {
			paused = append(paused, strings.ToLower(sub.String()))
		}
	}
	if len(paused) == 0 {
		return ""
	}
	return strings.Join(paused, ", ") + " paused"
}

// get returns what is known for a key, and has it fetched if that is nothing or
// old. A long fetch ends when another one is wanted.
func (l *Live) get(key string, long bool, f fetcher) completer.Found {
	if l.Wait > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), l.Wait)
		defer cancel()
		return f(ctx, func(completer.Found) {})
	}
	l.mu.Lock()
	e := l.cache[key]
	if e == nil {
		if len(l.cache) >= cacheEntries {
			l.cache = map[string]*entry{}
		}
		e = &entry{}
		l.cache[key] = e
	}
	found := e.found
	if e.fetching || time.Since(e.at) < fetchFresh {
		l.mu.Unlock()
		return found
	}
	e.fetching = true
	l.mu.Unlock()
	l.fetch(&job{long: long, drop: func() { e.fetching = false }, run: func(ctx context.Context) {
		found := f(ctx, func(part completer.Found) {
			l.mu.Lock()
			e.found = completer.Found{List: slices.Clone(part.List), More: part.More}
			l.mu.Unlock()
			l.changed()
		})
		l.mu.Lock()
		defer l.mu.Unlock()
		e.fetching = false
		if ctx.Err() != context.Canceled {
			e.found, e.at = found, time.Now()
		}
	}})
	return found
}
