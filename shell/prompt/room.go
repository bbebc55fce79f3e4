package prompt

import (
	"fmt"
	"strings"
)

// A room makes room for the menu below the line. If the rows above the prompt are known, rows
// at the top of the screen are taken off, and put back when the menu closes, so that printed
// text is not lost. If they are not known, the screen scrolls.
type room struct {
	above *Above
	rows  int      // of the terminal
	need  int      // how many rows the next menu takes
	flat  bool     // the line stays in one row, whichever suggestion is selected
	off   []string // the rows that are off the screen now, from the top on
	row   int      // the row in which the line would be if no row were off
	// scrolled is for how many rows room was made by scrolling since the line began.
	scrolled int
	broken   string // the line that was ended last, with its prefix
	colored  string // the same line, with its colours
}

// plan sets how many rows the next menu needs, and whether the line stays in one row, whichever
// suggestion is selected. If it does not, the rows that are off are put back.
func (w *writer) plan(rows, need int, flat bool) {
	r := &w.room
	r.rows, r.need = rows, need
	if !flat && len(r.off) > 0 {
		w.WriteRawStr(r.putBack())
	}
	r.flat = flat
}

// makeRoom takes rows off at the top of the screen, if they are known, to make room for the
// menu below the line. Otherwise it notes that go-prompt scrolls.
func (w *writer) makeRoom() {
	r := &w.room
	row, lines, known := r.above.top()
	k := r.need - (r.rows - 1 - row + len(r.off))
	if !known || !r.flat || k > row-len(r.off) {
		r.scrolled = max(r.scrolled, r.need)
		return
	}
	if k <= 0 {
		return
	}
	// Delete the rows at the top, and move the cursor up with its row.
	w.WriteRawStr(fmt.Sprintf("\x1b7\x1b[H\x1b[%dM\x1b8\x1b[%dA", k, k))
	r.off, r.row = append(r.off, lines[len(r.off):len(r.off)+k]...), row
}

// putBack returns the control sequences that put back the rows which are off and move the cursor
// down with its row, and forgets these rows.
func (r *room) putBack() string {
	text := r.paint() + fmt.Sprintf("\x1b8\x1b[%dB", len(r.off))
	r.off = nil
	return text
}

// paint returns the control sequences that put back the rows which are off. The terminal saves
// the place that the cursor had before.
func (r *room) paint() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\x1b7\x1b[H\x1b[%dL", len(r.off))
	for i, line := range r.off {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[0m%s\x1b[0m", i+1, line)
	}
	return b.String()
}

// closeRoom puts back the rows that are off, if no menu was drawn.
func (w *writer) closeRoom() {
	if len(w.room.off) > 0 && w.menu.rows == 0 {
		w.WriteRawStr(w.room.putBack())
	}
}

// breaks notes that the line ends, given the text that go-prompt writes for it.
func (w *writer) breaks(text string) {
	w.room.broken = w.drawn + text
	w.room.colored = w.drawn + w.paint.colored(text)
}

// broke is called when the screen shows a finished line. It puts back the rows that are off, and
// adds the line to the rows above the prompt.
func (w *writer) broke() {
	r := &w.room
	line := r.broken
	if line == "" {
		return
	}
	r.broken = ""
	if w.ConsoleWriter != w.screen { // muted: the size of the screen has changed
		r.above.Lose()
		r.off, r.scrolled = nil, 0
		return
	}
	if len(r.off) > 0 {
		text, row := r.paint(), r.row+1
		r.off = nil
		if row >= r.rows {
			text += fmt.Sprintf("\x1b[%d;1H%s", r.rows, strings.Repeat("\n", row-r.rows+1))
		} else {
			text += fmt.Sprintf("\x1b[%d;1H", row+1)
		}
		w.screen.WriteRawStr(text)
		w.screen.Flush()
	}
	_, cols := w.tty.size()
	switch wide := textWidth(line) >= cols; {
	case wide && r.scrolled > 0, strings.Count(line, "\n") > 1:
		r.above.Lose()
	case r.scrolled > 0:
		r.above.scrolled(r.scrolled)
	case wide:
		r.above.Lose() // go-prompt adds a row after a line that ends at the last column
	}
	r.scrolled = 0
	r.above.Write([]byte(r.colored))
}

// EraseScreen empties the screen. After it go-prompt moves the cursor to the top left.
func (w *writer) EraseScreen() {
	w.room.off, w.room.scrolled = nil, 0
	w.room.above.cleared()
	w.ConsoleWriter.EraseScreen()
}

// beginRoom is called before a line is drawn for the first time, or anew for another size.
func (p *Prompt) beginRoom() {
	if Pending(p.tty.fd) {
		p.cfg.Above.Lose()
	}
	rows, cols := p.tty.size()
	p.cfg.Above.begin(rows, cols)
	p.out.room.off, p.out.room.scrolled = nil, 0
}
