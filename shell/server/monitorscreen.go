package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Sizes of the screen of monitor.
const (
	monitorMinCols = 24 // for the name of a series and its total
	monitorMinRows = 3
	maxSamples     = 512
	noted          = 60 // samples after which a restart is no longer spoken of
)

// A series is a row of the screen of monitor: a counter, or what there is now.
type series struct {
	name  string
	rank  int // the lowest stay on a screen that has no room for all
	total func(d *protocol.Digest) uint64
	// gained returns what it gained; nil if it is what there is now.
	gained func(g *protocol.Digest) uint64
}

// monitored are the series in the order of smtpctl's columns.
var monitored = []series{
	{"clients", 1, func(d *protocol.Digest) uint64 { return d.Clients() }, nil},
	counter("connects", 8, func(d *protocol.Digest) uint64 { return d.Connects }),
	counter("disconnects", 13, func(d *protocol.Digest) uint64 { return d.Disconnects }),
	{"envelopes", 0, func(d *protocol.Digest) uint64 { return d.Queued() }, nil},
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

// counter returns the series of a counter.
func counter(name string, rank int, of func(d *protocol.Digest) uint64) series {
	return series{name, rank, of, of}
}

// A sample is what the counters gained until a time.
type sample struct {
	at      time.Time
	total   protocol.Digest
	gained  protocol.Digest
	first   bool // nothing is known of what was before
	started bool // smtpd was started again before it
}

// A monitorScreen is what monitor has shown lately.
type monitorScreen struct {
	samples []sample // the oldest first
	every   time.Duration
	note    string // what is to be known beside
}

// add takes in the counters: what they gained since the last time, if there was one.
func (m *monitorScreen) add(d, g *protocol.Digest, gained, started bool, every time.Duration) {
	s := sample{at: time.Now(), total: *d, gained: *g, first: !gained && !started, started: started}
	m.every, m.note = every, ""
	if m.samples = append(m.samples, s); len(m.samples) > maxSamples {
		m.samples = m.samples[1:]
	}
	for _, s := range m.samples[max(0, len(m.samples)-noted):] {
		if s.started {
			m.note = fmt.Sprintf("smtpd was started again before %s: that column counts since then", s.at.Format(time.TimeOnly))
		}
	}
}

// shown reports whether there is a screen to draw on, and lines are not asked for.
func (m *monitorScreen) shown(c *command.Call) bool {
	cols, rows := c.Screen()
	return c.Out.Tty && c.HasColumns() && !command.Dumb(c.Getenv) && cols >= monitorMinCols && rows >= monitorMinRows
}

// draw shows the series.
func (m *monitorScreen) draw(c *command.Call) error {
	cols, rows := c.Screen()
	return drawScreen(c, m.lines(cols, rows, c.Out.Style))
}

// away says that smtpd does not answer, once where there is no screen.
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

// lines returns what is to be on a screen of a size: a row for each series, with its
// total and what it gained in each of the last intervals, the newest to the right, and
// the plot if there is room.
func (m *monitorScreen) lines(cols, rows int, style render.Style) []string {
	left := rows - 1
	if m.note != "" {
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
	if m.note != "" {
		out = append(out, style.Warn(render.Cut(render.Safe(m.note), cols)))
	}
	if height := min(rows-len(out)-plotExtra, plotMaxRows); cols >= plotMinCols && height >= plotMinRows {
		out = append(out, m.plot(cols, height, style)...)
	}
	return out
}

// ranked returns the series that stay where there is room for so many.
func ranked(room int) []series {
	byRank := slices.Clone(monitored)
	slices.SortFunc(byRank, func(a, b series) int { return a.rank - b.rank })
	worst := byRank[min(room, len(byRank))-1].rank
	return slices.DeleteFunc(slices.Clone(monitored), func(s series) bool { return s.rank > worst })
}

// cells returns the rows of the table, all of the same width, with as many samples as fit.
func (m *monitorScreen) cells(shown []series, cols int) []string {
	last := &m.samples[len(m.samples)-1]
	names, totals := []string{"SERIES"}, []string{"TOTAL"}
	for _, s := range shown {
		names = append(names, s.name)
		totals = append(totals, strconv.FormatUint(s.total(&last.total), 10))
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

// column returns the cells of a sample: the clock, and a value for each series.
func (s *sample) column(shown []series) []string {
	out := []string{s.at.Format(time.TimeOnly)}
	for _, series := range shown {
		switch {
		case series.gained == nil:
			out = append(out, strconv.FormatUint(series.total(&s.total), 10))
		case s.first:
			out = append(out, "-") // nothing is known of what was before
		default:
			out = append(out, strconv.FormatUint(series.gained(&s.gained), 10))
		}
	}
	return out
}

// longest returns the width of the widest of ASCII texts.
func longest(texts []string) int {
	n := 0
	for _, t := range texts {
		n = max(n, len(t))
	}
	return n
}
