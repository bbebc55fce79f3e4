// Package suggest finds values for the arguments of commands: from smtpd, its queue and the
// disk.
package suggest

import (
	"cmp"
	"context"
	"sync"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// The bounds of fetches while a line is typed.
const (
	fetchTimeout = 10 * time.Second
	fetchFresh   = 2 * time.Second // how long an answer is used without another fetch
	fetchItems   = 60              // how many values a fetch for one prefix returns at most
	cacheEntries = 64              // how many answers of one machine are remembered
	cacheShares  = 256             // how many answers are remembered, of several machines
)

// Live is a completer.Source that finds the values of arguments by asking smtpd, on one
// machine or on several. Without Wait it answers at once from what it has, and fetches in the
// background what it lacks, over the connections of the session; then its methods are safe for
// concurrent use. Each machine has its own fetches, so that a slow machine delays only its own
// values. The exported fields are set before they are used.
type Live struct {
	dial    func(ctx context.Context, host string) (*protocol.Conn, error)
	spool   func() string // returns the spool of this machine
	changed func()        // called with no lock held when new values have come

	// NoFiles keeps Live from offering names of files. A restricted session must not see them,
	// since the names alone can reveal something.
	NoFiles bool

	// Elsewhere, if set, reports whether commands are for other machines. Then nothing is
	// offered from the files of this one, which would be wrong there.
	Elsewhere func() bool

	// Servers, if set, returns the names of the machines that commands are for. dial is called
	// with them; "" is this machine.
	Servers func() []string

	// Gone, if set, reports whether there is no connection to a machine. It must not block.
	Gone func(host string) bool

	// Conf is the path of smtpd.conf, or "" for the path of the system.
	Conf string

	// Host is the name of the machine in the prompt, "" for none; SetHost changes it. ReadOnly
	// makes the prompt say read-only.
	Host     string
	ReadOnly bool

	// Selections are the words that stand for named selections, such as @old.
	Selections []completer.Suggestion

	// Last, if set, returns the last listing, or nil if there was none.
	Last func() *command.Listing

	// Hosts, if set, returns the known hosts and groups of hosts.
	Hosts func() []completer.Suggestion

	// Offers, if set, says which values the command that begins with the words path takes.
	// Without it, commands take what smtpd lists.
	Offers func(path []string) command.Offers

	// Settings, if set, returns the words NAME=VALUE that are no terms, of the command that
	// begins with the words path and goes on with a kind of argument.
	Settings func(kind string, path []string) []*command.Setting

	// Wait, if not 0, makes each answer wait for its fetch, for at most this time.
	Wait time.Duration

	mu      sync.Mutex
	cache   map[string]*entry
	running sync.WaitGroup
	lanes   map[string]*lane // by host
	states  map[string]state // what the prompt says of each host
}

// NewSource returns a Live that knows no values yet. dial connects to the smtpd of a host,
// spool returns the path of the spool of this machine, and changed is called when new values
// have come.
func NewSource(dial func(ctx context.Context, host string) (*protocol.Conn, error), spool func() string, changed func()) *Live {
	return &Live{dial: dial, spool: spool, changed: changed, cache: map[string]*entry{}, lanes: map[string]*lane{}, states: map[string]state{}}
}

// here is the list of hosts of commands for this machine.
var here = []string{""}

// servers returns the hosts that commands are for.
func (l *Live) servers() []string {
	if l.Servers == nil {
		return here
	}
	return l.Servers()
}

// several reports whether commands are for several hosts.
func (l *Live) several() bool { return len(l.servers()) > 1 }

// elsewhere reports whether commands are for other machines than this one.
func (l *Live) elsewhere() bool { return l.Elsewhere != nil && l.Elsewhere() }

// conf returns the path of the smtpd.conf from which names are offered.
func (l *Live) conf() string { return cmp.Or(l.Conf, disk.ConfPath()) }

// Stop cancels all fetches and waits for them, so that nothing uses the connections. It
// forgets the answers, since the command that follows may change them.
func (l *Live) Stop() {
	l.mu.Lock()
	for _, n := range l.lanes {
		n.next = nil
		if n.cancel != nil {
			n.cancel()
		}
	}
	l.mu.Unlock()
	l.running.Wait()
	l.mu.Lock()
	l.cache, l.lanes = map[string]*entry{}, map[string]*lane{}
	l.mu.Unlock()
}

// get returns the known values of all hosts for a key. It starts f for the hosts whose values
// are missing or older than fetchFresh. If long is set, the next fetch from the same host
// cancels this one.
func (l *Live) get(key string, long bool, f fetcher) completer.Found {
	return l.getOf(l.servers(), key, long, f)
}

// getOf is get for the given hosts.
func (l *Live) getOf(hosts []string, key string, long bool, f fetcher) completer.Found {
	if l.Wait > 0 {
		return l.getNow(hosts, f)
	}
	l.mu.Lock()
	e := l.entry(key, len(hosts))
	var old []string
	for _, host := range hosts {
		if p := e.part(host); !p.fetching && time.Since(p.at) >= fetchFresh {
			p.fetching = true
			old = append(old, host)
		}
	}
	found := e.all(hosts)
	l.mu.Unlock()
	for _, host := range old {
		l.fetch(host, l.job(e, host, len(hosts), long, f))
	}
	return found
}

// entry returns the entry for a key, which it makes if there is none; if the cache is full, it
// empties the cache first. hosts is the number of hosts. l.mu is held.
func (l *Live) entry(key string, hosts int) *entry {
	e := l.cache[key]
	if e == nil {
		most := cacheEntries
		if hosts > 1 {
			most = max(cacheShares/hosts, 4)
		}
		if len(l.cache) >= most {
			l.cache = map[string]*entry{}
		}
		e = &entry{}
		l.cache[key] = e
	}
	return e
}

// job returns the job that fetches the part of an entry for one host out of hosts.
func (l *Live) job(e *entry, host string, hosts int, long bool, f fetcher) *job {
	return &job{long: long, drop: func() { e.part(host).fetching = false }, run: func(ctx context.Context) {
		found := f(ctx, host, func(part completer.Found) {
			l.mu.Lock()
			e.put(host, bounded(part, hosts))
			l.mu.Unlock()
			l.changed()
		})
		l.mu.Lock()
		defer l.mu.Unlock()
		e.part(host).fetching = false
		if ctx.Err() != context.Canceled {
			e.put(host, bounded(found, hosts))
			e.part(host).at = time.Now()
		}
	}}
}

// getNow runs f for all hosts at the same time, waits for at most Wait, and returns the
// values.
func (l *Live) getNow(hosts []string, f fetcher) completer.Found {
	ctx, cancel := context.WithTimeout(context.Background(), l.Wait)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	e := &entry{}
	for _, host := range hosts {
		wg.Go(func() {
			found := bounded(f(ctx, host, func(completer.Found) {}), len(hosts))
			mu.Lock()
			defer mu.Unlock()
			e.put(host, found)
		})
	}
	wg.Wait()
	return e.all(hosts)
}
