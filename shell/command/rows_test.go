package command

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/shell/render"
)

// rowsCall returns a call that prints in a format, and rows of it of two columns.
func rowsCall(out *strings.Builder, format string) (*Call, *Rows, func(from, error string) error) {
	c := &Call{Env: testEnv(out, out), Opts: Options{Output: format}}
	var now []string
	cells := func() []string { return now }
	r := c.Rows(Rows{
		Columns: []render.Column{{Head: "FROM", Cut: render.CutAddress}, {Head: "ERROR", Cut: render.CutText}},
		Labels:  []string{"from", "error"}, Names: []string{"from", "error"}, Cells: cells, Long: cells, Values: cells,
	})
	return c, r, func(from, error string) error {
		now = []string{from, error}
		return r.Print()
	}
}

// TestSeparated prints values that hurt, and reads them back: tabs and quotes come
// through, and what a spreadsheet would take for a formula begins with a ' in CSV.
func TestSeparated(t *testing.T) {
	values := []string{"plain", "", "a,b", "a\tb", `say "x"`, "two\nlines", "=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "-5", "\x1b[2J", "\xff"}
	for format, comma := range map[string]rune{FormatCSV: ',', FormatTSV: '\t'} {
		var out strings.Builder
		c, _, print := rowsCall(&out, format)
		for _, v := range values {
			if err := print(v, "e"); err != nil {
				t.Fatal(err)
			}
		}
		c.Out.Flush()
		rd := csv.NewReader(strings.NewReader(out.String()))
		rd.Comma = comma
		lines, err := rd.ReadAll()
		if err != nil || len(lines) != len(values)+1 || !slices.Equal(lines[0], []string{"from", "error"}) {
			t.Fatalf("%s: %v, %q", format, err, lines)
		}
		for i, v := range values {
			want := v
			if format == FormatCSV && slices.Contains([]string{"=1+1", "+1", "-x", "@SUM(A1)", "\t=1"}, v) {
				want = "'" + v
			}
			if got := lines[i+1][0]; got != want {
				t.Errorf("%s: %q, want %q", format, got, want)
			}
		}
	}
}

// TestSeparatedRecords prints structs: their names once, what JSON leaves out empty.
func TestSeparatedRecords(t *testing.T) {
	type record struct {
		Name  string         `json:"name"`
		Count int            `json:"count,omitempty"`
		More  map[string]int `json:"more,omitempty"`
	}
	var out strings.Builder
	c := &Call{Env: testEnv(&out, &out), Opts: Options{Output: FormatCSV}, Cmd: &Command{}}
	for _, v := range []record{{"a", 1, nil}, {"=b<", 0, map[string]int{"<": 2}}} {
		if err := c.Print(Record{JSON: v}); err != nil {
			t.Fatal(err)
		}
	}
	c.Out.Flush()
	if got, want := out.String(), "name,count,more\na,1,\n'=b<,,\"{\"\"<\"\":2}\"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := c.Print(Record{JSON: 7}); err == nil {
		t.Error("a number makes a line")
	}
}

// TestExpanded prints rows as blocks, without what is empty, and escaped.
func TestExpanded(t *testing.T) {
	var out strings.Builder
	c, _, print := rowsCall(&out, FormatExpanded)
	if err := print("a@x", ""); err != nil {
		t.Fatal(err)
	}
	if err := print("b@x", "bad\x1b[2J\nthing"); err != nil {
		t.Fatal(err)
	}
	c.Out.Flush()
	if got, want := out.String(), "from:  a@x\n\nfrom:  b@x\nerror: bad\\^[[2J\\^Jthing\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRowsAreFitted holds the first rows of a table until a screenful or a moment has
// passed, and prints them before anything else that is written.
func TestRowsAreFitted(t *testing.T) {
	var out strings.Builder
	c, _, print := rowsCall(&out, FormatTable)
	for i := range 3 {
		if err := print(fmt.Sprintf("%s@x", strings.Repeat("u", i)), "e"); err != nil {
			t.Fatal(err)
		}
	}
	c.Warnf("a warning")
	if got, want := out.String(), "FROM ERROR\n@x   e\nu@x  e\nuu@x e\na warning\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if c.Out.Heads != 1 {
		t.Errorf("%d lines of heads", c.Out.Heads)
	}

	out.Reset()
	c, _, print = rowsCall(&out, FormatTable)
	print("a@x", "e")
	time.Sleep(2 * flushEvery)
	print("b@x", "e")
	c.Out.buf.Flush()
	if !strings.Contains(out.String(), "b@x") {
		t.Errorf("%q after a moment", out.String())
	}

	out.Reset()
	c, _, print = rowsCall(&out, FormatTable)
	for range minFitted {
		print("a@x", "e")
	}
	c.Out.buf.Flush()
	if n := strings.Count(out.String(), "a@x"); n != minFitted {
		t.Errorf("%d rows after a screenful", n)
	}
}

// TestNoRows prints the names where there are no rows in the formats that have them.
func TestNoRows(t *testing.T) {
	for format, want := range map[string]string{FormatCSV: "from,error\n", FormatTSV: "from\terror\n", FormatTable: "", FormatExpanded: "", FormatPlain: "", FormatJSON: ""} {
		var out strings.Builder
		c, r, _ := rowsCall(&out, format)
		if err := r.None(); err != nil {
			t.Fatal(err)
		}
		if c.Out.Flush(); out.String() != want {
			t.Errorf("%s: %q, want %q", format, out.String(), want)
		}
	}
}
