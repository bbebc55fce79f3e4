package prompt

import (
	"fmt"
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A menuRow follows the calls with which go-prompt draws its menu: one ScrollDown for each row
// and as many ScrollUp, to make room; then, for each row, CursorDown, three WriteStr and
// CursorBackward; at last one CursorUp. Into these calls it inserts a gap between the line and
// the menu, and a last row that says how many suggestions are not shown.
type menuRow struct {
	hidden int      // how many suggestions are not shown; below 0 if that is unknown
	gap    int      // rows between the row of the cursor and the menu
	texts  []string // the suggestions, whole

	rows  int  // rows of the menu that is being drawn
	down  int  // rows that have been begun
	back  int  // rows that have been ended
	width int  // columns of the row that is being drawn
	full  bool // the row ended at the last column
	next  menuStep
}

// A menuStep is how far a menu has been drawn.
type menuStep int

const (
	noMenu menuStep = iota
	makingRoom
	roomMade
	inRows
)

// lay sets how the next menus are drawn.
func (m *menuRow) lay(hidden, gap int, texts []string) {
	m.hidden, m.gap, m.texts = hidden, max(gap, 0), texts
}

// extra returns how many rows are inserted.
func (m *menuRow) extra() int {
	if m.hidden != 0 {
		return m.gap + 1
	}
	return m.gap
}

// text returns the text of the last row, cut or filled to m.width columns.
func (m *menuRow) text() string {
	more := " more"
	if m.hidden > 0 {
		more = " " + thousands(m.hidden) + more
	}
	for _, text := range []string{more + ": type on to narrow them", more + ": type on", more, ""} {
		if width := textWidth(text); width <= m.width {
			return text + strings.Repeat(" ", m.width-width)
		}
	}
	return ""
}

// thousands formats a number with commas between groups of three digits.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// begin is called when go-prompt begins to draw.
func (m *menuRow) begin() { m.next, m.rows, m.down, m.back = noMenu, 0, 0, 0 }

// ScrollDown makes room for one row of the menu.
func (w *writer) ScrollDown() {
	if w.menu.next == noMenu {
		w.makeRoom()
	}
	w.menu.next = makingRoom
	w.menu.rows++
	w.ConsoleWriter.ScrollDown()
}

// ScrollUp moves back by one row of the room. Before the first of these moves it makes room for
// the inserted rows.
func (w *writer) ScrollUp() {
	if w.menu.next == makingRoom {
		w.menu.next = roomMade
		for range w.menu.extra() {
			w.ConsoleWriter.ScrollDown()
		}
		for range w.menu.extra() {
			w.ConsoleWriter.ScrollUp()
		}
	}
	w.ConsoleWriter.ScrollUp()
}

// CursorDown begins a row of the menu, the first one below the gap.
func (w *writer) CursorDown(n int) {
	m := &w.menu
	if m.next == roomMade {
		m.next = inRows
		n += m.gap
	}
	if m.next == inRows {
		m.down++
		m.width = 0
	}
	w.ConsoleWriter.CursorDown(n)
}

// WriteStr writes a text: a part of a row of the menu, the prefix, the line or any other.
func (w *writer) WriteStr(s string) {
	if w.menu.next == inRows {
		if w.menu.width == 0 {
			s = w.menu.whole(s, w.tty.menuTop())
		}
		w.menu.width += textWidth(s)
	} else {
		if strings.HasSuffix(s, "\n") {
			w.breaks(s)
		}
		if w.painted(s) {
			return
		}
	}
	w.ConsoleWriter.WriteStr(s)
}

// CursorBackward ends a row of the menu, and draws the inserted row after the last one.
func (w *writer) CursorBackward(n int) {
	w.ConsoleWriter.CursorBackward(n)
	m := &w.menu
	if m.next != inRows || m.down == m.back {
		return
	}
	if m.back = m.down; m.back == m.rows && m.hidden != 0 {
		w.WriteRawStr("\x1b7") // saves the place of the cursor
		w.ConsoleWriter.CursorDown(1)
		w.SetColor(goprompt.LightGray, goprompt.Black, false)
		w.ConsoleWriter.WriteStr(m.text())
		w.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
		w.WriteRawStr("\x1b8")
	}
}

// WriteRaw writes bytes as they are, with one exception: after a row of the menu that ends at
// the last column, go-prompt writes a newline, which in the last row of the screen would
// scroll. A carriage return is written instead, so that the cursor stays in its row.
func (w *writer) WriteRaw(data []byte) {
	if w.menu.next == inRows && string(data) == "\n" {
		w.menu.full = true
		data = []byte("\r")
	}
	w.ConsoleWriter.WriteRaw(data)
}

// CursorUp moves from the menu back to the row of the line, over the inserted gap as well. It is
// also the first call of a drawing.
func (w *writer) CursorUp(n int) {
	w.begin()
	m := &w.menu
	if m.full { // WriteRaw has kept the cursor one row higher
		m.full = false
		n--
	}
	if m.next == inRows && m.back == m.rows {
		m.next = noMenu
		n += m.gap
	}
	w.ConsoleWriter.CursorUp(n)
}
