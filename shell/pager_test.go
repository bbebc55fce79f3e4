package shell

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// TestPagerMeasures counts the lines of the screen, whatever pieces the text comes
// in: columns and not bytes, and no colours.
func TestPagerMeasures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		lines      int
	}{
		{"lines", "a\nb\n\n", 3},
		{"just fits", strings.Repeat("x", 20) + "\n", 1},
		{"one too many", strings.Repeat("x", 21) + "\n", 2},
		{"two bytes each", strings.Repeat("ä", 20) + "\n", 1},
		{"two columns each", strings.Repeat("語", 10) + "\n", 1},
		{"two columns each, odd", "x" + strings.Repeat("語", 10) + "\n", 2},
		{"no column each", strings.Repeat("e\u0301", 20) + "\n", 1},
		{"colours", strings.Repeat("\x1b[1;31mx\x1b[0m", 20) + "\n", 1},
		{"tabs", "a\tb\tc\n", 1},
		{"tabs to the edge", "a\tb\tc\td\n", 2},
		{"no end", strings.Repeat("x", 45), 2},
		{"not UTF-8", strings.Repeat("\xff", 20) + "\n", 1},
	} {
		for _, piece := range []int{1, 2, 3, 7, 1000} {
			var screen bytes.Buffer
			p := &pager{screen: &screen, rows: 100, cols: 20, start: func() (io.WriteCloser, error) { return nil, errors.New("none") }}
			for text := tt.text; text != ""; {
				n := min(piece, len(text))
				if w, err := p.Write([]byte(text[:n])); w != n || err != nil {
					t.Fatalf("%s: wrote %d of %d, %v", tt.name, w, n, err)
				}
				text = text[n:]
			}
			if p.lines != tt.lines {
				t.Errorf("%s in pieces of %d: %d lines, want %d", tt.name, piece, p.lines, tt.lines)
			}
			if err := p.finish(); err != nil || screen.String() != tt.text {
				t.Errorf("%s in pieces of %d: %q, %v", tt.name, piece, screen.String(), err)
			}
		}
	}
}

// TestOutputEnds ends results at every byte of characters: nothing of one is left
// for the next.
func TestOutputEnds(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ä", "語", "𝄞", "x\xc3", "\xf0\x9f", "\xe8\xaa"} {
		for end := range len(text) + 1 {
			var screen bytes.Buffer
			o := command.NewOutput(&screen, true, render.NewStyle(false))
			o.Write([]byte("one " + text[:end]))
			if err := o.End(); err != nil {
				t.Fatal(err)
			}
			first := screen.String()
			o.Write([]byte("two"))
			o.End()
			if second := screen.String()[len(first):]; second != "two" {
				t.Errorf("%q: the next result begins with %q", text[:end], second)
			}
			if lost := len(first) < len("one ")+end; lost {
				t.Errorf("%q: printed as %q", text[:end], first)
			}
		}
	}
}

// TestPagerShow shows a text at each byte before the rest comes: all of it arrives, in order,
// on the screen or in the program.
func TestPagerShow(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line with ä\n", 12)
	for rows := 3; rows < 20; rows += 4 {
		for at := 0; at <= len(text); at++ {
			var screen, program bytes.Buffer
			p := &pager{screen: &screen, rows: rows, cols: 80, start: func() (io.WriteCloser, error) { return closer{&program}, nil }}
			out := command.NewOutput(p, true, render.NewStyle(false))
			io.WriteString(out, text[:at])
			if err := out.Show(); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(text[:at], "\n"); lines < rows && strings.Count(screen.String(), "\n") != lines {
				t.Errorf("%d rows, %d bytes: %q is on the screen", rows, at, screen.String())
			}
			io.WriteString(out, text[at:])
			out.End()
			p.finish()
			if got := screen.String() + program.String(); got != text {
				t.Errorf("%d rows, %d bytes: %q", rows, at, got)
			}
		}
	}
}

// A closer is a buffer as the standard input of a program.
type closer struct{ *bytes.Buffer }

func (closer) Close() error { return nil }
