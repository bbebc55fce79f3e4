package suggest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
)

// A state is what the prompt says about the smtpd of a host.
type state struct {
	away   string // why smtpd does not answer; "" if it does
	paused []string
}

// The reasons in a state. Package prompt gives them a color.
const (
	notConnected = "not connected"
	noAnswer     = "no answer"
)

// RefreshState asks each host in the background for the state that the prompt shows.
func (l *Live) RefreshState() {
	for _, host := range l.servers() {
		l.fetch(host, &job{drop: func() {}, run: func(ctx context.Context) {
			st := l.askState(ctx, host)
			if ctx.Err() == context.Canceled {
				return
			}
			l.mu.Lock()
			l.states[host] = st
			l.mu.Unlock()
		}})
	}
}

// askState returns the state of a host. It also puts the answer into the cache, for Paused.
func (l *Live) askState(ctx context.Context, host string) state {
	conn, err := l.dial(ctx, host)
	var st protocol.Status
	if err == nil {
		st, err = conn.Status(ctx)
	} else if ctx.Err() == nil {
		return state{away: notConnected}
	}
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.Is(err, protocol.ErrTimeout):
		return state{away: noAnswer}
	case protocol.Unreachable(err):
		return state{away: notConnected}
	default:
		return state{}
	}
	paused := pausedIn(st)
	l.mu.Lock()
	e := l.entry(keyStatus, len(l.servers()))
	e.put(host, completer.Found{List: factOf(paused)})
	e.part(host).at = time.Now()
	l.mu.Unlock()
	return state{paused: paused}
}

// stateOf returns the known state of a host. l.mu is held.
func (l *Live) stateOf(host string) state {
	if l.Gone != nil && l.Gone(host) {
		return state{away: notConnected}
	}
	return l.states[host]
}

// SetHost changes Host.
func (l *Live) SetHost(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Host = name
}

// Prefix returns the text of the prompt: the host, and warnings that the user must see before
// typing, such as read-only or paused. The text takes at most half of cols columns if that is
// possible. To shorten it, Prefix makes the warnings for several hosts less exact, and then
// drops the name of this machine or puts the number of hosts in place of their names.
func (l *Live) Prefix(cols int) string {
	hosts := l.servers()
	l.mu.Lock()
	defer l.mu.Unlock()
	names := []string{l.Host}
	if l.Host != "" && !l.elsewhere() {
		names = append(names, "")
	}
	if n := len(hosts); n > 1 {
		if short := fmt.Sprintf("%d hosts", n); short != l.Host {
			names = append(names, short)
		}
	}
	text, least := "", named
	if len(hosts) > 1 {
		least = summed
	}
	for _, name := range names {
		for how := named; how <= least; how++ {
			notes := l.notes(hosts, how)
			if l.ReadOnly {
				notes = slices.Insert(notes, 0, "read-only")
			}
			text = "smtpctl"
			if len(notes) > 0 {
				text += " [" + strings.Join(notes, ", ") + "]"
			}
			if name != "" {
				text = name + " " + text
			}
			if len(text) <= cols/2 {
				return text + "> "
			}
		}
	}
	return text + "> "
}

// How exact the warnings of the prompt are when there are several hosts.
const (
	named   = iota // with the names of the hosts
	counted        // with the number of hosts
	summed         // with the number of hosts, and without the exact reason
)

// notes returns the warnings of the prompt about the given hosts. l.mu is held.
func (l *Live) notes(hosts []string, how int) []string {
	var away, paused []string // the texts of the warnings, each once
	about := map[string][]string{}
	add := func(list []string, what, host string) []string {
		if about[what] == nil {
			list = append(list, what)
		}
		about[what] = append(about[what], host)
		return list
	}
	for _, host := range hosts {
		st := l.stateOf(host)
		switch {
		case st.away != "" && how == summed:
			away = add(away, notConnected, host)
		case st.away != "":
			away = add(away, st.away, host)
		case len(st.paused) > 0 && how == summed:
			paused = add(paused, "paused", host)
		case len(st.paused) > 0:
			paused = add(paused, strings.ToLower(strings.Join(st.paused, ", "))+" paused", host)
		}
	}
	var notes []string
	for _, what := range append(away, paused...) {
		switch who := about[what]; {
		case len(hosts) == 1:
			notes = append(notes, what)
		case how == named:
			notes = append(notes, strings.Join(who, ",")+" "+what)
		default:
			notes = append(notes, fmt.Sprintf("%d %s", len(who), what))
		}
	}
	return notes
}
