package render

import (
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"
)

// A Table writes rows one by one. Fit makes its columns as wide as the first rows need;
// a longer text in a later row is shortened, or goes on a line of its own.
type Table struct {
	Style Style
	cols  []Column
	width int     // of the screen; 0 for as wide as it comes
	lines [][]int // the columns on each line of a row, by index
}

// A Column is a column of a table.
type Column struct {
	Head  string
	Right bool // numbers stand to the right
	Cut   Cutting
	Width int // in columns of the screen; Fit sets it
	// Paint, if set, colours a cell. It gets the text of the cell before that is
	// shortened.
	Paint func(style Style, cell string) func(string) string
}

// A Cutting says which part of a text remains if a cell is too narrow.
type Cutting int

const (
	CutNever   Cutting = iota // it is short
	CutText                   // the beginning of a text
	CutAddress                // the domain of an address, and the beginning of the user
)

// The widths down to which a column is not shortened if it can move to another line.
const (
	minAddress = 16
	minText    = 30
	maxAddress = 40 // where a text wants to be wider, too
	indent     = 2  // of the lines of a row but the first
)

// NewTable returns a table for a screen of width columns, or as wide as its rows if
// width is 0. Fit must be called before rows are appended.
func NewTable(style Style, width int, cols []Column) *Table {
	return &Table{Style: style, cols: append([]Column(nil), cols...), width: width}
}

// Fit chooses the widths of the columns by the texts of the first rows.
func (t *Table) Fit(rows [][]string) {
	natural := make([]int, len(t.cols))
	for i, c := range t.cols {
		natural[i] = runewidth.StringWidth(c.Head)
	}
	for _, cells := range rows {
		for i, text := range cells {
			natural[i] = max(natural[i], runewidth.StringWidth(Safe(text)))
		}
	}
	for i := range t.cols {
		t.cols[i].Width = natural[i]
	}
	t.lines = t.breakLines(natural)
	if t.width > 0 {
		for n, line := range t.lines {
			t.share(line, n, natural)
		}
	}
}

// least returns the smallest width of a column.
func (t *Table) least(i int, natural []int) int {
	switch t.cols[i].Cut {
	case CutAddress:
		return min(natural[i], minAddress)
	case CutText:
		return min(natural[i], minText)
	}
	return natural[i]
}

// breakLines distributes the columns over as few lines as they need at their smallest
// widths.
func (t *Table) breakLines(natural []int) [][]int {
	lines := [][]int{nil}
	used := 0
	for i := range t.cols {
		last := len(lines) - 1
		need := t.least(i, natural)
		if len(lines[last]) > 0 {
			need++
		}
		if t.width > 0 && used+need > t.width && len(lines[last]) > 0 {
			lines = append(lines, nil)
			last++
			used, need = indent, t.least(i, natural)
		}
		lines[last] = append(lines[last], i)
		used += need
	}
	return lines
}

// share distributes the room beyond the smallest widths among the columns of a line:
// addresses and texts get as much as they need, and the rest goes to the last text or,
// if there is none, to the addresses.
func (t *Table) share(line []int, n int, natural []int) {
	left := t.width - (len(line) - 1)
	if n > 0 {
		left -= indent
	}
	for _, i := range line {
		t.cols[i].Width = t.least(i, natural)
		left -= t.cols[i].Width
	}
	more := func(i int) bool { return t.cols[i].Width < natural[i] }
	left = t.grow(line, CutAddress, left, func(i int) bool { return more(i) && t.cols[i].Width < maxAddress })
	left = t.grow(line, CutText, left, more)
	left = t.grow(line, CutAddress, left, more)
	for k := len(line) - 1; k >= 0 && left > 0; k-- {
		if c := &t.cols[line[k]]; c.Cut == CutText {
			c.Width += left
			return
		}
	}
	t.grow(line, CutAddress, left, func(int) bool { return true })
}

// grow widens the columns of a kind in turns as long as they need it, and returns the
// room that is left.
func (t *Table) grow(line []int, kind Cutting, left int, wants func(i int) bool) int {
	for grown := true; grown && left > 0; {
		grown = false
		for _, i := range line {
			if c := &t.cols[i]; c.Cut == kind && left > 0 && wants(i) {
				c.Width++
				left--
				grown = true
			}
		}
	}
	return left
}

// HeadLines returns how many lines the heads of the columns take.
func (t *Table) HeadLines() int { return len(t.lines) }

// AppendHeader appends the lines with the heads of the columns.
func (t *Table) AppendHeader(b []byte) []byte {
	heads := make([]string, len(t.cols))
	for i, c := range t.cols {
		heads[i] = c.Head
	}
	return t.append(b, heads, func(int) func(string) string { return t.Style.Bold })
}

// AppendRow appends a row. Texts are escaped, and shortened where they are too long.
// paint colours each cell, in place of its column's Paint.
func (t *Table) AppendRow(b []byte, cells []string, paint func(string) string) []byte {
	return t.append(b, cells, func(i int) func(string) string {
		if paint == nil && t.cols[i].Paint != nil {
			return t.cols[i].Paint(t.Style, cells[i])
		}
		return paint
	})
}

func (t *Table) append(b []byte, cells []string, paint func(i int) func(string) string) []byte {
	var after []int
	for n, line := range t.lines {
		start := len(b)
		if n > 0 {
			b = append(b, strings.Repeat(" ", indent)...)
		}
		gap, some := 0, n == 0
		for k, i := range line {
			c, text := t.cols[i], Safe(cells[i])
			if t.longer(i, k, line, text) {
				after = append(after, i)
				text = ""
			}
			if t.width > 0 {
				text = c.Cut.cut(text, c.Width)
			}
			pad := max(0, c.Width-runewidth.StringWidth(text))
			if k > 0 {
				gap++
			}
			if c.Right {
				gap, pad = gap+pad, 0
			}
			if text != "" {
				some = true
				b = append(b, strings.Repeat(" ", gap)...)
				gap = 0
				if p := paint(i); p != nil {
					text = p(text)
				}
				b = append(b, text...)
			}
			gap += pad
		}
		if !some {
			b = b[:start]
			continue
		}
		b = append(b, '\n')
	}
	for _, i := range after {
		text := t.cols[i].Cut.cut(Safe(cells[i]), t.width-indent)
		if p := paint(i); p != nil {
			text = p(text)
		}
		b = append(append(append(b, strings.Repeat(" ", indent)...), text...), '\n')
	}
	return b
}

// longer reports whether a text goes on a line of its own because it is much longer
// than the last column of its line, as determined by the first rows.
func (t *Table) longer(i, k int, line []int, text string) bool {
	c := &t.cols[i]
	return t.width > 0 && k > 0 && k == len(line)-1 && c.Cut == CutText && c.Width < minText && runewidth.StringWidth(text) > c.Width
}

// Within shortens a safe text to at most width columns, for output that is not a table.
func (c Cutting) Within(text string, width int) string { return c.cut(text, width) }

// cut shortens a safe text to at most width columns.
func (c Cutting) cut(text string, width int) string {
	if runewidth.StringWidth(text) <= width {
		return text
	}
	dots := ellipsis()
	room := width - runewidth.StringWidth(dots)
	if at := strings.LastIndexByte(text, '@'); c == CutAddress && at >= 0 && room > 0 {
		if user := room - runewidth.StringWidth(text[at:]); user >= 0 {
			return Cut(text[:at], user) + dots + text[at:]
		}
		return runewidth.TruncatePrefix(text, width, dots)
	}
	return runewidth.Truncate(text, width, dots)
}

// ageUnits are the units of Age with their seconds, the largest first.
var ageUnits = []struct {
	secs int64
	unit byte
}{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}

// Age formats seconds in their largest unit and the next smaller one, such as 2d3h, in
// at most five characters.
func Age(t int64) string {
	t = max(t, 0)
	for i, u := range ageUnits {
		if t < u.secs && i+1 < len(ageUnits) {
			continue
		}
		text := fmt.Sprintf("%d%c", t/u.secs, u.unit)
		if i+1 == len(ageUnits) {
			return text
		}
		next := ageUnits[i+1]
		rest := t % u.secs / next.secs
		if both := fmt.Sprintf("%s%d%c", text, rest, next.unit); rest > 0 && len(both) <= 5 { // not 10h30m
			return both
		}
		return text
	}
	return ""
}
