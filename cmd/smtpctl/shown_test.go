package main

import (
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"

	"smtpctl/cmd/internal/glass"
)

// shows waits until what the program has written, on a terminal of some size, shows what
// is wanted, and returns the rows.
func (x *terminal) shows(rows, cols int, what string, want func(lines []string) bool) []string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		had := x.written()
		lines := x.glass(cols, rows, 0).Lines()
		if want(lines) {
			return lines
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("not %s:\n%s", what, strings.Join(lines, "\n"))
		}
		x.more(had)
	}
}

// screen returns what a terminal of the present size shows of what has been written
// since a place.
func (x *terminal) screen(from int) string {
	rows, cols, err := pty.Getsize(x.pty)
	if err != nil {
		x.t.Fatal(err)
	}
	return x.glass(cols, rows, from).Text()
}

// A drawn is a glass on which what has been written from a place on was drawn, up to another.
type drawn struct {
	*glass.Glass
	cols, rows, from, to int
}

// glass returns a glass with what the program has written since a place. It draws only what has
// come since the last call if that was for the same: most of the time of these tests was to draw
// all of it again and again.
func (x *terminal) glass(cols, rows, from int) *glass.Glass {
	x.mu.Lock()
	defer x.mu.Unlock()
	if d := x.drawn; d.Glass == nil || d.cols != cols || d.rows != rows || d.from != from {
		x.drawn = drawn{glass.New(cols, rows), cols, rows, from, from}
	}
	text := x.text.Bytes()
	x.drawn.Write(string(text[x.drawn.to:]))
	x.drawn.to = len(text)
	return x.drawn.Glass
}

// glassShows waits until the screen shows something that matches.
func (x *terminal) glassShows(pattern string) string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience)
	for {
		had := x.written()
		text := x.screen(x.seen)
		if re.MatchString(text) {
			return text
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q on the screen:\n%s", pattern, text)
		}
		x.more(had)
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
