package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Sizes of the screen of monitor.
const (
	monitorMinCols = 24 // for the name of a series and its total
	monitorMinRows = 3
	maxSamples     = 128 // no screen has columns for more
	noted          = 60  // samples for which the screen mentions a restart
)

// A series is a row of the screen of monitor: a counter, or a number that can fall, such
// as that of the envelopes in the queue.
type series struct {
	name  string
	rank  int // a screen without room for all series shows those with the lowest ranks
	total func(s *sample) uint64
	// gained returns the increase of a counter; nil for a number that can fall.
	gained func(g *protocol.Digest) uint64
}

// monitored are the series in the order of smtpctl's columns.
var monitored = sync.OnceValue(func() []series {
	return []series{
		{"clients", 1, func(s *sample) uint64 { return s.clients }, nil},
		counter("connects", 8, func(d *protocol.Digest) uint64 { return d.Connects }),
		counter("disconnects", 13, func(d *protocol.Digest) uint64 { return d.Disconnects }),
		{"envelopes", 0, func(s *sample) uint64 { return s.queued }, nil},
		counter("enqueued", 2, func(d *protocol.Digest) uint64 { return d.Enqueued }),
		counter("dequeued", 7, func(d *protocol.Digest) uint64 { return d.Dequeued }),
		counter("delivered", 3, func(d *protocol.Digest) uint64 { return d.Delivered }),
		counter("tempfail", 4, func(d *protocol.Digest) uint64 { return d.TemporaryFailures }),
		counter("permfail", 5, func(d *protocol.Digest) uint64 { return d.PermanentFailures }),
		counter("loops", 12, func(d *protocol.Digest) uint64 { return d.Loops }),
		counter("expired", 9, func(d *protocol.Digest) uint64 { return d.Expired }),
		counter("removed", 10, func(d *protocol.Digest) uint64 { return d.Removed }),
		counter("bounces", 6, func(d *protocol.Digest) uint64 { return d.Bounces }),
	}
})

// counter returns the series of a counter.
func counter(name string, rank int, of func(d *protocol.Digest) uint64) series {
	return series{name, rank, func(s *sample) uint64 { return of(&s.total) }, of}
}

// A sample has the counters and their increase since the sample before.
type sample struct {
	at      time.Time
	span    time.Duration // over which it gained: more than an interval after missed answers
	total   protocol.Digest
	gained  protocol.Digest
	clients uint64
	queued  uint64
	first   bool // there is no sample before, and no increase
	started bool // smtpd was restarted; the increase is that since its start
}

// A monitorScreen has the latest samples of monitor, at most maxSamples, and the points of
// the plot.
type monitorScreen struct {
	samples []sample // the oldest first
	points  []point  // likewise
	note    string   // a restart, or that smtpd does not answer; "" if there is nothing to say
}

// add appends a sample with the counters d and their increase g at a time. gained says that
// g is the increase since the sample before, started that it is the one since a restart.
func (m *monitorScreen) add(at time.Time, d, g *protocol.Digest, gained, started bool, every time.Duration) {
	m.addSample(sample{at: at, total: *d, gained: *g, clients: d.Clients(), queued: d.Queued(), first: !gained && !started, started: started}, every)
	m.note = ""
	for _, s := range m.samples[max(0, len(m.samples)-noted):] {
		if s.started {
			m.note = fmt.Sprintf("smtpd was started again before %s: that column counts since then", s.at.Format(time.TimeOnly))
		}
	}
}

// addSample appends a sample, and computes its span.
func (m *monitorScreen) addSample(s sample, every time.Duration) {
	s.span = every
	if n := len(m.samples); n > 0 {
		// An answer that came late does not make the next one a burst.
		s.span = max(every, s.at.Sub(m.samples[n-1].at))
	}
	if m.samples = append(m.samples, s); len(m.samples) > maxSamples {
		m.samples = slices.Delete(m.samples, 0, 1)
	}
	m.plotSample(&s, every)
}

// shown reports whether monitor draws a screen: standard output is a terminal that is
// large enough, and the output format has columns.
func (m *monitorScreen) shown(c *command.Call) bool {
	cols, rows := c.Screen()
	return c.Out.Tty && c.HasColumns() && !command.Dumb(c.Getenv) && cols >= monitorMinCols && rows >= monitorMinRows
}

// end ends the line of what was drawn last, which stays on the screen.
func (m *monitorScreen) end(c *command.Call) error {
	if !m.shown(c) {
		return nil
	}
	_, err := c.Out.WriteStyled([]byte("\n"))
	return err
}

// draw draws the screen of monitor.
func (m *monitorScreen) draw(c *command.Call) error {
	cols, rows := c.Screen()
	return drawScreen(c, m.lines(cols, rows, rows, c.Out.Style))
}

// away shows on the screen that smtpd does not answer. Without a screen it warns, but
// only of the first of several failures.
func (m *monitorScreen) away(c *command.Call, err error) error {
	said := strings.HasPrefix(m.note, "away")
	if !said {
		m.note = fmt.Sprintf("away since %s: %v; trying again", time.Now().Format(time.TimeOnly), err)
	}
	if m.shown(c) {
		return m.draw(c)
	}
	if !said {
		c.Warnf("smtpctl: monitor: %v: trying again", err)
	}
	return nil
}

// lines returns the lines of the screen: a row for each series, with its total and its
// increase between the last answers of smtpd, the newest to the right, and the plot if
// there is room for it. table is how many lines may be above the plot.
func (m *monitorScreen) lines(cols, rows, table int, style render.Style) []string {
	left, note := table-1, m.note
	if note != "" && left < 2 {
		note = ""
	}
	if note != "" {
		left--
	}
	shown := ranked(max(left, 1))
	cells := m.cells(shown, cols)
	var out []string
	for i, row := range cells {
		line := render.Cut(row, cols)
		if i == 0 {
			line = style.Bold(line)
		}
		out = append(out, line)
	}
	if note != "" {
		out = append(out, style.Warn(render.Cut(render.Safe(note), cols)))
	}
	if height := min(rows-len(out)-plotExtra, plotMaxRows); cols >= plotMinCols && height >= plotMinRows {
		out = append(out, m.plot(cols, height, style)...)
	}
	return out
}

// ranked returns the series for a screen with room for so many rows, in their order.
func ranked(room int) []series {
	byRank := slices.Clone(monitored())
	slices.SortFunc(byRank, func(a, b series) int { return a.rank - b.rank })
	worst := byRank[min(room, len(byRank))-1].rank
	return slices.DeleteFunc(slices.Clone(monitored()), func(s series) bool { return s.rank > worst })
}

// cells returns the rows of the table, all of the same width, with as many of the newest
// samples as fit.
func (m *monitorScreen) cells(shown []series, cols int) []string {
	last := &m.samples[len(m.samples)-1]
	names, totals := []string{"SERIES"}, []string{"TOTAL"}
	for _, s := range shown {
		names = append(names, s.name)
		totals = append(totals, strconv.FormatUint(s.total(last), 10))
	}
	var columns [][]string // the newest first
	used := longest(names) + 1 + longest(totals)
	for i := len(m.samples) - 1; i >= 0; i-- {
		column := m.samples[i].column(shown)
		if used += 1 + longest(column); used > cols {
			break
		}
		columns = append(columns, column)
	}
	slices.Reverse(columns)
	columns = append([][]string{totals}, columns...)
	rows := make([]string, len(names))
	for i, name := range names {
		rows[i] = name + strings.Repeat(" ", longest(names)-len(name))
		for _, column := range columns {
			rows[i] += fmt.Sprintf(" %*s", longest(column), column[i])
		}
	}
	return rows
}

// column returns the cells of a sample: its time, and a value for each series.
func (s *sample) column(shown []series) []string {
	out := []string{s.at.Format(time.TimeOnly)}
	for _, series := range shown {
		switch {
		case series.gained == nil:
			out = append(out, strconv.FormatUint(series.total(s), 10))
		case s.first:
			out = append(out, "-")
		default:
			out = append(out, strconv.FormatUint(series.gained(&s.gained), 10))
		}
	}
	return out
}

// longest returns the length of the longest text, for texts in ASCII.
func longest(texts []string) int {
	n := 0
	for _, t := range texts {
		n = max(n, len(t))
	}
	return n
}
