package server

import (
	"fmt"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// A machineState is whether a machine answers. The worse states come first on the screen.
type machineState int

const (
	isUp   machineState = iota
	isLate              // it has been asked and does not answer
	isDown              // it cannot be asked
)

// A machine is one of the machines of monitor.
type machine struct {
	name   string
	screen monitorScreen

	state machineState
	since time.Time // of being late or down
	why   error     // it is down
	said  machineState
	// failed says that it has been down at some time.
	failed bool

	known     bool // it has answered at least once
	fresh     bool // it has answered since the round before
	restarted bool // smtpd was restarted before that answer
	last      protocol.Digest
	gained    protocol.Digest // between its last answers
	at        time.Time       // of the last answer

	started time.Time       // of the first answer since the last restart of smtpd
	counted protocol.Digest // its part of the totals: what it had at first, and gained since
}

// A fleet is the machines of monitor and their sums.
type fleet struct {
	machines []machine // in the order of their names on the command line
	sum      monitorScreen
	every    time.Duration
	rounds   int // in which a machine has answered, or all were down
	asked    bool
	lines    int // printed without a screen
	width    int // of the longest name
	keys     <-chan string
	shown    int // the index of the machine on the screen, or len(machines) for the sums
}

// newFleet returns machines that have not been asked yet.
func newFleet(hosts []string, every time.Duration) *fleet {
	m := &fleet{every: every, shown: len(hosts), width: longest(hosts)}
	for _, host := range hosts {
		m.machines = append(m.machines, machine{name: host})
	}
	return m
}

// gapLeast is the shortest time without an answer after which what a machine did meanwhile is
// not counted as an increase.
const gapLeast = 3 * time.Second

// take takes in what a round has brought.
//
// The sums never fall or jump because of a machine that is restarted or away. Its last numbers
// stay in the sums while it is away. What its counters gained meanwhile, or since its restart,
// goes into the totals only, since nobody knows in which interval it happened.
func (m *fleet) take(now time.Time, turns []command.Turn[protocol.Digest]) {
	s := sample{at: now, first: len(m.sum.samples) == 0}
	m.asked = true
	any, note, worst := false, "", isUp
	for i := range m.machines {
		a := &m.machines[i]
		regular := a.take(&turns[i], m.every)
		any = any || a.fresh
		if a.fresh && regular {
			addDigest(&s.gained, &a.gained)
		}
		if a.known {
			addDigest(&s.total, &a.counted)
			s.clients += a.last.Clients()
			s.queued += a.last.Queued()
		}
		if text := a.note(now, m.every); text != "" && (note == "" || a.state > worst) {
			note, worst = text, a.state
		}
	}
	if any {
		m.sum.addSample(s, m.every)
	}
	if any || m.silent() {
		m.rounds++
	}
	m.sum.note = note
}

// take takes in what a round has brought of one machine. regular says that what it gained was
// gained in about one interval.
func (a *machine) take(t *command.Turn[protocol.Digest], every time.Duration) (regular bool) {
	a.fresh, a.restarted = t.Fresh && t.Err == nil && !t.Answered.IsZero(), false
	if a.fresh {
		d := t.Value
		gone := t.Answered.Sub(a.at)
		a.gained = d.Since(&a.last)
		a.restarted = a.known && d.Startup != a.last.Startup
		a.screen.add(t.Answered, &d, &a.gained, a.known, a.restarted, every)
		regular = a.known && !a.restarted && gone <= max(3*every, gapLeast)
		counts := a.gained
		if a.restarted {
			a.started = t.Answered
			// smtpd counts what it finds in its queue as enqueued.
			counts.Enqueued -= min(counts.Enqueued, a.last.Queued())
		}
		addDigest(&a.counted, &counts)
		a.last, a.at, a.known = d, t.Answered, true
	}
	switch {
	case t.Err != nil:
		a.state, a.since, a.why, a.failed = isDown, t.Failed, t.Err, true
		a.screen.note = fmt.Sprintf("away since %s: %s; trying again", t.Failed.Format(time.TimeOnly), a.reason())
	case t.Late() && !a.fresh && (!a.known || time.Since(a.at) > every+gapLeast):
		a.state, a.since = isLate, t.Asked
		a.screen.note = fmt.Sprintf("no answer since %s", t.Asked.Format(time.TimeOnly))
	default:
		a.state = isUp
	}
	return regular
}

// note returns what the screen with the sums says of the machine, "" for nothing.
func (a *machine) note(now time.Time, every time.Duration) string {
	switch {
	case a.state == isLate && a.known:
		return fmt.Sprintf("%s: %s; its last numbers are in the sums", a.name, a.screen.note)
	case a.state == isDown && a.known:
		return fmt.Sprintf("%s: away since %s, its last numbers are in the sums: %s", a.name, a.since.Format(time.TimeOnly), a.reason())
	case a.state != isUp:
		return a.name + ": " + a.screen.note
	case !a.started.IsZero() && now.Sub(a.started) < noted*every:
		return fmt.Sprintf("%s: smtpd was started again before %s", a.name, a.started.Format(time.TimeOnly))
	}
	return ""
}

// reason returns why a machine is down, without its name.
func (a *machine) reason() string { return strings.TrimPrefix(a.why.Error(), a.name+": ") }

// silent reports whether all machines are down.
func (m *fleet) silent() bool {
	for i := range m.machines {
		if m.machines[i].state != isDown {
			return false
		}
	}
	return true
}

// addDigest adds counters to others.
func addDigest(to, d *protocol.Digest) {
	to.Connects += d.Connects
	to.Disconnects += d.Disconnects
	to.Enqueued += d.Enqueued
	to.Dequeued += d.Dequeued
	to.Expired += d.Expired
	to.Removed += d.Removed
	to.Bounces += d.Bounces
	to.Delivered += d.Delivered
	to.PermanentFailures += d.PermanentFailures
	to.TemporaryFailures += d.TemporaryFailures
	to.Loops += d.Loops
}
