package command

import (
	"io"
	"iter"

	"smtpctl/shell/render"
)

// A Record is one result of a command for every format: a value and its text. A handler
// makes records and never asks for the format.
type Record struct {
	// JSON is the value, whose field names are those of the JSON output. A Lazy is
	// called when the value is needed, and a Writer writes its own JSON.
	JSON any
	// Text is the text that OpenSMTPD's smtpctl prints, with its newlines.
	Text string
	// Lines, if set, prints the text instead.
	Lines func() error
	// Table, if set, prints the result for people, where that differs from the text.
	Table func() error
	// Metrics, if set, prints the result in the OpenMetrics text format.
	Metrics func() error
	// Parts, if set, are the records that the result consists of. A format for which
	// the result has nothing of its own prints the parts.
	Parts iter.Seq2[Record, error]
	// Again says that the text has been printed already. Only formats that print values
	// print the record once more.
	Again bool
	// Hint is printed on standard error for a person, after the result.
	Hint string
	// Omitted describes what the parts leave out and a table shows. Formats other than
	// tables print it on standard error.
	Omitted string
}

// A Lazy returns the value of a record when a format needs it.
type Lazy func() (any, error)

// A Writer writes the JSON of a value that is too large for memory.
type Writer func(w io.Writer) error

// A printer is an output format.
type printer interface {
	// record prints one result.
	record(c *Call, r *Record) error
	// rows prepares rows for the format: it sets print, and head if the format has one.
	rows(c *Call, r *Rows)
}

// printers are the formats by the value of --output. A new format needs an entry here and
// its name in Formats.
var printers = map[string]printer{
	FormatPlain: plainPrinter{}, FormatTable: tablePrinter{}, FormatExpanded: expandedPrinter{}, FormatJSON: jsonPrinter{},
	FormatCSV: separatedPrinter{','}, FormatTSV: separatedPrinter{'\t'}, FormatMetrics: metricsPrinter{},
}

// Print prints a result in the output format.
func (c *Call) Print(r Record) error {
	if c.Opts.Columns != "" {
		return c.printPicked(&r)
	}
	return printers[c.Format()].record(c, &r)
}

// parts prints the parts of a record, and reports whether it has any.
func parts(c *Call, r *Record) (bool, error) {
	if r.Parts == nil {
		return false, nil
	}
	for part, err := range r.Parts {
		if err == nil {
			err = c.Print(part)
		}
		if err != nil {
			return true, err
		}
	}
	if r.Omitted != "" {
		c.Warnf("%s", r.Omitted)
	}
	return true, nil
}

// A plainPrinter prints the bytes of OpenSMTPD's smtpctl.
type plainPrinter struct{}

func (plainPrinter) record(c *Call, r *Record) error {
	if done, err := parts(c, r); done {
		return err
	}
	switch {
	case r.Again:
		return nil
	case r.Lines != nil:
		return r.Lines()
	}
	_, err := io.WriteString(c.Out, r.Text)
	return err
}

func (plainPrinter) rows(c *Call, r *Rows) { r.print = r.append(r.Text, c.Out.Write) }

// A tablePrinter prints for people.
type tablePrinter struct{}

func (tablePrinter) record(c *Call, r *Record) error {
	print := r.Table
	if print == nil {
		print = func() error { return plainPrinter{}.record(c, r) }
	}
	if err := print(); err != nil || r.Hint == "" {
		return err
	}
	if err := c.Out.Flush(); err != nil {
		return err
	}
	c.Warnf("%s", r.Hint)
	return nil
}

// A jsonPrinter prints one value on each line.
type jsonPrinter struct{}

func (jsonPrinter) record(c *Call, r *Record) error {
	if done, err := parts(c, r); done {
		return err
	}
	value, err := r.value()
	if err != nil {
		return err
	}
	if write, ok := value.(Writer); ok {
		return write(c.Out)
	}
	return c.printJSON(value)
}

// value returns the value of a record.
func (r *Record) value() (any, error) {
	if lazy, ok := r.JSON.(Lazy); ok {
		return lazy()
	}
	return r.JSON, nil
}

func (jsonPrinter) rows(c *Call, r *Rows) { r.print = r.append(r.JSON, c.Out.Write) }

// A metricsPrinter prints the OpenMetrics format that Prometheus reads, for the
// commands that support it.
type metricsPrinter struct{}

func (metricsPrinter) record(c *Call, r *Record) error {
	if r.Metrics != nil {
		return r.Metrics()
	}
	return plainPrinter{}.record(c, r)
}

func (metricsPrinter) rows(c *Call, r *Rows) { plainPrinter{}.rows(c, r) }

// printJSON prints one object.
func (c *Call) printJSON(v any) error {
	b, err := render.AppendJSON(nil, v)
	if err != nil {
		return err
	}
	_, err = c.Out.Write(b)
	return err
}
