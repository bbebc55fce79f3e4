package render

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// mailColumns are a short column, two addresses and a text.
var mailColumns = []Column{
	{Head: "N", Right: true}, {Head: "FROM", Cut: CutAddress}, {Head: "TO", Cut: CutAddress}, {Head: "ERROR", Cut: CutText},
}

// drawTable returns a table of rows that is fitted by the first of them.
func drawTable(width, first int, rows [][]string) string {
	table := NewTable(Style{}, width, mailColumns)
	table.Fit(rows[:first])
	b := table.AppendHeader(nil)
	for _, cells := range rows {
		b = table.AppendRow(b, cells, nil)
	}
	return string(b)
}

// TestTableWidths draws the same rows on screens of several widths.
func TestTableWidths(t *testing.T) {
	rows := [][]string{
		{"1", "alice@example.com", "bob@example.org", "451 4.7.1 greylisted, try again later"},
		{"12", "<>", "a.very.long.name@mail.example", ""},
	}
	for width, want := range map[int]string{
		0: " N FROM              TO                            ERROR\n" +
			" 1 alice@example.com bob@example.org               451 4.7.1 greylisted, try again later\n" +
			"12 <>                a.very.long.name@mail.example\n",
		80: " N FROM              TO                           ERROR\n" +
			" 1 alice@example.com bob@example.org              451 4.7.1 greylisted, try aga…\n" +
			"12 <>                a.very.long.na…@mail.example\n",
		60: " N FROM                   TO\n  ERROR\n" +
			" 1 alice@example.com      bob@example.org\n  451 4.7.1 greylisted, try again later\n" +
			"12 <>                     a.very.long.name@mail.example\n",
		40: " N FROM              TO\n  ERROR\n" +
			" 1 alice@example.com bob@example.org\n  451 4.7.1 greylisted, try again later\n" +
			"12 <>                a.ver…@mail.example\n",
	} {
		if got := drawTable(width, 2, rows); got != want {
			t.Errorf("%d columns:\n%s\nwant:\n%s", width, got, want)
		}
	}
}

// TestTableGrows draws rows that are longer than those by which the table was fitted.
func TestTableGrows(t *testing.T) {
	rows := [][]string{{"1", "a@b", "c@d", ""}, {"2", "alice@mail.example", "c@d", "a very long error that nobody could have known of before it came along, with more words than there is room"}}
	got := drawTable(40, 1, rows)
	for _, line := range strings.Split(got, "\n") {
		if w := runewidth.StringWidth(line); w > 40 {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	if !strings.Contains(got, "\n  a very long error") {
		t.Errorf("the error has no line:\n%s", got)
	}
}

// TestCutAddress cuts the user before the domain, and of the domain the beginning.
func TestCutAddress(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"bob@example.org", 15, "bob@example.org"}, {"bob@example.org", 14, "b…@example.org"}, {"bob@example.org", 13, "…@example.org"},
		{"bob@example.org", 12, "…example.org"}, {"bob@example.org", 8, "…ple.org"}, {"bob@example.org", 1, "…"}, {"日本@例え.jp", 10, "…@例え.jp"},
		{"<>", 2, "<>"}, {"nodomain", 4, "nod…"}, {"a@b@example.org", 14, "a…@example.org"},
	} {
		if got := CutAddress.cut(tt.in, tt.width); got != tt.want || runewidth.StringWidth(got) > tt.width {
			t.Errorf("%q in %d: %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

// TestTableColours colours cells by their columns, and nothing else.
func TestTableColours(t *testing.T) {
	cols := []Column{{Head: "STATE", Paint: func(s Style, cell string) func(string) string {
		if cell == "held" {
			return s.Warn
		}
		return nil
	}}, {Head: "TO"}}
	table := NewTable(NewStyle(true), 80, cols)
	rows := [][]string{{"held", "a@b"}, {"pending", "c@d"}}
	table.Fit(rows)
	var b []byte
	for _, cells := range rows {
		b = table.AppendRow(b, cells, nil)
	}
	if got, want := string(b), "\x1b[33mheld\x1b[0m    a@b\npending c@d\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzTable draws any texts at any width: no line is longer than the screen, and nothing
// of a text is left that could act on a terminal.
func FuzzTable(f *testing.F) {
	f.Add(80, "alice@example.com", "bob@example.org", "an error")
	f.Add(40, "\x1b[2J@\xff", "日本語@例え.jp", strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, width int, from, to, text string) {
		if width < 40 || width > 500 {
			return
		}
		rows := [][]string{{"1", "a@b", "c@d", ""}, {"2", from, to, text}}
		for first := range 3 {
			for line := range strings.Lines(drawTable(width, first, rows)) {
				if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
					t.Fatalf("%d of %d columns: %q", w, width, line)
				}
			}
		}
	})
}
