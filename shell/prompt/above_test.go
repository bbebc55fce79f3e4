package prompt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAbove writes texts of all kinds and checks the rows above the prompt, which must be
// reported only if they are certain.
func TestAbove(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x\n", 5)
	for _, tt := range []struct {
		name string
		do   func(a *Above)
		want []string // nil if nothing is certain
	}{
		{"nothing was written", func(a *Above) {}, nil},
		{"less than the screen has", func(a *Above) { a.Write([]byte("a\nb\n")) }, nil},
		{"a screenful", func(a *Above) { a.Write([]byte(full)) }, []string{"x", "x", "x", "x"}},
		{"more than that", func(a *Above) { fmt.Fprint(a, full, "1\n2\n3\n4\n") }, []string{"1", "2", "3", "4"}},
		{"in pieces", func(a *Above) {
			for _, c := range full + "ab\n" {
				fmt.Fprint(a, string(c))
			}
		}, []string{"x", "x", "x", "ab"}},
		{"a long line", func(a *Above) { fmt.Fprint(a, full, "0123456789abc\n") }, []string{"x", "x", "0123456789", "abc"}},
		{"as wide as the screen", func(a *Above) { fmt.Fprint(a, full, "0123456789\n") }, []string{"x", "x", "x", "0123456789"}},
		{"wide characters", func(a *Above) { fmt.Fprint(a, full, "012345678日本\n") }, []string{"x", "x", "012345678", "日本"}},
		{"a tab", func(a *Above) { fmt.Fprint(a, full, "a\tb\n") }, []string{"x", "x", "x", "a       b"}},
		{"a tab at the end", func(a *Above) { fmt.Fprint(a, full, "012345678\tb\n") }, []string{"x", "x", "x", "012345678b"}},
		{"colours", func(a *Above) { fmt.Fprint(a, full, "\x1b[31;1mab\x1b[0;22mc\n") }, []string{"x", "x", "x", "\x1b[31;1mab\x1b[0;22mc"}},
		{"a colour over two rows", func(a *Above) { fmt.Fprint(a, full, "\x1b[31m0123456789ab\x1b[0m\n") }, []string{"x", "x", "\x1b[31m0123456789", "\x1b[31mab\x1b[0m"}},
		{"room for a menu", func(a *Above) { fmt.Fprint(a, full, "a\n"); a.scrolled(2) }, []string{"x", "a"}},
		{"room, and then less than the screen has", func(a *Above) { fmt.Fprint(a, "a\nb\nc\n"); a.scrolled(2) }, []string{"b", "c"}},
		{"room where that is not certain", func(a *Above) { fmt.Fprint(a, "a\n"); a.scrolled(2) }, nil},
		{"an empty screen", func(a *Above) { a.cleared() }, []string{}},
		{"an empty screen, and then", func(a *Above) { a.cleared(); fmt.Fprint(a, "a\n") }, []string{"a"}},
		{"a cursor that moves", func(a *Above) { fmt.Fprint(a, full, "\x1b[H", full) }, nil},
		{"an unknown colour", func(a *Above) { fmt.Fprint(a, full, "\x1b[38;5;1m", full) }, nil},
		{"half a sequence", func(a *Above) { fmt.Fprint(a, full, "\x1b["); fmt.Fprint(a, "31m", full) }, nil},
		{"a carriage return", func(a *Above) { fmt.Fprint(a, full, "a\rb\n", full) }, nil},
		{"bytes", func(a *Above) { fmt.Fprint(a, full, "\xff\n", full) }, nil},
		{"something else", func(a *Above) { fmt.Fprint(a, full); a.Lose(); fmt.Fprint(a, full) }, nil},
		{"the line has not ended", func(a *Above) { fmt.Fprint(a, full, "ab") }, nil},
		{"another size", func(a *Above) { fmt.Fprint(a, full); a.begin(7, 10) }, nil},
	} {
		a := NewAbove()
		a.begin(5, 10)
		tt.do(a)
		rows := 5
		if tt.name == "another size" {
			rows = 7
		}
		a.begin(rows, 10)
		row, lines, ok := a.top()
		if ok != (tt.want != nil) || ok && (row != len(tt.want) || !slices.Equal(lines, tt.want)) {
			t.Errorf("%s: %d, %q, %v, want %q", tt.name, row, lines, ok, tt.want)
		}
	}
	var none *Above
	none.Write([]byte("x"))
	none.Lose()
	none.begin(1, 1)
	none.cleared()
	none.scrolled(1)
	if _, _, ok := none.top(); ok {
		t.Error("one that is nil knows something")
	}
}
