package command

import (
	"errors"
	"io"
	"strings"
	"testing"

	"smtpctl/shell/render"
)

// namesPrinter is a format of a test: the value of each result, in brackets.
type namesPrinter struct{}

func (namesPrinter) record(c *Call, r *Record) error {
	if done, err := parts(c, r); done {
		return err
	}
	v, err := r.value()
	if err != nil {
		return err
	}
	io.WriteString(c.Out, "[")
	if write, ok := v.(Writer); ok {
		err = write(c.Out)
	} else {
		err = c.printJSON(v)
	}
	io.WriteString(c.Out, "]")
	return err
}

func (namesPrinter) rows(c *Call, r *Rows) {
	r.print = r.append(func(b []byte) ([]byte, error) {
		b, err := r.JSON(append(b, '['))
		return append(b, ']'), err
	}, c.Out.Write)
}

// newFormat adds a format for the time of a test.
func newFormat(t *testing.T, name string, p printer) {
	printers[name] = p
	t.Cleanup(func() { delete(printers, name) })
}

// testEnv returns what a call needs to print.
func testEnv(out, errs io.Writer) Env {
	return Env{Out: NewOutput(out, false, render.Style{}), Err: errs, Getenv: func(string) string { return "" }, Screen: func() (int, int) { return 0, 0 }}
}

// TestPrinters prints one record of each kind in every format, and in one that is made
// up here, which needs nothing but its printer.
func TestPrinters(t *testing.T) {
	newFormat(t, "names", namesPrinter{})
	text := func(s string) func(b []byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) { return append(b, s...), nil }
	}
	for _, tt := range []struct {
		what                               string
		print                              func(c *Call) error
		plain, table, json, metrics, named string
		errs                               map[string]string // on standard error, by format
	}{
		{what: "a text", print: func(c *Call) error { return c.Print(Record{JSON: 1, Text: "one\n"}) },
			plain: "one\n", table: "one\n", json: "1\n", metrics: "one\n", named: "[1\n]"},
		{what: "lines", print: func(c *Call) error {
			return c.Print(Record{JSON: Lazy(func() (any, error) { return 2, nil }), Lines: func() error { _, err := io.WriteString(c.Out, "two\n"); return err }})
		}, plain: "two\n", table: "two\n", json: "2\n", metrics: "two\n", named: "[2\n]"},
		{what: "a table and a hint", print: func(c *Call) error {
			return c.Print(Record{JSON: 3, Text: "three\n", Hint: "a hint", Table: func() error { _, err := io.WriteString(c.Out, "THREE\n"); return err }})
		}, plain: "three\n", table: "THREE\n", json: "3\n", metrics: "three\n", named: "[3\n]", errs: map[string]string{FormatTable: "a hint\n"}},
		{what: "a text again", print: func(c *Call) error { return c.Print(Record{JSON: 4, Text: "four\n", Again: true}) },
			json: "4\n", named: "[4\n]"},
		{what: "a stream", print: func(c *Call) error {
			return c.Print(Record{JSON: Writer(func(w io.Writer) error { _, err := io.WriteString(w, "{}\n"); return err }), Text: "five\n"})
		}, plain: "five\n", table: "five\n", json: "{}\n", metrics: "five\n", named: "[{}\n]"},
		{what: "parts", print: func(c *Call) error {
			return c.Print(Record{
				Parts: func(yield func(Record, error) bool) {
					_ = yield(Record{JSON: 6, Text: "six\n"}, nil) && yield(Record{JSON: 7, Text: "seven\n"}, nil)
				},
				Table: func() error { _, err := io.WriteString(c.Out, "SIX, SEVEN\n"); return err }, Omitted: "eight is left out",
				Metrics: func() error { _, err := io.WriteString(c.Out, "# EOF\n"); return err },
			})
		}, plain: "six\nseven\n", table: "SIX, SEVEN\n", json: "6\n7\n", metrics: "# EOF\n", named: "[6\n][7\n]",
			errs: map[string]string{FormatPlain: "eight is left out\n", FormatJSON: "eight is left out\n", "names": "eight is left out\n"}},
		{what: "rows", print: func(c *Call) error {
			nine := func() []string { return []string{"NINE"} }
			rows := c.Rows(Rows{JSON: text("9\n"), Text: text("nine\n"), Columns: []render.Column{{Head: "HEAD"}}, Cells: nine})
			return errors.Join(rows.Print(), rows.Print())
		}, plain: "nine\nnine\n", table: "HEAD\nNINE\nNINE\n", json: "9\n9\n", metrics: "nine\nnine\n", named: "[9\n][9\n]"},
	} {
		for format, want := range map[string]string{FormatPlain: tt.plain, FormatTable: tt.table, FormatJSON: tt.json, FormatMetrics: tt.metrics, "names": tt.named} {
			var out, errs strings.Builder
			c := &Call{Env: testEnv(&out, &errs), Opts: Options{Output: format}}
			if err := tt.print(c); err != nil {
				t.Errorf("%s, %s: %v", tt.what, format, err)
			}
			c.Out.Flush()
			if out.String() != want || errs.String() != tt.errs[format] {
				t.Errorf("%s, %s: %q, %q, want %q, %q", tt.what, format, out.String(), errs.String(), want, tt.errs[format])
			}
		}
	}
}

// TestPrinterErrors has each kind of record fail.
func TestPrinterErrors(t *testing.T) {
	newFormat(t, "names", namesPrinter{})
	bad := errors.New("bad")
	for format := range printers {
		c := &Call{Env: testEnv(io.Discard, io.Discard), Opts: Options{Output: format}}
		none := func() []string { return nil }
		fail := func(b []byte) ([]byte, error) { return b, bad }
		for i, err := range []error{
			c.Print(Record{JSON: Lazy(func() (any, error) { return nil, bad }), Lines: func() error { return bad }}),
			c.Print(Record{Parts: func(yield func(Record, error) bool) { yield(Record{}, bad) }}),
			c.Rows(Rows{JSON: fail, Text: fail, Cells: none, Long: none, Values: none}).Print(),
		} {
			if i == 2 && c.HasColumns() { // of which none can fail
				err = errors.Join(err, bad)
			}
			if !errors.Is(err, bad) {
				t.Errorf("%s, %d: %v", format, i, err)
			}
		}
	}
}
