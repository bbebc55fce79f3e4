package command

import (
	"bytes"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Gathered is a row of one of several calls whose rows are printed as one list.
type Gathered struct {
	Of  string // which call, such as the name of a machine
	Key any    // that Rows.Compare compares
	// ID is the envelope that the row shows, 0 if it shows something else.
	ID protocol.EnvelopeID
	// Bare says that it is no row. It tells of the columns of a list that may have no rows.
	Bare bool
	rows *Rows
	text []byte // what the format prints, without Of
	list []string
}

// Compare orders two rows of lists that have an order; ok is false of others.
func (g *Gathered) Compare(other *Gathered) (n int, ok bool) {
	if g.rows.Compare == nil || other.rows.Compare == nil {
		return 0, false
	}
	return g.rows.Compare(g.Key, other.Key), true
}

// Ordered reports whether the list that the row is of has an order.
func (g *Gathered) Ordered() bool { return g.rows.Compare != nil }

// Size returns how many bytes the row takes, about.
func (g *Gathered) Size() int {
	n := len(g.text)
	for _, text := range g.list {
		n += len(text)
	}
	return n
}

// Limit returns how many rows the list may have, 0 for any number.
func (g *Gathered) Limit() int { return g.rows.Limit }

// gather makes rows go to c.Gather, as the format wants them.
func (r *Rows) gather(c *Call) {
	r.print = func() error {
		g := &Gathered{rows: r}
		var err error
		switch c.Format() {
		case FormatJSON:
			g.text, err = r.JSON(nil)
		case FormatTable:
			g.list = slices.Clone(r.Cells())
		case FormatExpanded:
			g.list = slices.Clone(r.Long())
		case FormatCSV, FormatTSV:
			g.list = slices.Clone(r.Values())
		default:
			g.text, err = r.Text(nil)
		}
		if err != nil {
			return err
		}
		if r.Key != nil {
			g.Key = r.Key()
		}
		if r.ID != nil {
			g.ID = r.ID()
		}
		return c.Gather(g)
	}
	r.measure, r.head = nil, func() error { return c.Gather(&Gathered{Bare: true, rows: r}) }
}

// A Gatherer prints the rows of several calls as one list, with a column that says which.
type Gatherer struct {
	c    *Call
	name string // of the column
	rows *Rows
	now  *Gathered
}

// NewGatherer returns what prints gathered rows in the format of a call.
func NewGatherer(c *Call, name string) *Gatherer { return &Gatherer{c: c, name: name} }

// Print prints a row. All have the columns of the first.
func (g *Gatherer) Print(row *Gathered) error {
	g.now = row
	g.columns(row.rows)
	if row.Bare {
		return nil
	}
	return g.rows.Print()
}

// From makes the rows of a call, in the format of the list, go to take instead of its output.
func (g *Gatherer) From(one *Call, of string, take func(row *Gathered)) {
	one.Opts.Output = g.c.Format()
	one.Gather = func(row *Gathered) error {
		if row.Of = of; !row.Bare {
			take(row)
		}
		return nil
	}
}

// Measure makes the columns of a table wide enough for a row, without printing it.
func (g *Gatherer) Measure(row *Gathered) {
	g.now = row
	g.columns(row.rows)
	g.rows.Measure()
}

// End prints what the format prints for a list without rows, if there were none.
func (g *Gatherer) End() error {
	if g.rows == nil {
		return nil
	}
	return g.rows.None()
}

// Record prints a result that is no row: as a row where the format has columns, and otherwise
// as a line of JSON or as text, whose lines already name the call.
func (g *Gatherer) Record(of string, r Record) error {
	one := *g.c
	if _, ok := printers[one.Format()].(separatedPrinter); ok && one.Opts.Columns == "" {
		one.Opts.Columns = strings.Join(namesOf(r.JSON), ",")
	}
	switch {
	case one.Opts.Columns != "":
		one.picked = nil
		one.Gather = func(row *Gathered) error {
			row.Of = of
			return g.Print(row)
		}
		return one.printPicked(&r)
	case one.Format() == FormatJSON:
		b, err := render.AppendJSON(nil, r.JSON)
		if err != nil {
			return err
		}
		_, err = one.Out.Write(g.Line(of, b))
		return err
	}
	return one.Print(r)
}

// EndRecords is End for what Record has printed.
func (g *Gatherer) EndRecords() error {
	g.c.ended = true
	_, separated := printers[g.c.Format()].(separatedPrinter)
	if g.rows != nil || !separated && g.c.Opts.Columns == "" {
		return g.End()
	}
	names := namesOf(g.c.Cmd.Rows[0])
	if g.c.Opts.Columns != "" {
		names = strings.Split(g.c.Opts.Columns, ",")
	}
	rows := &Rows{Names: names, Labels: names}
	for _, name := range names {
		rows.Columns = append(rows.Columns, render.Column{Head: strings.ToUpper(name)})
	}
	g.columns(rows)
	return g.End()
}

// namesOf returns the names of the fields that a struct has in JSON.
func namesOf(v any) []string {
	var names []string
	for _, f := range fieldsOf(v) {
		names = append(names, f.name)
	}
	return names
}

// columns prepares the output of the list, once.
func (g *Gatherer) columns(of *Rows) {
	if g.rows == nil {
		cells := func() []string { return append([]string{g.now.Of}, g.now.list...) }
		text := func(b []byte) ([]byte, error) { return append(b, g.Line(g.now.Of, g.now.text)...), nil }
		g.rows = g.c.Rows(Rows{
			Columns: append([]render.Column{{Head: strings.ToUpper(g.name), Cut: render.CutNever}}, of.Columns...),
			Labels:  append([]string{g.name}, of.Labels...),
			Names:   append([]string{g.name}, of.Names...),
			JSON:    text, Text: text, Cells: cells, Long: cells, Values: cells,
		})
	}
}

// Text returns a line of text of one call as the list has it.
func (g *Gatherer) Text(of string, line []byte) []byte {
	if g.c.Format() == FormatJSON {
		return g.Line(of, line)
	}
	return append([]byte(of+": "), line...)
}

// Line returns a line of output of one call as the list has it: with a field more in JSON,
// and after its name elsewhere.
func (g *Gatherer) Line(of string, line []byte) []byte {
	rest, object := bytes.CutPrefix(line, []byte("{"))
	switch {
	case g.c.Format() != FormatJSON || !object:
		return append([]byte(of+":"), line...)
	}
	head, err := render.AppendJSON(nil, map[string]string{g.name: of})
	if err != nil {
		return line
	}
	head = bytes.TrimRight(head, "}\n")
	if !bytes.HasPrefix(rest, []byte("}")) {
		head = append(head, ',')
	}
	return append(head, rest...)
}
