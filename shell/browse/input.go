package browse

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
)

// maxInput is how many characters a line may have.
const maxInput = 2000

// An input is a line that is being typed at the bottom of the screen.
type input struct {
	label string
	above []string // lines over it, as text that is safe
	text  []rune
	pos   int
	done  func(text string, ok bool)
}

// draw draws the line with the cursor in it.
func (in *input) draw(u *ui, rows, cols int) {
	for i, l := range in.above {
		if y := rows - 1 - len(in.above) + i; y > 0 {
			u.line(y, render.Cut(l, cols), bold)
		}
	}
	// The label is cut before what is typed is hidden.
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

// key acts on a key.
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

// cut removes a part of the line.
func (in *input) cut(from, to int) {
	in.text = slices.Delete(in.text, from, to)
	in.pos = from
}

// wordStart returns where the word before the cursor begins.
func (in *input) wordStart() int {
	before := strings.TrimRight(string(in.text[:in.pos]), " ")
	return len([]rune(before[:strings.LastIndexByte(before, ' ')+1]))
}
