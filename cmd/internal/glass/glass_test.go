package glass

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestGlass(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"text", "abc\r\ndef", []string{"abc", "def"}},
		{"wraps", "abcdefghijkl", []string{"abcdefgh", "ijkl"}},
		{"waits behind the last column", "abcdefgh\r\nx", []string{"abcdefgh", "x"}},
		{"the cursor forgets the wrap", "abcdefgh\x1b[Dx", []string{"abcdefxh"}},
		{"scrolls", "1\r\n2\r\n3\r\n4", []string{"2", "3", "4"}},
		{"goes up and erases below", "ab\r\ncd\r\nef\x1b[2A\x1b[J", []string{"ab"}},
		{"places", "\x1b[2;3Hx\x1b[Hy", []string{"y", "  x"}},
		{"erases the row", "abc\x1b[2D\x1b[K", []string{"a"}},
		{"erases cells", "abcd\r\x1b[2X", []string{"  cd"}},
		{"keeps the place", "ab\x1b7\r\ncd\x1b8e", []string{"abe", "cd"}},
		{"leaves a screen", "ab\x1b[?1049hcd\x1b[?1049l", nil},
		{"wide characters", "日本a\r\n1234567日", []string{"日本a", "1234567", "日"}},
		{"passes over the rest", "a\x1b[?25l\x1b[6n\x1b]0;title\x07\x1b(Bb\x1b[>4;2m\x07", []string{"ab"}},
		{"an unfinished sequence", "ab\x1b[3", []string{"ab"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := New(8, 3)
			g.Write(test.text)
			if got := g.Lines(); !slices.Equal(got, test.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestGlassStyles(t *testing.T) {
	g := New(20, 1)
	g.Write("a\x1b[1;31mb\x1b[38;5;208mc\x1b[7md\x1b[22;27me\x1b[97;104mf\x1b[mg\x1b[2;3;4mh")
	want := []Style{
		Plain,
		{Text: 1, Back: Default, Bold: true},
		{Text: 208, Back: Default, Bold: true},
		{Text: 208, Back: Default, Bold: true, Reverse: true},
		{Text: 208, Back: Default},
		{Text: 15, Back: 12},
		Plain,
		{Text: Default, Back: Default, Dim: true, Italic: true, Underline: true},
	}
	for i, w := range want {
		if got := g.Rows()[0][i].Style; got != w {
			t.Errorf("cell %d: %+v, want %+v", i, got, w)
		}
	}
}

// FuzzGlass writes any text to screens of any size and checks that the cursor and all rows
// stay within the screen.
func FuzzGlass(f *testing.F) {
	f.Add("a\x1b[2;3H\x1b[1J\x1b[9C日\x1b[X", 3, 2)
	f.Add("\x1b[;;5m\x1b[38;5m\x1b[J\x1bM\x1bD", 1, 1)
	f.Fuzz(func(t *testing.T, text string, cols, rows int) {
		if cols < 1 || rows < 1 || cols > 200 || rows > 100 || len(text) > 10000 {
			return
		}
		g := New(cols, rows)
		g.Write(text)
		if x, y := g.Cursor(); x < 0 || x >= cols || y < 0 || y >= rows || len(g.Rows()) != rows || strings.Count(g.Text(), "\n") != rows {
			t.Errorf("the cursor is at %d, %d", x, y)
		}
	})
}

// TestParts writes a text at once and byte by byte: the screen is the same.
func TestParts(t *testing.T) {
	const text = "one\r\n\x1b[31;1mzwei ä 日本\x1b[0m\x1b[2;3HX\x1b]0;title\x07\x1b(B\x1b7\x1b[KY\x1b8Z\xff\x1b[?25l\x1b[4;1Hend\x1b["
	whole, parts := New(20, 5), New(20, 5)
	whole.Write(text)
	for i := range len(text) {
		parts.Write(text[i : i+1])
	}
	if !reflect.DeepEqual(whole, parts) {
		t.Errorf("%q, want %q", parts.Text(), whole.Text())
	}
}
