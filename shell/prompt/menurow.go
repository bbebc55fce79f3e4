package prompt

import (
	"fmt"
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A menuRow follows how go-prompt draws its menu: it makes room with as many ScrollDown
// as there are rows, and as many ScrollUp; then, for each row, goes down, writes three
// texts and goes back; and in the end up by the rows. Into that it puts room between the
// line and the menu, and a row that says how many suggestions there are beside.
type menuRow struct {
	hidden int // how many are not shown; below 0 if nobody knows
	gap    int // rows between that of the cursor and the menu

	rows  int // of the menu that is being drawn
	down  int // rows that have been begun
	back  int // rows that have been ended
	width int // of the row
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

// lay says how the next menus are to be drawn.
func (m *menuRow) lay(hidden, gap int) { m.hidden, m.gap = hidden, max(gap, 0) }

// extra returns how many rows it puts in.
func (m *menuRow) extra() int {
	if m.hidden != 0 {
		return m.gap + 1
	}
	return m.gap
}

// text says how many suggestions are not shown, in a width.
func (m *menuRow) text() string {
	text := " more: type on to narrow them"
	if m.hidden > 0 {
		text = fmt.Sprintf(" %s more: type on to narrow them", thousands(m.hidden))
	}
	for textWidth(text) > m.width {
		i := strings.LastIndexAny(text, " :")
		if i <= 0 {
			return ""
		}
		text = text[:i]
	}
	return text + strings.Repeat(" ", m.width-textWidth(text))
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// HideCursor is the first thing that go-prompt does when it draws.
func (w *writer) HideCursor() {
	w.menu.next, w.menu.rows, w.menu.down, w.menu.back = noMenu, 0, 0, 0
	w.ConsoleWriter.HideCursor()
}

// ScrollDown makes room for a row.
func (w *writer) ScrollDown() {
	w.menu.next = makingRoom
	w.menu.rows++
	w.ConsoleWriter.ScrollDown()
}

// ScrollUp goes back by a row of that room.
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

// CursorDown begins a row.
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

// WriteStr writes a text, for one of a row.
func (w *writer) WriteStr(s string) {
	if w.menu.next == inRows {
		w.menu.width += textWidth(s)
	} else if w.prefix(s) {
		return
	}
	w.ConsoleWriter.WriteStr(s)
}

// CursorBackward ends a row.
func (w *writer) CursorBackward(n int) {
	w.ConsoleWriter.CursorBackward(n)
	m := &w.menu
	if m.next != inRows || m.down == m.back {
		return
	}
	if m.back = m.down; m.back == m.rows && m.hidden != 0 {
		w.WriteRawStr("\x1b7") // the place is kept, and returned to
		w.ConsoleWriter.CursorDown(1)
		w.SetColor(goprompt.LightGray, goprompt.Black, false)
		w.ConsoleWriter.WriteStr(m.text())
		w.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
		w.WriteRawStr("\x1b8")
	}
}

// CursorUp ends the menu.
func (w *writer) CursorUp(n int) {
	m := &w.menu
	if m.next == inRows && m.back == m.rows {
		m.next = noMenu
		n += m.gap
	}
	w.ConsoleWriter.CursorUp(n)
}
