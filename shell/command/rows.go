package command

import (
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// Rows prints many results of one kind. Each call of Print prints the result that the
// functions describe at that time.
type Rows struct {
	JSON, Text func(b []byte) ([]byte, error)
	// Columns are the columns of a table, Labels their names where each column has a
	// line of its own, and Names their names for programs.
	Columns       []render.Column
	Labels, Names []string
	// Cells returns the cells of a table, Long the texts where each column has a line
	// of its own, and Values the values for programs.
	Cells, Long, Values func() []string
	// Key returns what Compare compares of the row, and Limit is how many rows there may
	// be, for a list that is put together of several. Without Compare it has no order.
	Key     func() any
	Compare func(a, b any) int
	Limit   int
	// ID returns the envelope that the row shows. It is nil for lists of something else.
	ID func() protocol.EnvelopeID

	print   func() error
	head    func() error // prints what comes before the first row, also if there is none
	measure func()
	printed int
	scratch []byte
}

// Rows prepares rows for the output format.
func (c *Call) Rows(r Rows) *Rows {
	if c.Gather != nil {
		r.gather(c)
		return &r
	}
	printers[c.Format()].rows(c, &r)
	return &r
}

// Print prints a row.
func (r *Rows) Print() error {
	if err := r.begin(); err != nil {
		return err
	}
	r.printed++
	return r.print()
}

// Measure makes the columns of a table wide enough for the row that the functions
// describe, without printing it.
func (r *Rows) Measure() {
	if r.measure != nil {
		r.measure()
	}
}

// None prints what the format prints if there are no rows.
func (r *Rows) None() error { return r.begin() }

// begin prints the text before the first row.
func (r *Rows) begin() error {
	head := r.head
	if r.head = nil; head == nil {
		return nil
	}
	return head()
}

// append returns a function that prints the bytes that row appends.
func (r *Rows) append(row func(b []byte) ([]byte, error), write func(p []byte) (int, error)) func() error {
	return func() error {
		b, err := row(r.scratch[:0])
		if err != nil {
			return err
		}
		r.scratch = b
		_, err = write(b)
		return err
	}
}

// Limits for the rows by which the widths of columns are chosen.
const (
	minFitted = 24
	maxFitted = 200
)

// A rowTable prints rows as a table. It keeps the first rows until it knows how wide
// they are: a screenful, or all that come within a moment.
type rowTable struct {
	c     *Call
	table *render.Table
	held  [][]string
	wide  [][]string // rows that are only measured
	since time.Time
	most  int
	line  []byte
}

func (tablePrinter) rows(c *Call, r *Rows) {
	_, rows := c.Screen()
	t := &rowTable{c: c, table: render.NewTable(c.Out.Style, c.Width(), r.Columns), most: min(max(rows, minFitted), maxFitted)}
	r.print = func() error { return t.add(r.Cells()) }
	r.measure = func() {
		if t.most > 0 && len(t.wide) < maxFitted {
			t.wide = append(t.wide, slices.Clone(r.Cells()))
		}
	}
}

// add prints a row or keeps it.
func (t *rowTable) add(cells []string) error {
	if t.most == 0 {
		return t.write(t.table.AppendRow(t.line[:0], cells, nil))
	}
	if t.held == nil {
		if err := t.c.Out.drain(); err != nil {
			return err
		}
		t.since = time.Now()
		t.c.Out.held = t.fit
	}
	t.held = append(t.held, slices.Clone(cells))
	if len(t.held) >= t.most || time.Since(t.since) > flushEvery {
		return t.c.Out.drain()
	}
	return nil
}

// fit prints the heads of the columns and the rows kept so far.
func (t *rowTable) fit() error {
	out := t.c.Out
	t.table.Fit(append(t.wide, t.held...))
	if !out.started {
		out.Heads = t.table.HeadLines()
	}
	b := t.table.AppendHeader(t.line[:0])
	for _, cells := range t.held {
		b = t.table.AppendRow(b, cells, nil)
	}
	t.held, t.wide, t.most = nil, nil, 0
	return t.write(b)
}

func (t *rowTable) write(b []byte) error {
	t.line = b
	_, err := t.c.Out.WriteStyled(b)
	return err
}
