package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/mattn/go-runewidth"
)

// A glass shows what a terminal would show, as far as browse uses one.
type glass struct {
	cols, rows, x, y int
	cells            [][]rune
}

func newGlass(cols, rows int) *glass {
	g := &glass{cols: cols, rows: rows}
	g.clear()
	return g
}

func (g *glass) clear() {
	g.cells = make([][]rune, g.rows)
	for y := range g.cells {
		g.cells[y] = []rune(strings.Repeat(" ", g.cols))
	}
}

// sequence are the escape sequences that are understood, or passed over.
var sequence = regexp.MustCompile(`^\x1b(\[([0-9;?>]*)([A-Za-z])|\([A-Z0-9]|[=>78])`)

// write shows what has been written.
func (g *glass) write(s string) {
	for len(s) > 0 {
		if m := sequence.FindStringSubmatch(s); m != nil {
			g.control(m[2], m[3])
			s = s[len(m[0]):]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\r':
			g.x = 0
		case r == '\n':
			g.y = min(g.y+1, g.rows-1)
		case r == '\b':
			g.x = max(g.x-1, 0)
		case r >= ' ' && runewidth.RuneWidth(r) > 0:
			if g.x < g.cols && g.y < g.rows {
				g.cells[g.y][g.x] = r
			}
			g.x = min(g.x+runewidth.RuneWidth(r), g.cols-1)
		}
	}
}

// control carries out a control sequence.
func (g *glass) control(args, final string) {
	var n []int
	for _, a := range strings.Split(args, ";") {
		v, _ := strconv.Atoi(a)
		n = append(n, v)
	}
	n = append(n, 0)
	switch final {
	case "H":
		g.y, g.x = max(0, min(n[0]-1, g.rows-1)), max(0, min(n[1]-1, g.cols-1))
	case "J":
		if n[0] == 2 {
			g.clear()
		} else {
			for x := g.x; x < g.cols; x++ {
				g.cells[g.y][x] = ' '
			}
			for y := g.y + 1; y < g.rows; y++ {
				g.cells[y] = []rune(strings.Repeat(" ", g.cols))
			}
		}
	case "K":
		for x := g.x; x < g.cols; x++ {
			g.cells[g.y][x] = ' '
		}
	case "A":
		g.y = max(0, g.y-max(1, n[0]))
	case "B":
		g.y = min(g.rows-1, g.y+max(1, n[0]))
	case "C":
		g.x = min(g.cols-1, g.x+max(1, n[0]))
	case "D":
		g.x = max(0, g.x-max(1, n[0]))
	}
}

// text returns what is shown.
func (g *glass) text() string {
	var b strings.Builder
	for _, row := range g.cells {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}

// screen returns what a terminal of the present size shows of what has been written
// since a place.
func (x *terminal) screen(from int) string {
	rows, cols, err := pty.Getsize(x.pty)
	if err != nil {
		x.t.Fatal(err)
	}
	g := newGlass(cols, rows)
	g.write(x.all()[from:])
	return g.text()
}

// glassShows waits until the screen shows something that matches.
func (x *terminal) glassShows(pattern string) string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience)
	for {
		text := x.screen(x.seen)
		if re.MatchString(text) {
			return text
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q on the screen:\n%s", pattern, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// resize gives the terminal another size; what was shown before is made anew.
func (x *terminal) resize(cols, rows int) {
	if r, c, err := pty.Getsize(x.pty); err == nil && r == rows && c == cols {
		return
	}
	x.skip()
	pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
}
