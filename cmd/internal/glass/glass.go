// Package glass emulates the screen of a terminal: from the bytes that a program has written
// it makes the cells of the screen with their colours. It knows the control sequences that
// smtpctl's line editor, pagers and full-screen commands use. Only tests and cmd/picture
// import it.
package glass

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Default is the colour of text or background where the program has chosen none.
const Default = -1

// A Style is how a cell looks. The colours of the text and of its background are numbers in
// the palette of xterm, 0 to 255, or Default.
type Style struct {
	Text, Back                            int
	Bold, Dim, Italic, Underline, Reverse bool
}

// Plain is the style of text where the program has chosen none.
var Plain = Style{Text: Default, Back: Default}

// A Cell is a place for one character. A wide character takes two cells, of which the second
// has the rune 0.
type Cell struct {
	Rune  rune
	Style Style
}

// A Glass is the screen of a terminal. It must not be used from several goroutines at once.
type Glass struct {
	cols, rows int
	cells      [][]Cell
	x, y       int
	style      Style
	wrap       bool   // the last column is full: the next character goes to the next row
	hidden     bool   // the cursor is not shown
	rest       string // an unfinished sequence or character at the end of what was written
	saved      struct {
		x, y  int
		style Style
	}
}

// New returns an empty screen of at least one column and one row, with the cursor at its top
// left.
func New(cols, rows int) *Glass {
	g := &Glass{cols: cols, rows: rows, style: Plain}
	g.clear()
	return g
}

// Rows returns the cells of all rows, from the top. The next Write may change them.
func (g *Glass) Rows() [][]Cell { return g.cells }

// Cursor returns the column and row of the cursor, each from 0.
func (g *Glass) Cursor() (x, y int) { return g.x, g.y }

// Hidden reports whether the program has hidden the cursor.
func (g *Glass) Hidden() bool { return g.hidden }

// Lines returns the text of the rows, each without the blanks at its end, up to the last row
// that is not blank.
func (g *Glass) Lines() []string {
	lines, last := make([]string, len(g.cells)), 0
	for i, row := range g.cells {
		if lines[i] = TextOf(row); lines[i] != "" {
			last = i + 1
		}
	}
	return lines[:last]
}

// Text returns the text of all rows, each without the blanks at its end and with a newline.
func (g *Glass) Text() string {
	var b strings.Builder
	for _, row := range g.cells {
		b.WriteString(TextOf(row) + "\n")
	}
	return b.String()
}

// TextOf returns the text of cells, without the blanks at its end.
func TextOf(cells []Cell) string {
	var b strings.Builder
	for _, c := range cells {
		if c.Rune != 0 {
			b.WriteRune(c.Rune)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// sequence matches an escape or control sequence at the start of a text, whether or not the
// package carries it out; unfinished matches a text that may be the beginning of one.
var (
	sequence   = regexp.MustCompile(`^\x1b(\[([0-9;:?>=<]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|([78DMEc=>]))`)
	unfinished = regexp.MustCompile(`^\x1b(\[[0-9;:?>=<]*[ -/]*|\][^\x07\x1b]*|[()])?$`)
)

// Write takes in text that a program has written. What a sequence or a character at the end of
// the text lacks comes with the next call.
func (g *Glass) Write(text string) {
	text, g.rest = g.rest+text, ""
	for len(text) > 0 {
		if text[0] == '\x1b' { // most of a text is no sequence
			if m := sequence.FindStringSubmatch(text); m != nil {
				g.escape(m[4])
				g.control(m[2], m[3])
				text = text[len(m[0]):]
				continue
			}
			if unfinished.MatchString(text) {
				g.rest = text
				return
			}
		} else if !utf8.FullRuneInString(text) {
			g.rest = text
			return
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch {
		case r == '\r':
			g.to(0, g.y)
		case r == '\n':
			g.wrap = false
			g.down()
		case r == '\b':
			g.to(g.x-1, g.y)
		case r >= ' ':
			g.put(r)
		}
	}
}

// put shows a character at the cursor, or on the next row if it does not fit in this one.
func (g *Glass) put(r rune) {
	width := runewidth.RuneWidth(r)
	if width == 0 {
		return
	}
	if g.wrap || g.x+width > g.cols {
		g.wrap, g.x = false, 0
		g.down()
	}
	g.cells[g.y][g.x] = Cell{r, g.style}
	for i := 1; i < width && g.x+i < g.cols; i++ {
		g.cells[g.y][g.x+i] = Cell{0, g.style}
	}
	if g.x+width >= g.cols {
		g.x, g.wrap = g.cols-1, true
	} else {
		g.x += width
	}
}

// down moves the cursor to the next row; in the last row it scrolls the screen instead.
func (g *Glass) down() {
	if g.y++; g.y == g.rows {
		g.y--
		g.cells = append(g.cells[1:], g.blanks(g.cols))
	}
}

// to moves the cursor to a column and row, or to the nearest place on the screen.
func (g *Glass) to(x, y int) {
	g.wrap = false
	g.x, g.y = min(max(x, 0), g.cols-1), min(max(y, 0), g.rows-1)
}

// blanks returns n empty cells with the background that is chosen now.
func (g *Glass) blanks(n int) []Cell {
	cells := make([]Cell, n)
	for i := range cells {
		cells[i] = Cell{' ', Style{Text: Default, Back: g.style.Back}}
	}
	return cells
}

func (g *Glass) clear() {
	g.cells = make([][]Cell, g.rows)
	for y := range g.cells {
		g.cells[y] = g.blanks(g.cols)
	}
}

// escape carries out an escape sequence of one character after ESC.
func (g *Glass) escape(what string) {
	switch what {
	case "7":
		g.saved.x, g.saved.y, g.saved.style = g.x, g.y, g.style
	case "8":
		g.to(g.saved.x, g.saved.y)
		g.style = g.saved.style
	case "D":
		g.down()
	case "M":
		g.to(g.x, g.y-1)
	case "c":
		g.style = Plain
		g.clear()
		g.to(0, 0)
	}
}

// control carries out a control sequence, given its parameters and its last byte.
func (g *Glass) control(params, final string) {
	n := numbers(params)
	once := max(n[0], 1)
	switch final {
	case "A":
		g.to(g.x, g.y-once)
	case "B":
		g.to(g.x, g.y+once)
	case "C":
		g.to(g.x+once, g.y)
	case "D":
		g.to(g.x-once, g.y)
	case "H", "f":
		g.to(max(n[1], 1)-1, once-1)
	case "J":
		g.erase(n[0])
	case "K":
		switch row := g.cells[g.y]; n[0] {
		case 0:
			copy(row[g.x:], g.blanks(g.cols-g.x))
		case 1:
			copy(row, g.blanks(g.x+1))
		default:
			copy(row, g.blanks(g.cols))
		}
	case "L":
		n := min(once, g.rows-g.y)
		for y := g.rows - 1; y >= g.y; y-- {
			if y >= g.y+n {
				g.cells[y] = g.cells[y-n]
			} else {
				g.cells[y] = g.blanks(g.cols)
			}
		}
	case "M":
		n := min(once, g.rows-g.y)
		for y := g.y; y < g.rows; y++ {
			if y+n < g.rows {
				g.cells[y] = g.cells[y+n]
			} else {
				g.cells[y] = g.blanks(g.cols)
			}
		}
	case "X":
		copy(g.cells[g.y][g.x:], g.blanks(min(once, g.cols-g.x)))
	case "m":
		g.render(n[:len(n)-1])
	case "h", "l":
		switch params {
		case "?25":
			g.hidden = final == "l"
		case "?1049":
			g.clear()
			g.to(0, 0)
		}
	}
}

// erase carries out the sequence ESC [ what J: it erases the screen from the cursor on for 0,
// up to the cursor for 1, and all of it for any other number.
func (g *Glass) erase(what int) {
	row := g.cells[g.y]
	switch what {
	case 0:
		copy(row[g.x:], g.blanks(g.cols-g.x))
		for y := g.y + 1; y < g.rows; y++ {
			g.cells[y] = g.blanks(g.cols)
		}
	case 1:
		copy(row, g.blanks(g.x+1))
		for y := range g.y {
			g.cells[y] = g.blanks(g.cols)
		}
	default:
		g.clear()
	}
}

// numbers returns the parameters of a sequence, 0 for each missing one, and one 0 more, so
// that there are always at least two.
func numbers(params string) []int {
	var n []int
	for _, p := range strings.FieldsFunc(strings.ReplaceAll(params, ";", " ;"), func(r rune) bool { return r == ';' || r == ':' }) {
		v, _ := strconv.Atoi(strings.TrimSpace(p))
		n = append(n, v)
	}
	if len(n) == 0 {
		n = []int{0}
	}
	return append(n, 0)
}

// render sets the style of text that follows, from the parameters of ESC [ ... m.
func (g *Glass) render(n []int) {
	for i := 0; i < len(n); i++ {
		s := &g.style
		switch v := n[i]; {
		case v == 0:
			*s = Plain
		case v == 1:
			s.Bold = true
		case v == 2:
			s.Dim = true
		case v == 3:
			s.Italic = true
		case v == 4:
			s.Underline = true
		case v == 7:
			s.Reverse = true
		case v == 22:
			s.Bold, s.Dim = false, false
		case v == 23:
			s.Italic = false
		case v == 24:
			s.Underline = false
		case v == 27:
			s.Reverse = false
		case 30 <= v && v <= 37:
			s.Text = v - 30
		case v == 39:
			s.Text = Default
		case 40 <= v && v <= 47:
			s.Back = v - 40
		case v == 49:
			s.Back = Default
		case 90 <= v && v <= 97:
			s.Text = v - 90 + 8
		case 100 <= v && v <= 107:
			s.Back = v - 100 + 8
		case (v == 38 || v == 48) && i+2 < len(n) && n[i+1] == 5:
			if v == 38 {
				s.Text = n[i+2]
			} else {
				s.Back = n[i+2]
			}
			i += 2
		case v == 38 || v == 48:
			return // 24-bit colours, which smtpctl does not use
		}
	}
}
