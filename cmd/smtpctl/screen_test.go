package main

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A screen is what a terminal shows of what a program has written to it. It knows the
// sequences that the line editor uses.
type screen struct {
	rows, cols int
	cells      [][]rune
	y, x       int
	wrap       bool // the cursor is behind the last column
	savedY     int
	savedX     int
}

func newScreen(rows, cols int) *screen {
	s := &screen{rows: rows, cols: cols}
	for range rows {
		s.cells = append(s.cells, s.blank())
	}
	return s
}

func (s *screen) blank() []rune { return []rune(strings.Repeat(" ", s.cols)) }

// lines returns the rows that have something on them, without blanks at their ends.
func (s *screen) lines() []string {
	var out []string
	for _, row := range s.cells {
		out = append(out, strings.TrimRight(string(row), " "))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// down goes to the next row, where the screen scrolls if it ends.
func (s *screen) down() {
	if s.y++; s.y == s.rows {
		s.y--
		s.cells = append(s.cells[1:], s.blank())
	}
}

func (s *screen) put(r rune) {
	if s.wrap {
		s.x, s.wrap = 0, false
		s.down()
	}
	s.cells[s.y][s.x] = r
	if s.x == s.cols-1 {
		s.wrap = true
	} else {
		s.x++
	}
}

// write shows a text.
func (s *screen) write(text string) {
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == 0x1b {
			text = text[s.escape(text):]
			continue
		}
		text = text[n:]
		switch {
		case r == '\n':
			s.wrap = false
			s.down()
		case r == '\r':
			s.x, s.wrap = 0, false
		case r >= ' ':
			s.put(r)
		}
	}
}

// escape acts on the sequence that a text begins with, and returns its length.
func (s *screen) escape(text string) int {
	if len(text) < 2 || text[1] != '[' {
		switch text[1:min(2, len(text))] {
		case "7":
			s.savedY, s.savedX = s.y, s.x
		case "8":
			s.y, s.x, s.wrap = s.savedY, s.savedX, false
		case "D":
			s.down()
		case "M":
			s.y = max(s.y-1, 0)
		}
		return min(2, len(text))
	}
	end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return len(text)
	}
	n, err := strconv.Atoi(text[2 : 2+end])
	if err != nil || n == 0 {
		n = 1
	}
	if c := text[2+end]; strings.IndexByte("ABCD", c) >= 0 {
		s.wrap = false
		s.y = min(max(s.y+map[byte]int{'A': -n, 'B': n}[c], 0), s.rows-1)
		s.x = min(max(s.x+map[byte]int{'D': -n, 'C': n}[c], 0), s.cols-1)
	} else if c == 'J' {
		copy(s.cells[s.y][s.x:], s.blank())
		for y := s.y + 1; y < s.rows; y++ {
			s.cells[y] = s.blank()
		}
	}
	return end + 3
}

// shows waits until what the program has written, on a terminal of some size, shows what
// is wanted, and returns the rows.
func (x *terminal) shows(rows, cols int, what string, want func(lines []string) bool) []string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s := newScreen(rows, cols)
		s.write(x.all())
		lines := s.lines()
		if want(lines) {
			return lines
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("not %s:\n%s", what, strings.Join(lines, "\n"))
		}
	}
}
