package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Sizes of the screen of monitor for several machines.
const (
	listMinRows  = 4 // of the list of machines, with its heads
	sumsLeast    = 3 // of the table of sums, if it is to stand below a list
	sumsMinRows  = 7 // of the table of sums, with its heads, above a plot
	nameMost     = 20
	nameMostSlim = 10 // on a screen that is narrower than plotMinCols
	rateSpan     = 10 * time.Second
)

// turn changes what is shown as a key says, and reports whether it did.
func (m *fleet) turn(key string) bool {
	all := len(m.machines) + 1
	switch key {
	case "n", "down", "j", "\t":
		m.shown = (m.shown + 1) % all
	case "p", "up", "k":
		m.shown = (m.shown + all - 1) % all
	case "s", "home", "escape":
		m.shown = all - 1
	default:
		return false
	}
	return true
}

// draw draws the screen.
func (m *fleet) draw(c *command.Call) error {
	cols, rows := c.Screen()
	return drawScreen(c, m.screenLines(cols, rows, c.Out.Style))
}

// screenLines returns the lines of the screen: a title with the keys, and then one machine, or the
// list of machines and the sums.
func (m *fleet) screenLines(cols, rows int, style render.Style) []string {
	out := []string{style.Bold(render.Cut(m.title(cols), cols))}
	left := rows - 1
	if m.shown < len(m.machines) {
		a := &m.machines[m.shown]
		if !a.known {
			if a.screen.note != "" {
				out = append(out, style.Warn(render.Cut(render.Safe(a.screen.note), cols)))
			}
			return out[:min(rows, len(out))]
		}
		return append(out, a.screen.lines(cols, left, left, style)...)
	}
	if len(m.sum.samples) == 0 {
		return append(out, m.list(cols, left, style)...)
	}
	if left >= listMinRows+sumsLeast {
		list := m.list(cols, max(left*2/5, listMinRows), style)
		out = append(out, list...)
		left -= len(list)
	}
	table := left
	if plot := plotMinRows + plotExtra; cols >= plotMinCols && left-plot >= sumsMinRows {
		table = left - plot
	}
	return append(out, m.sum.lines(cols, left, table, style)...)
}

// title says what is shown, and what the keys do.
func (m *fleet) title(cols int) string {
	one, up := m.shown < len(m.machines), m.count(isUp)
	keys := "n next, p previous, q ends"
	text := fmt.Sprintf("sums of %d machines", len(m.machines))
	if up < len(m.machines) {
		text += fmt.Sprintf(", %d up", up)
	}
	if one {
		keys = "n next, p previous, s sums, q ends"
		text = fmt.Sprintf("%s (%d of %d)", m.machines[m.shown].name, m.shown+1, len(m.machines))
	}
	if cols < plotMinCols {
		text = strings.TrimPrefix(text, "sums of ")
		keys = "n next, q ends"
		if one {
			keys = "n next, s sums, q ends"
		}
	}
	if m.keys == nil {
		keys = "Ctrl-C ends"
	}
	if room := cols - len(keys) - 2; len(text) > room {
		text = render.Cut(text, max(room, 8))
	}
	return text + "; " + keys
}

// count returns how many machines are in a state.
func (m *fleet) count(state machineState) int {
	n := 0
	for i := range m.machines {
		if m.machines[i].state == state {
			n++
		}
	}
	return n
}

// list returns the list of the machines, at most so many lines: those that are down first, then
// those that are late, and each kind in the order of the command line.
func (m *fleet) list(cols, most int, style render.Style) []string {
	order := make([]*machine, len(m.machines))
	for i := range m.machines {
		order[i] = &m.machines[i]
	}
	slices.SortStableFunc(order, func(a, b *machine) int { return int(b.state) - int(a.state) })
	shown := len(order)
	if shown+1 > most {
		shown = max(most-2, 0)
	}
	rows := [][]string{{"SERVER", "STATE", "QUEUE", "ENQ/S", "OK/S", "FAIL/S"}}
	for _, a := range order[:shown] {
		rows = append(rows, a.cells(cols))
	}
	var out []string
	for i, row := range rows {
		line := ""
		for k, cell := range row {
			width := 0
			for _, r := range rows {
				width = max(width, render.Width(r[k]))
			}
			if pad := strings.Repeat(" ", width-render.Width(cell)); k < 2 {
				line += cell + pad + " "
			} else {
				line += pad + cell + " "
			}
		}
		line = render.Cut(strings.TrimRight(line, " "), cols)
		switch {
		case i == 0:
			line = style.Bold(line)
		case order[i-1].state == isDown:
			line = style.Bad(line)
		case order[i-1].state == isLate:
			line = style.Warn(line)
		}
		out = append(out, line)
	}
	if left := len(order) - shown; left > 0 {
		out = append(out, render.Cut(fmt.Sprintf("(%s)", render.Plural(left, "more machine")), cols))
	}
	return out[:min(len(out), most)]
}

// cells returns the cells of a machine in the list. Its queue is that of its last answer.
func (a *machine) cells(cols int) []string {
	most := nameMost
	if cols < plotMinCols {
		most = nameMostSlim
	}
	name := a.name
	if len(name) > most {
		name = render.CutText.Within(name, most)
	}
	row := []string{name, "up", "-", "-", "-", "-"}
	switch a.state {
	case isDown:
		row[1] = "down"
	case isLate:
		row[1] = "late"
	}
	if a.known {
		row[2] = strconv.FormatUint(a.last.Queued(), 10)
	}
	if points := a.screen.latest(rateSpan); a.state == isUp && len(points) > 0 {
		for i := range plotted {
			row[3+i] = rateText(rate(points, i))
		}
	}
	return row
}

// latest returns the newest points of the plot, over so long a time if there are as many.
func (m *monitorScreen) latest(span time.Duration) []point {
	i, had := len(m.points), time.Duration(0)
	for i > 0 && had < span {
		i--
		had += m.points[i].span
	}
	return m.points[i:]
}

// rateText returns a number of increases a second, with a decimal if it is small.
func rateText(v float64) string {
	if v > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
