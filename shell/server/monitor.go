package server

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// monitorHeader is what smtpctl prints above every monitorPage lines.
const (
	monitorHeader = "--- client ---  -- envelope --   ---- relay/delivery --- ------- misc -------\n" +
		"curr conn disc  curr  enq  deq   ok tmpfail prmfail loop expire remove bounce\n"
	monitorPage = 25
	monitorLine = "%4d %4d %4d  %4d %4d %4d %4d    %4d    %4d %4d   %4d   %4d   %4d\n"
)

// pageOf returns after how many lines the header comes again: as smtpctl
// has it, but on a smaller screen before it is out of sight.
func pageOf(c *command.Call) int {
	if _, rows := c.Screen(); c.Out.Tty && rows > 4 {
		return min(monitorPage, rows-3)
	}
	return monitorPage
}

// runMonitor prints what the counters gained, once in an interval until it is
// interrupted or has printed as many lines as were wanted.
func runMonitor(ctx context.Context, c *command.Call) error {
	tick := time.NewTicker(c.Opts.Interval)
	defer tick.Stop()
	var last protocol.Digest
	var screen monitorScreen
	for n := 0; ; n++ {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		d, err := conn.Digest(ctx)
		if err != nil {
			return err
		}
		if n > 0 && d.Startup != last.Startup {
			c.Warnf("smtpctl: smtpd was started again: its counters begin at zero, and the next line shows all that they counted since")
		}
		if err := printDigest(c, n, &d, &last, &screen); err != nil {
			return err
		}
		if err := c.Out.Flush(); err != nil {
			return err
		}
		last = d
		if n+1 == c.Opts.Count {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// printDigest prints the counters for the nth time.
func printDigest(c *command.Call, n int, d, last *protocol.Digest, screen *monitorScreen) error {
	g := d.Since(last)
	line := fmt.Sprintf(monitorLine,
		d.Clients(), g.Connects, g.Disconnects, d.Queued(), g.Enqueued, g.Dequeued,
		g.Delivered, g.TemporaryFailures, g.PermanentFailures, g.Loops, g.Expired, g.Removed, g.Bounces)
	r := command.Record{JSON: newDigestJSON(d, last), Text: line}
	if n%pageOf(c) == 0 {
		r.Text = monitorHeader + line
		if n > 0 {
			r.Text = "\n" + r.Text
		}
	}
	screen.add(line, n > 0 && d.Startup == last.Startup, &g, c.Opts.Interval)
	if cols, rows := c.Screen(); c.Out.Tty && !command.Dumb(c.Getenv) && cols >= plotMinCols && rows >= plotMinRows {
		r.Table = func() error { return drawScreen(c, screen.lines(cols, rows, c.Out.Style)) }
	}
	return c.Print(r)
}

// The plot of monitor.
const (
	plotMinCols = 80 // a screen that is smaller has no place for it
	plotMinRows = 20
	plotSpan    = 5 * time.Minute
	plotMaxRows = 12 // height of the plot
	plotAxis    = 10 // columns that its axis takes
	plotExtra   = 5  // rows around it
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

// A monitorScreen is what monitor has shown lately.
type monitorScreen struct {
	last    []string    // lines
	rates   [][]float64 // of each that is plotted, per second, the oldest first
	every   time.Duration
	samples int
}

// add takes in a line, and what the counters gained since the one before unless
// it is the first since smtpd started.
func (m *monitorScreen) add(line string, gained bool, g *protocol.Digest, every time.Duration) {
	m.every = every
	if m.last = append(m.last, strings.TrimSuffix(line, "\n")); len(m.last) > 200 {
		m.last = m.last[1:]
	}
	if !gained {
		return
	}
	if m.rates == nil {
		m.rates = make([][]float64, len(plotted))
	}
	most := max(int(plotSpan/every), 2)
	for i, p := range plotted {
		m.rates[i] = append(m.rates[i], float64(p.gained(g))/every.Seconds())
		m.rates[i] = m.rates[i][max(0, len(m.rates[i])-most):]
	}
	m.samples = len(m.rates[0])
}

// lines returns what is to be on a screen of a size.
func (m *monitorScreen) lines(cols, rows int, style render.Style) []string {
	height := min((rows-plotExtra)/2, plotMaxRows)
	out := strings.Split(strings.TrimSuffix(monitorHeader, "\n"), "\n")
	room := rows - len(out) - height - plotExtra
	shown := m.last[max(0, len(m.last)-room):]
	out = append(out, shown...)
	for range room - len(shown) {
		out = append(out, "")
	}
	return append(out, m.plot(cols, height, style)...)
}

// plot returns the lines of the plot.
func (m *monitorScreen) plot(cols, height int, style render.Style) []string {
	if m.samples == 0 {
		return nil
	}
	width := cols - plotAxis
	bucket := (m.samples + width - 1) / width
	top := 1.0
	var data [][]float64
	var legend []string
	opts := []asciigraph.Option{asciigraph.Height(height), asciigraph.LowerBound(0), asciigraph.Precision(1)}
	var chars []asciigraph.CharSet
	var colors []asciigraph.AnsiColor
	for i, p := range plotted {
		series := means(m.rates[i], bucket)
		for _, v := range series {
			top = max(top, v)
		}
		if len(series) == 1 {
			series = append(series, series[0])
		}
		data = append(data, series)
		chars = append(chars, asciigraph.CreateCharSet(p.mark))
		colors = append(colors, p.color)
		legend = append(legend, p.mark+" "+p.name)
	}
	opts = append(opts, asciigraph.UpperBound(math.Ceil(top)))
	span := time.Duration(m.samples) * m.every
	caption := fmt.Sprintf("a second, in the last %v", span.Round(time.Second))
	if style.On() {
		legend = nil
		for i, p := range plotted {
			legend = append(legend, colors[i].String()+"■ "+p.name+asciigraph.Default.String())
		}
		opts = append(opts, asciigraph.SeriesColors(colors...))
	} else {
		opts = append(opts, asciigraph.SeriesChars(chars...))
	}
	plot := strings.Join(legend, "   ") + "   " + caption + "\n" + asciigraph.PlotMany(data, opts...)
	if render.ASCII() {
		plot = asciiPlot.Replace(plot)
	}
	return append([]string{""}, strings.Split(plot, "\n")...)
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
