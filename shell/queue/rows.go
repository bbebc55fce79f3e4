package queue

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// An envelopeWriter prints envelopes one by one.
type envelopeWriter struct {
	rows *command.Rows
	e    *protocol.Envelope // the one that is printed now
	n    int                // printed
	// online says that smtpd lists the printed envelopes.
	online  bool
	listing *command.Listing // takes what was printed
}

// newEnvelopeWriter returns a writer for the columns that the arguments of a call
// choose.
func newEnvelopeWriter(c *command.Call, now int64, online bool) *envelopeWriter {
	w := &envelopeWriter{online: online}
	if c.Gather == nil { // otherwise what is gathered is not shown yet
		w.listing = c.Listing
	}
	fields := columnsIn(c)
	each := func(of func(col *selector.Column, r selector.Row) string) func() []string {
		texts := make([]string, len(fields))
		return func() []string {
			for i, f := range fields {
				texts[i] = of(f.Shown, w.row(now))
			}
			return texts
		}
	}
	rows := command.Rows{
		JSON:   func(b []byte) ([]byte, error) { return render.AppendJSON(b, selector.JSONOf(w.row(now))) },
		Text:   func(b []byte) ([]byte, error) { return selector.AppendPlain(b, w.row(now)), nil },
		Cells:  each(func(col *selector.Column, r selector.Row) string { return col.Cell(r) }),
		Long:   each((*selector.Column).Longer),
		Values: each((*selector.Column).ValueOf),
		ID:     func() protocol.EnvelopeID { return w.e.ID },
	}
	for _, f := range fields {
		col := f.Shown
		rows.Columns = append(rows.Columns, render.Column{Head: f.Column, Right: col.Right, Cut: col.Cut, Paint: col.Paint})
		rows.Labels = append(rows.Labels, f.Name)
		rows.Names = append(rows.Names, f.JSON)
	}
	w.rows = c.Rows(rows)
	return w
}

// row returns the envelope that is printed, as a listing shows it at a time.
func (w *envelopeWriter) row(now int64) selector.Row {
	return selector.Row{Envelope: w.e, Now: now, Online: w.online}
}

// columnsIn returns the fields that a listing shows.
func columnsIn(c *command.Call) []*selector.Field {
	names := selector.DefaultColumns
	if c.Prefs.Columns != nil {
		names = c.Prefs.Columns
	}
	if c.Roomy() {
		names = selector.Names(selector.Columns())
	}
	for _, a := range c.Args {
		if v, ok := a.Value.(columnsArg); ok {
			names = v
		}
	}
	fields := make([]*selector.Field, len(names))
	for i, name := range names {
		fields[i] = selector.Find(selector.Fields(), name)
	}
	return fields
}

// Writer returns a function that prints envelopes as a listing does. listed says that
// smtpd lists the envelope; otherwise it is a file.
func Writer(c *command.Call) func(e *protocol.Envelope, listed bool) error {
	w := newEnvelopeWriter(c, time.Now().Unix(), false)
	return func(e *protocol.Envelope, listed bool) error {
		w.online = listed
		return w.write(e)
	}
}

// ColumnsOf returns the fields that the arguments of a call choose.
func ColumnsOf(c *command.Call) []*selector.Field { return columnsIn(c) }

// write prints an envelope.
func (w *envelopeWriter) write(e *protocol.Envelope) error {
	w.e = e
	w.n++
	if err := w.rows.Print(); err != nil {
		return err
	}
	w.listing.Take(e.ID)
	return nil
}

// SortKeys returns the names of the fields by which a listing can be sorted.
func SortKeys() []string { return selector.Names(selector.Sorted()) }

// A sorter keeps the envelopes that come first in an order: all of them, or as many as
// the limit says.
type sorter struct {
	compare func(a, b *sortedEnvelope) int
	mail    *mailReader // for the order of what messages hold, else nil
	measure func(m selector.Mail, e *protocol.Envelope) (int64, error)
	limit   int
	size    int              // of what is kept, in bytes
	kept    []sortedEnvelope // a heap with the last one on top, if limited
}

// A sortedEnvelope is an envelope with its measured value.
type sortedEnvelope struct {
	protocol.Envelope
	measured int64
}

// newSorter returns a sorter for the name of a field, with - before it for the reverse.
// Equal envelopes come in the order of their ids.
func newSorter(ctx context.Context, c *command.Call, key string, limit int) *sorter {
	name, reverse := strings.CutPrefix(key, "-")
	f := selector.Find(selector.Sorted(), name)
	s := &sorter{limit: limit, measure: f.Measure}
	if s.measure != nil {
		s.mail = newMailReader(ctx, c)
	}
	s.compare = func(a, b *sortedEnvelope) int {
		n := cmp.Or(cmp.Compare(a.measured, b.measured), f.Compare(&a.Envelope, &b.Envelope))
		if reverse {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a.ID, b.ID))
	}
	return s
}

// The sorter implements heap.Interface, with the envelope that comes last on top.
func (s *sorter) Len() int { return len(s.kept) }

func (s *sorter) Less(i, j int) bool { return s.compare(&s.kept[i], &s.kept[j]) > 0 }

func (s *sorter) Swap(i, j int) { s.kept[i], s.kept[j] = s.kept[j], s.kept[i] }

func (s *sorter) Push(x any) { s.kept = append(s.kept, x.(sortedEnvelope)) }

func (s *sorter) Pop() any {
	e := s.kept[len(s.kept)-1]
	s.kept = s.kept[:len(s.kept)-1]
	return e
}

// maxSorted is how many bytes of envelopes are kept to be sorted: some 800,000
// envelopes.
const maxSorted = 512 << 20

// add adds an envelope.
func (s *sorter) add(e *protocol.Envelope) error {
	x := sortedEnvelope{Envelope: *e}
	if s.measure != nil {
		var err error
		if x.measured, err = s.measure(s.mail, e); err != nil {
			s.mail.failed(err) // its message has gone, and so has it
			return s.mail.err
		}
	}
	if s.limit == 0 || len(s.kept) < s.limit {
		if s.size += envelopeSize(e); s.size > maxSorted {
			return fmt.Errorf("the envelopes to be sorted, %d so far, take more than %d bytes: give limit=N, or terms that select fewer", len(s.kept), maxSorted)
		}
	}
	switch {
	case s.limit == 0:
		s.kept = append(s.kept, x)
	case len(s.kept) < s.limit:
		heap.Push(s, x)
	case s.compare(&x, &s.kept[0]) < 0:
		s.size += envelopeSize(e) - envelopeSize(&s.kept[0].Envelope)
		s.kept[0] = x
		heap.Fix(s, 0)
	}
	return nil
}

// envelopeSize returns about how many bytes of memory an envelope takes.
func envelopeSize(e *protocol.Envelope) int {
	n := int(unsafe.Sizeof(sortedEnvelope{}))
	for _, s := range []string{
		e.Sender.User, e.Sender.Domain, e.Rcpt.User, e.Rcpt.Domain, e.Dest.User, e.Dest.Domain, e.ErrorLine, e.Helo, e.Hostname, e.Tag, e.Dispatcher,
		e.SMTPName, e.Username, e.MDAExec, e.MDASubaddress, e.MDAUser, e.BounceType, e.DSNRet, e.DSNEnvID, e.DSNOrcpt.User, e.DSNOrcpt.Domain,
	} {
		n += len(s)
	}
	return n
}

// sorted returns the kept envelopes in order.
func (s *sorter) sorted() []sortedEnvelope {
	slices.SortFunc(s.kept, func(a, b sortedEnvelope) int { return s.compare(&a, &b) })
	return s.kept
}
