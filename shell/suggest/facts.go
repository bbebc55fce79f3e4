package suggest

import (
	"context"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/report"
)

// factKnown is the first value of a fact in the cache. It tells a fact that holds no values,
// such as no paused parts, from a fact that is not known.
const factKnown = "known"

// The keys of facts in the cache. No key for a line is equal to one of them.
const (
	keyStatus       = "\x00status"
	keyPausedRoutes = "\x00paused"
	keyDisabled     = "\x00disabled"
	keySilent       = "\x00silent" // smtpd did not answer
)

// Paused reports whether a part of smtpd is paused. known is false if that is not known of all
// machines, or if it differs between them.
func (l *Live) Paused(s protocol.Subsystem) (yes, known bool) {
	facts, known := l.facts(keyStatus, func(ctx context.Context, conn *protocol.Conn) ([]string, error) {
		st, err := conn.Status(ctx)
		return pausedIn(st), err
	})
	for i, f := range facts {
		is := slices.Contains(f, s.String())
		if i > 0 && is != yes {
			return false, false
		}
		yes = is
	}
	return yes, known
}

// pausedIn returns the names of the parts of smtpd that a status shows as paused.
func pausedIn(st protocol.Status) []string {
	var out []string
	for _, s := range protocol.Subsystems {
		if st.Paused(s) {
			out = append(out, s.String())
		}
	}
	return out
}

// PausedRoutes reports whether relaying from any address is paused on any machine. known is
// false unless one machine has said yes or all have answered.
func (l *Live) PausedRoutes() (yes, known bool) {
	return l.any(keyPausedRoutes, func(ctx context.Context, conn *protocol.Conn) ([]string, error) {
		for line, err := range conn.Lines(ctx, protocol.PausedRoutes) {
			if err != nil || strings.Contains(line, " -> ") {
				return []string{line}, err
			}
		}
		return nil, nil
	})
}

// Disabled reports whether smtpd has disabled a route on any machine. known is false unless
// one machine has said yes or all have answered.
func (l *Live) Disabled() (yes, known bool) {
	return l.any(keyDisabled, func(ctx context.Context, conn *protocol.Conn) ([]string, error) {
		parse := report.LineParser(protocol.Routes)
		for line, err := range conn.Lines(ctx, protocol.Routes) {
			if r, ok := parse(line).(*report.Route); err != nil || ok && r.Disabled {
				return []string{line}, err
			}
		}
		return nil, nil
	})
}

// any reports whether ask has returned a text on any machine. known is false unless it has on
// one machine, or all have answered.
func (l *Live) any(key string, ask func(context.Context, *protocol.Conn) ([]string, error)) (yes, known bool) {
	facts, known := l.facts(key, ask)
	for _, f := range facts {
		if len(f) > 0 {
			return true, true
		}
	}
	return false, known
}

// facts returns the texts that ask has returned, of each machine that has answered. known is
// true if all have. Where the answer is missing or old, facts starts a fetch. With Wait and
// several machines it returns nothing.
func (l *Live) facts(key string, ask func(context.Context, *protocol.Conn) ([]string, error)) (facts [][]string, known bool) {
	hosts := l.servers()
	if l.Wait > 0 && len(hosts) > 1 {
		return nil, false
	}
	l.factFound(key, l.viaConn(func(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
		texts, err := ask(ctx, conn)
		if err != nil {
			return nil
		}
		return factOf(texts)
	}))
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.cache[key]
	known = e != nil
	for _, host := range hosts {
		if e == nil || len(e.part(host).found.List) == 0 {
			known = false
			continue
		}
		texts := []string{}
		for _, s := range e.part(host).found.List[1:] {
			texts = append(texts, s.Text)
		}
		facts = append(facts, texts)
	}
	return facts, known
}

// factFound starts the fetch of a fact like get. With Wait it fetches at once and keeps the
// answer for fetchFresh, so that each fact is asked for once for a line. If smtpd does not
// answer, no fact is asked for during that time: the user would wait for each.
func (l *Live) factFound(key string, f fetcher) {
	if l.Wait == 0 {
		l.get(key, false, f)
		return
	}
	host := l.servers()[0]
	isNew := func(key string) bool {
		e := l.cache[key]
		return e != nil && time.Since(e.part(host).at) < fetchFresh
	}
	if isNew(key) || isNew(keySilent) {
		return
	}
	e := &entry{}
	e.put(host, l.get(key, false, f))
	e.part(host).at = time.Now()
	l.cache[key] = e
	if len(e.part(host).found.List) == 0 {
		l.cache[keySilent] = e
	}
}

// factOf returns a fact with these texts as the cache holds it.
func factOf(texts []string) []completer.Suggestion {
	out := []completer.Suggestion{{Text: factKnown}}
	for _, t := range texts {
		out = append(out, completer.Suggestion{Text: t})
	}
	return out
}
