package server

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guptarohit/asciigraph"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// Sizes of the plot of monitor.
const (
	plotMinCols = 60 // narrower screens have no plot
	plotMinRows = 4  // without plotExtra
	plotMaxRows = 16
	plotExtra   = 3 // rows around the plot
)

// The plot shows the last plotSpan, or plotPoints intervals if those take longer. A point
// stands for plotStep at least, so that there are never more points than that.
const (
	plotSpan   = 5 * time.Minute
	plotPoints = 300
	plotStep   = plotSpan / plotPoints
)

// plotted are the curves of the plot: a counter each, or a sum of two. mark is the
// character that draws a curve without colours.
var plotted = [...]struct {
	name, mark string
	color      asciigraph.AnsiColor
	gained     func(g *protocol.Digest) uint64
}{
	{"enqueued", "+", asciigraph.Blue, func(g *protocol.Digest) uint64 { return g.Enqueued }},
	{"delivered", "*", asciigraph.Green, func(g *protocol.Digest) uint64 { return g.Delivered }},
	{"failed", "x", asciigraph.Red, func(g *protocol.Digest) uint64 { return g.TemporaryFailures + g.PermanentFailures }},
}

// A point is what the curves of the plot gained over a time.
type point struct {
	from, to time.Time // of its first and its last sample
	span     time.Duration
	gained   [len(plotted)]uint64
}

// plotSample adds a sample to the plot. The plot begins anew with the first sample and with
// the first one since a restart of smtpd, whose increase covers an unknown time.
func (m *monitorScreen) plotSample(s *sample, every time.Duration) {
	if s.first || s.started {
		m.points = nil
		return
	}
	if n := len(m.points); n == 0 || m.points[n-1].span >= plotStep {
		m.points = append(m.points, point{from: s.at})
	}
	p := &m.points[len(m.points)-1]
	p.to, p.span = s.at, p.span+s.span
	for i := range plotted {
		p.gained[i] += plotted[i].gained(&s.gained)
	}
	since := s.at.Add(-max(plotSpan, plotPoints*every))
	old := max(0, len(m.points)-plotPoints)
	for m.points[old].to.Before(since) {
		old++
	}
	m.points = slices.Delete(m.points, 0, old)
}

// plot returns the lines of a plot that is height rows high, in increases per second, or
// nil if there is no point for it.
func (m *monitorScreen) plot(cols, height int, style render.Style) []string {
	if len(m.points) == 0 {
		return nil
	}
	most := 0.0
	for i := range plotted {
		for k := range m.points {
			most = max(most, rate(m.points[k:k+1], i))
		}
	}
	top := wholeTop(most, height)
	width := cols - len(strconv.Itoa(top)) - plotAxis
	bucket := (len(m.points) + width - 1) / width
	var data [][]float64
	var legend []string
	var chars []asciigraph.CharSet
	var colors []asciigraph.AnsiColor
	for i, p := range plotted {
		var values []float64
		for part := range slices.Chunk(m.points, bucket) {
			values = append(values, rate(part, i))
		}
		if len(values) == 1 {
			values = append(values, values[0])
		}
		data = append(data, values)
		chars = append(chars, asciigraph.CreateCharSet(p.mark))
		colors = append(colors, p.color)
		mark := p.mark
		if style.On() {
			mark = p.color.String() + "■" + asciigraph.Default.String()
		}
		legend = append(legend, mark+" "+p.name)
	}
	opts := []asciigraph.Option{asciigraph.Height(height), asciigraph.LowerBound(0), asciigraph.UpperBound(float64(top)), asciigraph.YAxisValueFormatter(wholeLabel)}
	if style.On() {
		opts = append(opts, asciigraph.SeriesColors(colors...))
	} else {
		opts = append(opts, asciigraph.SeriesChars(chars...))
	}
	caption := "a second, " + m.points[0].from.Format(time.TimeOnly) + " to " + m.points[len(m.points)-1].to.Format(time.TimeOnly)
	plot := cutStyled(strings.Join(legend, "  ")+"  "+caption, cols) + "\n" + asciigraph.PlotMany(data, opts...)
	if render.ASCII() {
		plot = asciiPlot().Replace(plot)
	}
	return append([]string{""}, strings.Split(plot, "\n")...)
}

// plotAxis is the number of columns of the axis without its numbers.
const plotAxis = 3

// wholeTop returns the upper end of an axis of height rows: at least most, and such that
// some rows stand for whole numbers and can be labelled.
func wholeTop(most float64, height int) int {
	top := max(int(math.Ceil(most)), 1)
	if top <= height {
		for height%top != 0 {
			top++
		}
		return top
	}
	for step := 1; ; step *= 10 {
		for _, round := range []int{1, 2, 5} {
			if round*step*height >= top {
				return round * step * height
			}
		}
	}
}

// wholeLabel returns the label of a row of the axis, or "" if its number is not whole.
func wholeLabel(v float64) string {
	if r := math.Round(v); math.Abs(v-r) < 1e-6 {
		return strconv.FormatFloat(r, 'f', 0, 64)
	}
	return ""
}

// asciiPlot replaces the characters of a plot by ASCII ones.
var asciiPlot = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("■", "#", "┤", "|", "┼", "+", "│", "|", "─", "-", "╭", ".", "╮", ".", "╰", "'", "╯", "'", "╴", "-", "╶", "-")
})

// rate returns the increase per second of a curve over some points in a row.
func rate(points []point, curve int) float64 {
	total, span := uint64(0), time.Duration(0)
	for i := range points {
		total += points[i].gained[curve]
		span += points[i].span
	}
	return float64(total) / span.Seconds()
}
