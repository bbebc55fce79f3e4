package browse

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
)

// maxInput is how many characters a line of input may have.
const maxInput = 2000

// An input is a line that the user types at the bottom of the screen. When the user ends it,
// done is called with its text, or with ok false if the user gave it up.
type input struct {
	label string
	above []string // lines to show above it; they must be safe for a terminal
	text  []rune
	pos   int
	done  func(text string, ok bool)
}

// draw draws the line with the cursor in it. If the screen is narrow, the label is cut before
// the typed text.
func (in *input) draw(u *ui, rows, cols int) {
	for i, l := range in.above {
		if y := rows - 1 - len(in.above) + i; y > 0 {
			u.line(y, render.Cut(l, cols), bold)
		}
	}
	room := max(1, min(20, cols/2))
	label := render.Cut(in.label, max(0, cols-room))
	x := runewidth.StringWidth(label)
	left := max(1, cols-x-1)
	from := max(0, in.pos-left+1)
	text := render.Safe(string(in.text[from:min(len(in.text), from+left)]))
	u.line(rows-1, label+render.Cut(text, left), bold)
	before := render.Safe(string(in.text[from:in.pos]))
	u.screen.ShowCursor(min(cols-1, x+runewidth.StringWidth(before)), rows-1)
}

// key edits or ends the line as the key says.
func (in *input) key(u *ui, k *tcell.EventKey) {
	switch k.Key() {
	case tcell.KeyEnter:
		u.input = nil
		in.done(string(in.text), true)
	case tcell.KeyEscape, tcell.KeyCtrlC, tcell.KeyCtrlG:
		u.input = nil
		in.done("", false)
	case tcell.KeyLeft, tcell.KeyCtrlB:
		in.pos = max(0, in.pos-1)
	case tcell.KeyRight, tcell.KeyCtrlF:
		in.pos = min(len(in.text), in.pos+1)
	case tcell.KeyHome, tcell.KeyCtrlA:
		in.pos = 0
	case tcell.KeyEnd, tcell.KeyCtrlE:
		in.pos = len(in.text)
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		in.cut(max(0, in.pos-1), in.pos)
	case tcell.KeyDelete, tcell.KeyCtrlD:
		in.cut(in.pos, min(len(in.text), in.pos+1))
	case tcell.KeyCtrlU:
		in.cut(0, in.pos)
	case tcell.KeyCtrlK:
		in.cut(in.pos, len(in.text))
	case tcell.KeyCtrlW:
		in.cut(in.wordStart(), in.pos)
	case tcell.KeyRune:
		if k.Modifiers()&^tcell.ModShift == 0 && len(in.text) < maxInput {
			in.text = slices.Insert(in.text, in.pos, k.Rune())
			in.pos++
		}
	}
}

// cut removes the characters from from up to to, and moves the cursor there.
func (in *input) cut(from, to int) {
	in.text = slices.Delete(in.text, from, to)
	in.pos = from
}

// wordStart returns the index of the first character of the word before the cursor.
func (in *input) wordStart() int {
	before := strings.TrimRight(string(in.text[:in.pos]), " ")
	return len([]rune(before[:strings.LastIndexByte(before, ' ')+1]))
}
