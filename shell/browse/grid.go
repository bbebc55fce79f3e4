package browse

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// A grid lays rows out on one line each, always in the same columns: a list that moves
// under the cursor must not change its shape.
type grid struct{ cols []gridColumn }

// A gridColumn is a column of a grid.
type gridColumn struct {
	render.Column
	share int // of the room that is left, in place of a width
	style func(cell string) tcell.Style
}

// Widths of columns of a listing, for those that are not shared.
var widths = map[string]int{"id": 16, "age": 5, "state": 9, "tries": 3, "next": 5}

// roomForIDs is how many columns the screen must have for the ids to be listed unless
// they are asked for: the line below the list has that at the cursor.
const roomForIDs = 110

// listGrid returns the grid of a listing with some fields.
func (u *ui) listGrid(fields []*selector.Field, cols int) *grid {
	g := &grid{}
	usual := slices.Equal(selector.Names(fields), selector.DefaultColumns)
	for _, f := range fields {
		if usual && f.Name == "id" && cols < roomForIDs {
			continue
		}
		c := gridColumn{Column: render.Column{Head: f.Column, Right: f.Shown.Right, Cut: f.Shown.Cut, Width: widths[f.Name]}}
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
	g.share(cols - markWidth)
	return g
}

// groupGrid returns the grid of groups.
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

// share gives the room that is left to the columns that share it.
func (g *grid) share(room int) {
	shares := 0
	room -= len(g.cols) - 1
	for _, c := range g.cols {
		room -= c.Width
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

// row returns the line of a row, whose cells may have styles of their own.
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

// stateStyle returns how a state is shown.
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

// errorStyle returns how an error of mail is shown.
func (u *ui) errorStyle() tcell.Style {
	if u.colors {
		return plain.Foreground(tcell.ColorRed)
	}
	return plain
}
