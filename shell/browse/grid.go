package browse

import (
	"slices"
	"strings"
	"sync"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// A grid lays out each row on one line, always in the same columns: the columns must not move
// while the user moves through the list.
type grid struct {
	cols  []gridColumn
	hosts bool // the first column is the machine, of several
}

// A gridColumn is a column of a grid. Its style is nil if its cells have the style of their
// row.
type gridColumn struct {
	render.Column
	field *selector.Field // what it shows of an envelope; nil for the machine, and in groups
	share int             // its weight where columns share the remaining room; 0 if Width is fixed
	style func(cell string) tcell.Style
}

// minShared is down to which width a column that shares the remaining room can be read. leftOut
// are the default columns that a narrow screen leaves out until the others can be: the first one
// first.
const minShared = 12

var leftOut = []string{"tries", "next", "from", "state"}

// widths are the widths of the columns that do not share the remaining room, by the names of
// their fields. A column is at least as wide as its head.
var widths = sync.OnceValue(func() map[string]int {
	return map[string]int{"id": 16, "age": 5, "state": 9, "tries": 1, "next": 5}
})

// roomForIDs is how many columns the screen must have for the default columns to include the
// id. On a narrower screen the id at the cursor is in the line below the list.
const roomForIDs = 110

// listGrid returns the grid of a list of envelopes with the given fields, for a screen of cols
// columns. Of the default fields it may leave some out; a look at the envelope shows them all.
func (u *ui) listGrid(fields []*selector.Field, cols int) *grid {
	g := &grid{hosts: u.hosts > 0}
	if g.hosts {
		g.cols = append(g.cols, gridColumn{Column: render.Column{Head: "SERVER", Cut: render.CutText, Width: u.hosts}})
		cols -= u.hosts + 1
	}
	usual := slices.Equal(selector.Names(fields), selector.DefaultColumns)
	for _, f := range fields {
		if usual && f.Name == "id" && cols < roomForIDs {
			continue
		}
		c := gridColumn{field: f, Column: render.Column{Head: f.Column, Right: f.Shown.Right, Cut: f.Shown.Cut, Width: widths()[f.Name]}}
		if c.Width > 0 {
			c.Width = max(c.Width, len(c.Head))
		}
		switch {
		case f.Name == "state":
			c.style = u.stateStyle
		case f.Name == "error":
			c.share, c.style = 4, func(string) tcell.Style { return u.errorStyle() }
		case c.Width == 0:
			c.share = 3
		}
		g.cols = append(g.cols, c)
	}
	if g.hosts {
		cols += u.hosts + 1
	}
	g.share(cols - markWidth)
	for i := 0; usual && i < len(leftOut) && !g.readable(); i++ {
		g.cols = slices.DeleteFunc(g.cols, func(c gridColumn) bool { return c.field != nil && c.field.Name == leftOut[i] })
		g.share(cols - markWidth)
	}
	return g
}

// readable reports whether no column that shares the remaining room is too narrow.
func (g *grid) readable() bool {
	return !slices.ContainsFunc(g.cols, func(c gridColumn) bool { return c.share > 0 && c.Width < minShared })
}

// before returns what comes before the id in a row that has no other columns: the machine, if
// there are several.
func (g *grid) before(host string) string {
	if !g.hosts {
		return ""
	}
	text := g.cols[0].Cut.Within(render.Safe(host), g.cols[0].Width)
	return text + strings.Repeat(" ", max(0, g.cols[0].Width-runewidth.StringWidth(text))+1)
}

// groupGrid returns the grid of a list of groups, for a screen of cols columns.
func (u *ui) groupGrid(by string, cols int) *grid {
	g := &grid{cols: []gridColumn{
		{Column: render.Column{Head: "COUNT", Width: 7, Right: true}}, {Column: render.Column{Head: "OLDEST", Width: 6, Right: true}},
		{Column: render.Column{Head: "TRIES", Width: 5, Right: true}},
		{Column: render.Column{Head: strings.ToUpper(by), Cut: render.CutAddress}, share: 1},
	}}
	if by == "error" {
		g.cols[3].Cut = render.CutText
	} else {
		g.cols = append(g.cols, gridColumn{Column: render.Column{Head: "MOST FREQUENT ERROR", Cut: render.CutText}, share: 1, style: func(string) tcell.Style { return u.errorStyle() }})
	}
	g.share(cols - markWidth)
	return g
}

// share divides the room that the fixed columns leave among the columns that have a share.
func (g *grid) share(room int) {
	shares := 0
	room -= len(g.cols) - 1
	for _, c := range g.cols {
		if c.share == 0 {
			room -= c.Width
		}
		shares += c.share
	}
	for i := range g.cols {
		if c := &g.cols[i]; c.share > 0 {
			c.Width = max(1, room*c.share/shares)
			room, shares = room-c.Width, shares-c.share
		}
	}
}

// heads returns the line with the heads of the columns.
func (g *grid) heads() line {
	cells := make([]string, len(g.cols))
	for i, c := range g.cols {
		cells[i] = c.Head
	}
	return g.row(cells, bold, false)
}

// row returns the line of a row. With styled, cells may have colors of their own.
func (g *grid) row(cells []string, style tcell.Style, styled bool) line {
	var l line
	for i, c := range g.cols {
		text := c.Cut.Within(render.Safe(cells[i]), c.Width)
		pad := strings.Repeat(" ", max(0, c.Width-runewidth.StringWidth(text)))
		if c.Right {
			text = pad + text
		} else if i < len(g.cols)-1 {
			text += pad
		}
		s := style
		if styled && c.style != nil {
			fg, _, _ := c.style(cells[i]).Decompose()
			s = style.Foreground(fg)
		}
		if i > 0 {
			l = append(l, segment{" ", style})
		}
		l = append(l, segment{text, s})
	}
	return l
}

// stateStyle returns the style of a state of an envelope.
func (u *ui) stateStyle(state string) tcell.Style {
	switch {
	case !u.colors:
	case state == "inflight":
		return plain.Foreground(tcell.ColorGreen)
	case state == "held", state == "suspended":
		return plain.Foreground(tcell.ColorYellow)
	}
	return plain
}

// errorStyle returns the style of an error of an attempt.
func (u *ui) errorStyle() tcell.Style {
	if u.colors {
		return plain.Foreground(tcell.ColorRed)
	}
	return plain
}
