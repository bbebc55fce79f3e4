package prompt

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"
)

// An Above keeps a copy of the rows above the prompt, so that the prompt can push them off the
// screen for its menu and put them back. Everything written to the terminal must go through
// Write, or be reported by Lose: otherwise wrong rows are put back. Its methods may be called
// from several goroutines at once, and on a nil Above, which knows no rows.
type Above struct {
	mu         sync.Mutex
	rows, cols int      // the size of the terminal to which the other fields belong
	lines      []string // the rows above the row of the cursor, the nearest one last
	part       []byte   // the text in the row of the cursor
	col        int      // the column of the cursor, from 0
	style      style    // the attributes that are on
	lo, hi     int      // the first and last row, from 0, in which the cursor may be
	lost       bool     // the terminal shows something that did not go through Write
}

// NewAbove returns an Above that knows no rows yet.
func NewAbove() *Above { return &Above{} }

// Write takes in bytes that are written to the terminal. It never fails.
func (a *Above) Write(p []byte) (int, error) {
	if a == nil {
		return len(p), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for rest := p; len(rest) > 0 && !a.lost; {
		rest = rest[a.take(rest):]
	}
	return len(p), nil
}

// Lose reports that the terminal may show something that did not go through Write, or shows it
// elsewhere. Until the next line begins, nothing is known about the rows.
func (a *Above) Lose() {
	if a != nil {
		a.mu.Lock()
		a.lost = true
		a.mu.Unlock()
	}
}

// A style holds the attributes of text that are on, each as the number that sets it in the
// sequence ESC [ ... m, or "" if it is off.
type style struct{ fore, back, bold, line, reverse string }

// set applies the parameters of a sequence ESC [ ... m, and reports whether all of them are
// known.
func (s *style) set(params string) bool {
	for _, n := range strings.Split(params, ";") {
		switch {
		case n == "" || n == "0":
			*s = style{}
		case n == "1":
			s.bold = n
		case n == "22":
			s.bold = ""
		case n == "4":
			s.line = n
		case n == "24":
			s.line = ""
		case n == "7":
			s.reverse = n
		case n == "27":
			s.reverse = ""
		case n == "39":
			s.fore = ""
		case n == "49":
			s.back = ""
		case len(n) == 2 && (n[0] == '3' || n[0] == '9') && n[1] < '8':
			s.fore = n
		case len(n) == 2 && n[0] == '4' && n[1] < '8', len(n) == 3 && n[:2] == "10" && n[2] < '8':
			s.back = n
		default:
			return false
		}
	}
	return true
}

// String returns the sequences that turn on the attributes of the style, if none is on before.
func (s style) String() string {
	text := ""
	for _, n := range []string{s.fore, s.back, s.bold, s.line, s.reverse} {
		if n != "" {
			text += "\x1b[" + n + "m"
		}
	}
	return text
}

// take takes in the first character or sequence of a text, and returns its length in bytes. It
// sets lost for whatever it does not know, such as a movement of the cursor.
func (a *Above) take(p []byte) int {
	r, size := utf8.DecodeRune(p)
	width := 0
	switch {
	case a.rows == 0:
		a.lost = true // the size is not known yet
	case r == '\n':
		a.newRow()
		return size
	case r == '\t':
		width = min(8-a.col%8, a.cols-1-a.col)
		a.part = append(a.part, strings.Repeat(" ", width)...)
		a.col += width
		return size
	case r == '\x1b':
		n := 2
		for n < len(p) && (p[n] >= '0' && p[n] <= '9' || p[n] == ';') {
			n++
		}
		if n >= len(p) || p[1] != '[' || p[n] != 'm' {
			a.lost = true
			return size
		}
		if !a.style.set(string(p[2:n])) {
			a.lost = true
			return size
		}
		a.part = append(a.part, p[:n+1]...)
		return n + 1
	case r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1:
		a.lost = true
	default:
		width = runewidth.RuneWidth(r)
	}
	if a.col+width > a.cols {
		a.newRow()
	}
	a.part = append(a.part, p[:size]...)
	a.col += width
	return size
}

// newRow moves the cursor to the next row; in the last row the terminal scrolls instead.
func (a *Above) newRow() {
	a.lines = append(a.lines, string(a.part))
	if over := len(a.lines) - a.rows; over > 0 {
		a.lines = append(a.lines[:0], a.lines[over:]...)
	}
	a.part = append(a.part[:0], a.style.String()...)
	a.col = 0
	a.lo, a.hi = min(a.lo+1, a.rows-1), min(a.hi+1, a.rows-1)
}

// begin is called before the prompt is drawn, with the size of the terminal. If the rows are
// not known for certain, it begins again with unknown rows.
func (a *Above) begin(rows, cols int) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost || a.rows != rows || a.cols != cols || a.col != 0 {
		a.rows, a.cols, a.lines, a.part, a.col, a.style = rows, cols, nil, nil, 0, style{}
		a.lo, a.hi, a.lost = 0, max(rows-1, 0), false
	}
}

// cleared is called when the screen has been emptied and the cursor moved to its top left.
func (a *Above) cleared() {
	if a != nil {
		a.mu.Lock()
		a.lines, a.part, a.col, a.lo, a.hi = nil, nil, 0, 0, 0
		a.mu.Unlock()
	}
}

// scrolled is called when the screen has been scrolled until there were need rows below the
// cursor.
func (a *Above) scrolled(need int) {
	if a != nil {
		a.mu.Lock()
		most := max(a.rows-1-need, 0)
		a.lo, a.hi = min(a.lo, most), min(a.hi, most)
		a.mu.Unlock()
	}
}

// top returns the row of the cursor, from 0, and the text of the rows above it, from the top of
// the screen on. ok is false unless both are known for certain.
func (a *Above) top() (row int, lines []string, ok bool) {
	if a == nil {
		return 0, nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost || a.rows == 0 || a.lo != a.hi || len(a.lines) < a.lo {
		return 0, nil, false
	}
	return a.lo, a.lines[len(a.lines)-a.lo:], true
}

// Pending reports whether input waits to be read from a terminal, which in its usual mode is
// at least one whole line. The terminal has echoed that input at an unknown place.
func Pending(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}
