package server

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// The plot of monitor.
const (
	plotMinCols = 60 // a screen that is smaller has no place for it
	plotMinRows = 4  // of the plot itself
	plotMaxRows = 16
	plotSpan    = 5 * time.Minute
	plotExtra   = 3 // rows around it
)

// plotted are the counters in the plot, by name, with the mark of each where there
// are no colours.
var plotted = []struct {
	name, mark string
	color      asciigraph.AnsiColor
	gained     func(g *protocol.Digest) uint64
}{
	{"enqueued", "+", asciigraph.Blue, func(g *protocol.Digest) uint64 { return g.Enqueued }},
	{"delivered", "*", asciigraph.Green, func(g *protocol.Digest) uint64 { return g.Delivered }},
	{"failed", "x", asciigraph.Red, func(g *protocol.Digest) uint64 { return g.TemporaryFailures + g.PermanentFailures }},
}

// recent returns the samples of the plot: those since smtpd was started, and no older
// than its span.
func (m *monitorScreen) recent() []sample {
	most := min(max(int(plotSpan/m.every), 2), maxSamples)
	recent := m.samples[max(0, len(m.samples)-most):]
	for i := len(recent) - 1; i >= 0; i-- {
		if recent[i].first || recent[i].started {
			return recent[i+1:]
		}
	}
	return recent
}

// plot returns the lines of the plot.
func (m *monitorScreen) plot(cols, height int, style render.Style) []string {
	samples := m.recent()
	if len(samples) == 0 {
		return nil
	}
	most := 0.0
	rates := make([][]float64, len(plotted))
	for i, p := range plotted {
		for k := range samples {
			rate := float64(p.gained(&samples[k].gained)) / m.every.Seconds()
			rates[i], most = append(rates[i], rate), max(most, rate)
		}
	}
	top := wholeTop(most, height)
	width := cols - len(strconv.Itoa(top)) - plotAxis
	bucket := (len(samples) + width - 1) / width
	var data [][]float64
	var legend []string
	var chars []asciigraph.CharSet
	var colors []asciigraph.AnsiColor
	for i, p := range plotted {
		values := means(rates[i], bucket)
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
	caption := "a second, " + samples[0].at.Format(time.TimeOnly) + " to " + samples[len(samples)-1].at.Format(time.TimeOnly)
	plot := cutStyled(strings.Join(legend, "  ")+"  "+caption, cols) + "\n" + asciigraph.PlotMany(data, opts...)
	if render.ASCII() {
		plot = asciiPlot.Replace(plot)
	}
	return append([]string{""}, strings.Split(plot, "\n")...)
}

// plotAxis is how many columns the axis takes beside its numbers.
const plotAxis = 3

// wholeTop returns the end of an axis of so many rows on which every row with a number
// has a whole one.
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

// wholeLabel returns the number of a row of the axis, nothing if it is not whole.
func wholeLabel(v float64) string {
	if r := math.Round(v); math.Abs(v-r) < 1e-6 {
		return strconv.FormatFloat(r, 'f', 0, 64)
	}
	return ""
}

// asciiPlot puts ASCII in the place of the characters that plots are drawn with.
var asciiPlot = strings.NewReplacer("■", "#", "┤", "|", "┼", "+", "│", "|", "─", "-", "╭", ".", "╮", ".", "╰", "'", "╯", "'", "╴", "-", "╶", "-")

// means returns the means of n values at a time.
func means(values []float64, n int) []float64 {
	var out []float64
	for len(values) > 0 {
		part := values[:min(n, len(values))]
		sum := 0.0
		for _, v := range part {
			sum += v
		}
		out = append(out, sum/float64(len(part)))
		values = values[len(part):]
	}
	return out
}
