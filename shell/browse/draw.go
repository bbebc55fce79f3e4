package browse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// The lines of the screen beside the list: title, heads of the columns, what is under
// the cursor, and messages.
const (
	linesAbove = 2
	linesBelow = 2
	markWidth  = 2 // columns before a row
)

// Styles.
var (
	plain   = tcell.StyleDefault
	bold    = plain.Bold(true)
	reverse = plain.Reverse(true)
)

// A line is one of the screen, in parts of one style each. What is left of it has the
// style of the last.
type line []segment

// A segment is a part of a line: safe text in one style.
type segment struct {
	text  string
	style tcell.Style
}

// line says what a line of the screen is to be. It is sent to the terminal by show, once:
// a cell that is written twice counts as changed.
func (u *ui) line(y int, text string, style tcell.Style) { u.setLine(y, line{{text, style}}) }

// setLine is line for a line in parts.
func (u *ui) setLine(y int, l line) {
	if y >= 0 && y < len(u.lines) {
		u.lines[y] = l
	}
}

// show makes the screen what the lines say.
func (u *ui) show() {
	cols, _ := u.screen.Size()
	for y, l := range u.lines {
		x, style := 0, plain
		for _, part := range l {
			style = part.style
			for part.text != "" && x < cols {
				rest, width := u.screen.Put(x, y, part.text, style)
				if width == 0 {
					break
				}
				part.text, x = rest, x+width
			}
		}
		for ; x < cols; x++ {
			u.screen.Put(x, y, " ", style)
		}
	}
	u.screen.Show()
}

// height returns how many rows of the list the screen has.
func (u *ui) height() int {
	_, rows := u.screen.Size()
	return max(1, rows-linesAbove-linesBelow)
}

// draw draws the screen. Only what has changed is sent to the terminal.
func (u *ui) draw() {
	u.update()
	u.finish()
	cols, rows := u.screen.Size()
	u.lines = make([]line, rows)
	u.screen.HideCursor()
	u.drawTitle(cols)
	if u.over != nil {
		u.over.draw(u, 1, rows-1-linesBelow+1, cols)
	} else {
		u.drawList(cols)
	}
	u.drawBottom(cols, rows)
	u.show()
}

// drawTitle says what is listed, and what the worker is at.
func (u *ui) drawTitle(cols int) {
	f := u.top()
	u.w.mu.Lock()
	state := u.state(f)
	u.w.mu.Unlock()
	left := "browse"
	if words := f.words(); len(words) > 0 {
		left += " " + joinWords(words)
	}
	switch {
	case f.wish.by != "":
		left += " by " + f.wish.by
	case f.wish.sort != "":
		left += " sort=" + f.wish.sort
	}
	if u.over != nil {
		left = u.over.title()
	}
	state = render.Cut(state, cols)
	left = render.Cut(render.Safe(left), max(0, cols-len(state)-2))
	pad := strings.Repeat(" ", max(0, cols-len(state)-runewidth.StringWidth(left)))
	u.line(0, left+pad+state, reverse)
}

// state returns how far the list is. The caller holds the lock of the worker.
func (u *ui) state(f *frame) string {
	var parts []string
	if n := f.marks.count + len(f.picked); n > 0 {
		parts = append(parts, fmt.Sprintf("%d marked", n))
	}
	switch l := f.list; {
	case l == nil || !l.done:
		parts = append(parts, fmt.Sprintf("listing, %d so far", u.w.looked))
	case f.wish.by != "":
		parts = append(parts, render.Plural(len(l.groups), "group"), l.at.Format("15:04:05"))
	case f.wish.sort != "" && len(l.sorted) < l.ids.n:
		parts = append(parts, fmt.Sprintf("the first %d of %d", len(l.sorted), l.ids.n), l.at.Format("15:04:05"))
	default:
		parts = append(parts, render.Plural(l.ids.n, "envelope"), l.at.Format("15:04:05"))
	}
	return strings.Join(parts, ", ") + " "
}

// drawList draws the rows of the frame on top.
func (u *ui) drawList(cols int) {
	f := u.top()
	height := u.height()
	u.w.mu.Lock()
	n := f.rows()
	f.cursor = max(0, min(f.cursor, n-1))
	f.top = max(0, min(f.top, f.cursor, n-height))
	f.top = max(f.top, f.cursor-height+1)
	if f.wish.by != "" {
		u.drawGroups(f, height, cols, n)
		u.w.mu.Unlock()
		return
	}
	var ids []protocol.EnvelopeID
	fields := f.fields
	grid := u.listGrid(fields, cols)
	u.setLine(1, append(line{{strings.Repeat(" ", markWidth), bold}}, grid.heads()...))
	for i := f.top; i < min(n, f.top+height); i++ {
		id := f.at(i)
		ids = append(ids, id)
		if i == f.cursor {
			f.id = id
		}
		u.drawRow(linesAbove+i-f.top, i == f.cursor, f.marks.has(id), func(style tcell.Style, styled bool) line {
			return u.envelopeLine(f, i, grid, fields, style, styled)
		})
	}
	u.w.mu.Unlock()
	u.w.show(ids)
}

// envelopeLine returns the line of an envelope. The caller holds the lock of the worker.
func (u *ui) envelopeLine(f *frame, i int, g *grid, fields []*selector.Field, style tcell.Style, styled bool) line {
	id := f.at(i)
	r := u.w.cache[id]
	e := u.known(f, i, r)
	switch {
	case r != nil && r.gone:
		return line{{id.String() + " is not in the queue any more", style.Dim(true)}}
	case e == nil:
		return line{{id.String(), style}}
	}
	cells := make([]string, 0, len(g.cols))
	for _, field := range fields[len(fields)-len(g.cols):] {
		cells = append(cells, field.Shown.Cell(selector.Row{Envelope: e, Now: u.now().Unix(), Online: true}))
	}
	return g.row(cells, style, styled)
}

// known returns what is known of the envelope of a row, of which r is newest.
func (u *ui) known(f *frame, i int, r *row) *protocol.Envelope {
	switch {
	case r != nil:
		return &r.e
	case f.wish.sort != "":
		return &f.list.sorted[i]
	}
	return nil
}

// drawRow draws a row of a list, which content returns in a style, with styles of its
// own or without.
func (u *ui) drawRow(y int, current, marked bool, content func(style tcell.Style, styled bool) line) {
	mark, style := "  ", plain
	if marked {
		mark, style = "* ", style.Bold(true)
	}
	if current {
		if style = style.Reverse(true); !marked {
			mark = "> "
		}
	}
	u.setLine(y, append(line{{mark, style}}, content(style, !current)...))
}

// firstLine returns the first line of a text.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// drawGroups draws groups. The caller holds the lock of the worker.
func (u *ui) drawGroups(f *frame, height, cols, n int) {
	grid := u.groupGrid(f.wish.by, cols)
	u.setLine(1, append(line{{strings.Repeat(" ", markWidth), bold}}, grid.heads()...))
	now := u.now().Unix()
	for i := f.top; i < min(n, f.top+height); i++ {
		g := &f.list.groups[i]
		if i == f.cursor {
			f.name = g.Name
		}
		cells := []string{strconv.Itoa(g.Count), render.Age(now - g.Oldest), strconv.Itoa(g.Tries), g.Name, g.Error}
		u.drawRow(linesAbove+i-f.top, i == f.cursor, f.picked[g.Name], func(style tcell.Style, styled bool) line {
			return grid.row(cells, style, styled)
		})
	}
}

// drawBottom draws what is under the cursor, and messages, questions and hints.
func (u *ui) drawBottom(cols, rows int) {
	above, below := u.under(), u.hints(cols)
	style := bold
	u.w.mu.Lock()
	trouble, failed := u.w.trouble, u.w.failed
	u.w.mu.Unlock()
	switch {
	case trouble != "":
		above, style = trouble+": trying again", u.warning()
	case failed != "":
		above, style = failed, u.warning()
	case u.over != nil:
		above = ""
	}
	u.line(rows-2, render.Cut(above, cols), style)
	switch {
	case u.input != nil:
		u.input.draw(u, rows, cols)
		return
	case u.running != nil:
		u.line(rows-1, u.running.what+" is being carried out, Ctrl-C stops it", reverse)
	case u.message != "":
		style := bold
		if u.bad {
			style = u.warning()
		}
		u.line(rows-1, render.Cut(render.Safe(u.message), cols), style)
	default:
		u.line(rows-1, below, plain)
	}
}

// warning returns how what is wrong is shown.
func (u *ui) warning() tcell.Style {
	if u.colors {
		return bold.Foreground(tcell.ColorRed)
	}
	return bold
}

// under tells in full what is cut in the row at the cursor.
func (u *ui) under() string {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	n := f.rows()
	switch {
	case n == 0 && f.list != nil && f.list.done:
		return "no envelope is selected"
	case n == 0 || f.cursor >= n:
		return ""
	case f.wish.by != "":
		return render.Safe(joinWords(f.list.groups[f.cursor].Terms))
	}
	e := u.known(f, f.cursor, u.w.cache[f.at(f.cursor)])
	if e == nil {
		return ""
	}
	text := f.at(f.cursor).String() + " to " + render.FormatAddress(e.Dest)
	if e.ErrorLine != "" {
		text += ": " + e.ErrorLine
	}
	return render.Safe(render.Bound(text, render.MaxMessage))
}

// hints returns the keys, as many as fit.
func (u *ui) hints(cols int) string {
	hints := []string{"? keys", "q leave", "/ filter", "g group", "s sort", "Enter look"}
	if u.over != nil {
		hints = []string{"Escape back", "q leave", "Space next page"}
	} else if u.acts {
		hints = append(hints, "Space mark", "a all", "d remove", "n now", "p pause", "u resume")
	} else {
		hints = append([]string{"nothing can be changed here"}, hints...)
	}
	text := ""
	for _, h := range hints {
		if len(text)+len(h)+2 > cols {
			break
		}
		text += h + "  "
	}
	return text
}
