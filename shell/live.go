package shell

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/grammar"
	"smtpctl/shell/render"
)

// Times and sizes of what is fetched while a line is typed.
const (
	fetchTimeout = 5 * time.Second
	fetchFresh   = 2 * time.Second // how long an answer counts as new
	fetchItems   = 60              // most values fetched for one beginning
	cacheEntries = 64              // most answers remembered
)

// live knows the values of arguments from smtpd. It answers from what it has,
// and fetches in the background what it lacks, over the session's connection.
type live struct {
	s       *Session
	changed func() // called when something new has come

	mu      sync.Mutex
	cache   map[string]*entry
	running sync.WaitGroup
	cancel  context.CancelFunc
	busy    bool
	next    *job   // waits for the fetch that runs
	state   string // what the prompt says of smtpd
}

// A job is something to fetch.
type job struct {
	run  func(context.Context)
	drop func() // called instead, if another one takes its place
}

// An entry is what is known for one beginning.
type entry struct {
	items    []completer.Suggestion
	at       time.Time
	fetching bool
}

func newLive(s *Session, changed func()) *live {
	return &live{s: s, changed: changed, cache: map[string]*entry{}}
}

// prefix is the text of the prompt.
func (l *live) prefix() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != "" {
		return "smtpctl [" + l.state + "]> "
	}
	return "smtpctl> "
}

// stop ends what is being fetched and waits for it, so that the connection is
// free, and forgets what is known, which a command may change.
func (l *live) stop() {
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
func (l *live) fetch(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy {
		l.start(j)
		return
	}
	if l.next != nil {
		l.next.drop()
	}
	l.next = j
}

// start runs a job, and after it what has been asked for meanwhile. l.mu is
// held, as it is when drop is called.
func (l *live) start(j *job) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	l.cancel, l.busy = cancel, true
	l.running.Go(func() {
		defer cancel()
		defer func() {
			recover() // a prompt without completion is better than none
			l.mu.Lock()
			l.busy = false
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

// refreshState finds out what the prompt has to say of smtpd.
func (l *live) refreshState() {
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

func (l *live) askState(ctx context.Context) string {
	conn, err := l.s.dial(ctx, l.s.opts)
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

// Values implements completer.Source.
func (l *live) Values(kind *grammar.Kind, path []string, prefix string) []completer.Suggestion {
	var get func(context.Context, *protocol.Conn) []completer.Suggestion
	key := kind.Name
	switch kind.Name {
	case "envelope", "message", "id", "selector":
		prefix = strings.ToLower(prefix)
		if len(path) > 0 && path[0] == "discover" || prefix != "" && !protocol.IsHex(prefix) || len(prefix) > 16 {
			return nil
		}
		key += " " + prefix
		get = func(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
			return fetchIDs(ctx, conn, kind.Name, prefix)
		}
	case "route":
		get = fetchRoutes
	default:
		return nil
	}
	return completer.Rank(l.cached(key, get), prefix)
}

// cached returns what is known for a key, and fetches it if that is nothing or
// old.
func (l *live) cached(key string, get func(context.Context, *protocol.Conn) []completer.Suggestion) []completer.Suggestion {
	l.mu.Lock()
	e := l.cache[key]
	if e == nil {
		if len(l.cache) >= cacheEntries {
			l.cache = map[string]*entry{}
		}
		e = &entry{}
		l.cache[key] = e
	}
	items := e.items
	if e.fetching || time.Since(e.at) < fetchFresh {
		l.mu.Unlock()
		return items
	}
	e.fetching = true
	l.mu.Unlock()
	l.fetch(&job{drop: func() { e.fetching = false }, run: func(ctx context.Context) {
		var items []completer.Suggestion
		conn, err := l.s.dial(ctx, l.s.opts)
		if err == nil {
			items = get(ctx, conn)
		}
		l.mu.Lock()
		e.items, e.at, e.fetching = items, time.Now(), false
		l.mu.Unlock()
	}})
	return items
}

// fetchIDs asks for the ids that begin with some digits.
func fetchIDs(ctx context.Context, conn *protocol.Conn, kind, prefix string) []completer.Suggestion {
	lo, hi := protocol.EvpID(0), ^protocol.EvpID(0)
	if prefix != "" {
		lo, hi = idArg{text: prefix}.bounds()
	}
	list := conn.EnvelopesLimit(ctx, lo, fetchItems)
	if len(prefix) > 8 {
		list = conn.MessageEnvelopes(ctx, lo)
	}
	now := time.Now().Unix()
	var all []protocol.Envelope
	for e, err := range list {
		if err != nil || e.ID > hi || len(all) >= fetchItems {
			break
		}
		if e.ID >= lo {
			all = append(all, *e)
		}
	}
	var out []completer.Suggestion
	for i := range all {
		e := &all[i]
		msg := e.ID.Msg()
		first := i == 0 || all[i-1].ID.Msg() != msg
		many := i+1 < len(all) && all[i+1].ID.Msg() == msg
		if first && len(prefix) <= 8 && (kind == "message" || kind == "id" || kind == "selector" && many) {
			out = append(out, completer.Suggestion{Text: msg.String(), Description: "message " + describe(e, now)})
		}
		if kind != "message" && !(kind == "id" && len(prefix) <= 8) {
			out = append(out, completer.Suggestion{Text: e.ID.String(), Description: describe(e, now)})
		}
	}
	return out
}

// describe says on one line what an envelope is.
func describe(e *protocol.Envelope, now int64) string {
	from := e.Sender.String()
	if e.Sender == (protocol.Address{}) {
		from = "<>"
	}
	text := fmt.Sprintf("%s > %s, %s, %s old", from, e.Dest, stateOf(e.Flags), age(now-e.Created))
	if e.Retry > 0 {
		text += ", " + tries(e.Retry)
	}
	if e.ErrorLine != "" {
		text += ": " + e.ErrorLine
	}
	return render.Safe(text)
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return strconv.Itoa(n) + " tries"
}

// stateOf names the state of an envelope.
func stateOf(f protocol.Flags) string {
	switch {
	case f&protocol.FlagSuspend != 0:
		return "suspended"
	case f&protocol.FlagHold != 0:
		return "held"
	case f&protocol.FlagInflight != 0:
		return "in flight"
	}
	return "pending"
}

// age writes seconds in the two largest units.
func age(t int64) string {
	text := protocol.Duration(max(t, 0))
	units := 0
	for i, r := range text {
		if r >= 'a' && r <= 'z' {
			if units++; units == 2 {
				return text[:i+1]
			}
		}
	}
	return text
}

// fetchRoutes asks for the numbers of the routes.
func fetchRoutes(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var out []completer.Suggestion
	for line, err := range conn.Lines(ctx, protocol.Routes) {
		if err != nil {
			break
		}
		if id, rest, ok := strings.Cut(line, ". "); ok && len(out) < fetchItems {
			out = append(out, completer.Suggestion{Text: id, Description: render.Safe(rest)})
		}
	}
	return out
}
