package suggest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// severalBed is a source for several machines: mx1 and mx2 answer, hung never does, and
// away is not connected.
func severalBed(t *testing.T) *Live {
	t.Helper()
	_, c1 := simulated(t, smtpdsim.Config{Messages: 100, Seed: 1})
	s2, c2 := simulated(t, smtpdsim.Config{Messages: 100, Seed: 2})
	s2.Add(smtpdsim.Envelope{ID: 0xb1b1b1b100000001, Text: "version: 3\ntype: mta\nsender: a@only.example\ndest: b@there.example\nctime: 1\n"})
	hosts := []string{"mx1", "hung", "mx2", "away"}
	l := NewSource(func(ctx context.Context, host string) (*protocol.Conn, error) {
		switch host {
		case "mx1":
			return c1, nil
		case "mx2":
			return c2, nil
		case "hung":
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return nil, protocol.ErrNotRunning
	}, func() string { return "" }, func() {})
	l.Servers = func() []string { return hosts }
	l.Elsewhere = func() bool { return true }
	l.Host = strings.Join(hosts, ",")
	t.Cleanup(l.Stop)
	return l
}

// TestSeveralMerged offers what all machines have, with the names of those that have it,
// though one of them never answers; no question waits for the network.
func TestSeveralMerged(t *testing.T) {
	l := severalBed(t)
	until := func(kind, prefix string, enough func([]completer.Suggestion) bool) {
		t.Helper()
		var list []completer.Suggestion
		for deadline := time.Now().Add(fetchTimeout / 2); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			begun := time.Now()
			list = l.Values(&grammar.Kind{Name: kind}, []string{"show", "queue"}, prefix).List
			if took := time.Since(begun); took > time.Second {
				t.Fatalf("%s %q: an answer after %v", kind, prefix, took)
			}
			if enough(list) {
				return
			}
		}
		t.Errorf("%s %q: %v", kind, prefix, list)
	}
	said := func(text string) func([]completer.Suggestion) bool {
		return func(list []completer.Suggestion) bool {
			return slices.ContainsFunc(list, func(s completer.Suggestion) bool { return strings.Contains(s.Text+" "+s.Description, text) })
		}
	}
	// An id carries the name of its machine, which can be typed first; then only that machine's
	// are offered.
	only := "mx2:b1b1b1b100000001"
	until("query", "b1b1b1b1", said(only+" a@only.example > "))
	until("query", "", func(list []completer.Suggestion) bool { return said("mx1:")(list) && said("mx2:")(list) })
	for _, kind := range []string{"query", "selector", "scheduled", "envelope"} {
		for _, prefix := range []string{"mx2:b1b1", "mx2:B1B1B1B1", "mx2:b1b1b1b100000001", "b1b1b1b100000001", "a@only.ex", "mx2:only.ex"} {
			until(kind, prefix, func(list []completer.Suggestion) bool {
				return said(only+" a@only.example > ")(list) && !slices.ContainsFunc(list, func(s completer.Suggestion) bool { return s.Class == completer.ID && s.Text != only })
			})
		}
		for _, prefix := range []string{"m", "mx", "mx1", "mx1:", "mx2:"} {
			fits := func(s completer.Suggestion) bool { return s.Class != completer.ID || strings.HasPrefix(s.Text, prefix) }
			until(kind, prefix, func(list []completer.Suggestion) bool {
				return len(list) >= idsFirst && (len(prefix) > 2 || said("mx1:")(list) && said("mx2:")(list)) && !slices.ContainsFunc(list, func(s completer.Suggestion) bool { return !fits(s) })
			})
		}
	}
	until("id", "mx2:b1b1", said("mx2:b1b1b1b1 message a@only.example > "))
	until("route", "mx", func(list []completer.Suggestion) bool { return said("mx1:")(list) && said("mx2:")(list) })
	until("route", "mx2:", func(list []completer.Suggestion) bool { return said("mx2:")(list) && !said("mx1:")(list) })
	for _, prefix := range []string{"mx9:", "mx9:b1b1", "away:", "mx2:zz"} {
		l.Wait = time.Second / 2
		for _, s := range l.Values(&grammar.Kind{Name: "query"}, []string{"show", "queue"}, prefix).List {
			t.Errorf("%q: %v", prefix, s)
		}
		l.Wait = 0
	}
	until("query", "from=a@only", said("from=a@only.example mx2: 1 envelope"))
	until("query", "domain=", said("; mx2: "))
	until("statistic", "uptime", said("mx1: now "))
	until("statistic", "scheduler.env", said("scheduler.envelope= mx1: now 1"))
	// What is known of all but the one is not known of all.
	if _, known := l.Paused(protocol.MTA); known {
		t.Error("the pause of all is known")
	}
}

// TestSeveralState says in the prompt which machines do not answer and where something is
// paused, with names where there is room.
func TestSeveralState(t *testing.T) {
	l := severalBed(t)
	l.ReadOnly = true
	l.RefreshState()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(l.Prefix(200), "away not connected"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(l.Prefix(200))
		}
	}
	l.mu.Lock()
	l.states["mx1"], l.states["mx2"], l.states["hung"] = state{paused: []string{"MTA"}}, state{paused: []string{"MTA"}}, state{away: noAnswer}
	l.mu.Unlock()
	for cols, want := range map[int]string{
		200: "mx1,hung,mx2,away smtpctl [read-only, hung no answer, away not connected, mx1,mx2 mta paused]> ",
		180: "mx1,hung,mx2,away smtpctl [read-only, 1 no answer, 1 not connected, 2 mta paused]> ",
		130: "mx1,hung,mx2,away smtpctl [read-only, 2 not connected, 2 paused]> ",
		80:  "4 hosts smtpctl [read-only, 2 not connected, 2 paused]> ",
	} {
		if got := l.Prefix(cols); got != want {
			t.Errorf("%d: %q", cols, got)
		}
	}
	// A connection that has gone shows at once, and what another machine was is not said of one.
	l.Gone = func(host string) bool { return host == "mx1" }
	if got := l.Prefix(200); !strings.Contains(got, "[read-only, mx1,away not connected, hung no answer, mx2 mta paused]") {
		t.Errorf("%q", got)
	}
	l.Servers = func() []string { return []string{"mx9"} }
	l.SetHost("mx9")
	if got := l.Prefix(80); got != "mx9 smtpctl [read-only]> " {
		t.Errorf("%q", got)
	}
}

// TestSeveralBounded remembers no more of a thousand machines than of a few.
func TestSeveralBounded(t *testing.T) {
	l := NewSource(nil, nil, func() {})
	hosts := make([]string, 1000)
	var many completer.Found
	for i := range 3000 {
		many.List = append(many.List, completer.Suggestion{Text: fmt.Sprint(i), Description: "x"})
	}
	e := &entry{}
	for i := range hosts {
		hosts[i] = fmt.Sprint("mx", i)
		e.put(hosts[i], bounded(many, len(hosts)))
	}
	found := e.all(hosts)
	if len(found.List) != shareItems || found.List[0].Description != "on 1000 hosts, mx0: x" || found.More != 1000*(3000-shareItems) {
		t.Errorf("%d, %d more, %v", len(found.List), found.More, found.List[0])
	}
	for i := range 100 {
		l.entry(fmt.Sprint(i), len(hosts))
	}
	if len(l.cache) > 4 {
		t.Errorf("%d entries", len(l.cache))
	}
}
