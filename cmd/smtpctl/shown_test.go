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
		g := glass.New(cols, rows)
		g.Write(x.all())
		lines := g.Lines()
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
	g := glass.New(cols, rows)
	g.Write(x.all()[from:])
	return g.Text()
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
