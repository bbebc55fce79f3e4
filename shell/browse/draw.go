package browse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// The parts of the screen beside the list. Above it are the title and the heads of the
// columns; below it are the details of the row at the cursor and a line for messages.
const (
	linesAbove = 2
	linesBelow = 2
	markWidth  = 2 // columns before each row, for its mark
)

// The styles that need no color.
var (
	plain   = tcell.StyleDefault
	bold    = plain.Bold(true)
	reverse = plain.Reverse(true)
)

// A line is one line of the screen, in segments from left to right. The rest of the line has
// the style of the last segment.
type line []segment

// A segment is a part of a line that has one style. Its text must be safe for a terminal.
type segment struct {
	text  string
	style tcell.Style
}

// line sets the text and the style of line y of the screen, from 0. A line outside the screen
// is ignored. Nothing reaches the terminal before show, which writes each cell once: tcell
// sends a cell that is written twice even if it is as before.
func (u *ui) line(y int, text string, style tcell.Style) { u.setLine(y, line{{text, style}}) }

// setLine is line for several segments.
func (u *ui) setLine(y int, l line) {
	if y >= 0 && y < len(u.lines) {
		u.lines[y] = l
	}
}

// show writes all lines to the screen. tcell sends the cells that have changed to the
// terminal.
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

// below returns how many lines are below the list.
func (u *ui) below() int {
	if len(u.ills) > 0 {
		return linesBelow + 1
	}
	return linesBelow
}

// height returns how many rows of the list fit on the screen, at least 1.
func (u *ui) height() int {
	_, rows := u.screen.Size()
	return max(1, rows-linesAbove-u.below())
}

// draw takes over what the worker has done and draws the screen. tcell sends only the changes
// to the terminal, or everything if resync is set.
func (u *ui) draw() {
	if u.resync {
		u.resync = false
		u.screen.Sync()
	}
	u.update()
	u.ills = u.w.ills()
	u.finish()
	cols, rows := u.screen.Size()
	u.lines = make([]line, rows)
	u.screen.HideCursor()
	u.drawTitle(cols)
	if u.over != nil {
		u.over.draw(u, 1, rows-u.below(), cols)
	} else {
		u.drawList(cols)
	}
	u.drawBottom(cols, rows)
	u.show()
}

// drawTitle draws the first line: on its left what is listed, on its right the progress of the
// worker.
func (u *ui) drawTitle(cols int) {
	f := u.top()
	u.w.mu.Lock()
	state := u.state(f)
	u.w.mu.Unlock()
	left := "browse"
	if f.wish.only > 0 {
		left += u.w.on(f.wish.only - 1)
	}
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

// state returns the number of marks, and the progress of the listing or the size and time of
// the finished list. The caller holds the lock of the worker.
func (u *ui) state(f *frame) string {
	var parts []string
	if n := f.marks.count + len(f.picked); n > 0 {
		parts = append(parts, fmt.Sprintf("%d marked", n))
	}
	switch l := f.list; {
	case l == nil || !l.done:
		parts = append(parts, u.w.progress())
	case f.wish.by != "":
		parts = append(parts, render.Plural(len(l.groups), "group")+l.share(), l.at.Format("15:04:05"))
	default:
		if l.note != "" {
			parts = append(parts, l.note)
		}
		parts = append(parts, render.Plural(l.count(), "envelope")+l.share(), l.at.Format("15:04:05"))
	}
	return strings.Join(parts, ", ") + " "
}

// drawList draws the visible rows of the top frame, moves the frame so that the cursor is
// visible, and tells the worker which envelopes are on the screen.
func (u *ui) drawList(cols int) {
	f := u.top()
	height := u.height()
	u.w.mu.Lock()
	n := f.rows()
	f.cursor = max(0, min(f.cursor, n-1))
	f.top = max(0, min(f.top, f.cursor, n-height))
	f.top = max(f.top, f.cursor-height+1)
	f.drawn = f.cursor
	if f.wish.by != "" {
		u.drawGroups(f, height, cols, n)
		u.w.mu.Unlock()
		return
	}
	var shown []envelope
	grid := u.listGrid(f.fields, cols)
	u.setLine(1, append(line{{strings.Repeat(" ", markWidth), bold}}, grid.heads()...))
	for i := f.top; i < min(n, f.top+height); i++ {
		e := f.envelope(i)
		shown = append(shown, e)
		if i == f.cursor {
			f.at = e
		}
		u.drawRow(linesAbove+i-f.top, i == f.cursor, f.marks.has(e), func(style tcell.Style, styled bool) line {
			return u.envelopeLine(e, grid, style, styled)
		})
	}
	u.w.mu.Unlock()
	u.w.show(shown)
}

// envelopeLine returns the line of an envelope. With styled, cells may have colors of their
// own. The caller holds the lock of the worker.
func (u *ui) envelopeLine(e envelope, g *grid, style tcell.Style, styled bool) line {
	r := u.w.row(e)
	switch {
	case r == nil:
		return line{{g.before(u.w.names[e.machine]) + e.id.String(), style}}
	case r.gone:
		return line{{g.before(u.w.names[e.machine]) + e.id.String() + " is not in the queue any more", style.Dim(true)}}
	}
	cells := make([]string, 0, len(g.cols))
	if g.hosts {
		cells = append(cells, u.w.names[e.machine])
	}
	for _, c := range g.cols[len(cells):] {
		cells = append(cells, c.field.Shown.Cell(selector.Row{Envelope: &r.e, Now: u.now().Unix(), Online: true}))
	}
	return g.row(cells, style, styled)
}

// drawRow draws a row of a list at line y of the screen. content returns the row in the given
// style; with styled, its cells may have colors of their own. The row at the cursor has none,
// since it is drawn in reverse.
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

// firstLine returns a text up to its first newline.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// drawGroups draws the visible rows of a list of n groups. The caller holds the lock of the
// worker.
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

// drawBottom draws the last two lines: trouble or the details of the row at the cursor, and
// the question, progress, message or keys.
func (u *ui) drawBottom(cols, rows int) {
	above, below := u.under(), u.hints(cols)
	style := bold
	trouble, failed := u.w.trouble()
	switch {
	case trouble != "":
		above, style = trouble+": trying again", u.warning()
	case failed != "":
		above, style = failed, u.warning()
	case u.over != nil:
		above = ""
	}
	if y := rows - linesBelow - 1; len(u.ills) > 0 && y > 0 {
		u.line(y, illLine(u.ills, cols), u.warning())
	}
	u.line(rows-2, render.Cut(above, cols), style)
	switch {
	case u.input != nil:
		u.input.draw(u, rows, cols)
		return
	case u.running != nil:
		u.line(rows-1, render.Cut(u.status(), cols), reverse)
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

// warning returns the style of errors.
func (u *ui) warning() tcell.Style {
	if u.colors {
		return bold.Foreground(tcell.ColorRed)
	}
	return bold
}

// under returns the details of the row at the cursor in full, which the row itself may cut.
func (u *ui) under() string {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	n := f.rows()
	switch {
	case n == 0 && f.list != nil && f.list.done:
		return "no envelope is selected" + f.list.share()
	case n == 0 || f.cursor >= n:
		return ""
	case f.wish.by != "":
		return render.Safe(joinWords(f.list.groups[f.cursor].Terms))
	}
	e := f.envelope(f.cursor)
	r := u.w.row(e)
	if r == nil {
		return ""
	}
	text := r.e.ID.String() + u.w.on(e.machine) + " to " + render.FormatAddress(r.e.Dest)
	if r.e.ErrorLine != "" {
		text += ": " + r.e.ErrorLine
	}
	return render.Safe(render.Bound(text, render.MaxMessage))
}

// hints returns as many of the most useful keys as fit into cols columns.
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
