package selector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Row is an envelope as a listing shows it.
type Row struct {
	*protocol.Envelope
	Now    int64 // in seconds since 1970
	Online bool  // it comes from smtpd, and not from a file
}

// A Column says how a field is shown.
type Column struct {
	Right bool
	Cut   render.Cutting
	Paint func(style render.Style, cell string) func(string) string
	Cell  func(r Row) string // in a table
	Long  func(r Row) string // on a line of its own; nil for the cell
	Value func(r Row) string // for programs, as in JSON; nil for the cell
}

// DefaultColumns are those that a listing shows unless others are wanted.
var DefaultColumns = []string{"id", "age", "state", "tries", "next", "from", "to", "error"}

// ParseColumns reads names of fields split by commas.
func ParseColumns(value string) ([]string, error) {
	names := strings.Split(value, ",")
	for i, name := range names {
		f := Find(Columns(), name)
		if f == nil {
			return nil, fmt.Errorf("%q is no column: want some of %s, split by commas", name, strings.Join(Names(Columns()), ", "))
		}
		if names[i] = f.Name; slices.Contains(names[:i], f.Name) {
			return nil, fmt.Errorf("%q is given twice", name)
		}
	}
	return names, nil
}

// Longer returns what is shown of a field on a line of its own.
func (c *Column) Longer(r Row) string {
	if c.Long != nil {
		return c.Long(r)
	}
	return c.Cell(r)
}

// ValueOf returns what programs get of a field.
func (c *Column) ValueOf(r Row) string {
	if c.Value != nil {
		return c.Value(r)
	}
	return c.Cell(r)
}

// textColumn shows a short text.
func textColumn(text func(r Row) string) *Column { return &Column{Cell: text} }

// numberColumn shows a number.
func numberColumn(n func(r Row) int) *Column {
	return &Column{Right: true, Cell: func(r Row) string { return strconv.Itoa(n(r)) }}
}

// addressColumn shows an address, and <> where there is none.
func addressColumn(of func(r Row) protocol.Address) *Column {
	value := func(r Row) string { return render.FormatAddress(of(r)) }
	return &Column{Cut: render.CutAddress, Value: value, Cell: func(r Row) string {
		if text := value(r); text != "" {
			return text
		}
		return "<>"
	}}
}

// toColumn shows where an envelope goes; programs get the recipient as it came.
var toColumn = Column{
	Cut:   render.CutAddress,
	Cell:  func(r Row) string { return render.FormatAddress(r.Dest) },
	Value: func(r Row) string { return render.FormatAddress(r.Rcpt) },
	Long: func(r Row) string {
		to, as := render.FormatAddress(r.Dest), render.FormatAddress(r.Rcpt)
		if as != "" && as != to {
			return to + ", sent to " + as
		}
		return to
	},
}

var errorColumn = Column{
	Cut:   render.CutText,
	Cell:  func(r Row) string { return r.ErrorLine },
	Paint: func(style render.Style, _ string) func(string) string { return style.Bad },
}

var stateColumn = Column{
	Value: state,
	Cell: func(r Row) string {
		if r.Type == protocol.DeliverBounce {
			return "bounce"
		}
		return state(r)
	},
	Paint: func(style render.Style, cell string) func(string) string {
		switch cell {
		case "inflight":
			return style.Good
		case "held", "suspended":
			return style.Warn
		}
		return nil
	},
}

// state returns the state of an envelope; a file does not tell it.
func state(r Row) string {
	if r.Online {
		return render.State(r.Flags)
	}
	return "offline"
}

var ageColumn = Column{
	Right: true,
	Cell:  func(r Row) string { return render.Age(r.Now - r.Created) },
	Value: func(r Row) string { return timeText(r.Created) },
	Long:  func(r Row) string { return render.Age(r.Now-r.Created) + ", since " + timeText(r.Created) },
}

// nextColumn shows when the next attempt is due, or of an envelope in flight for how
// long the current one has gone on.
var nextColumn = Column{
	Right: true,
	Cell:  nextCell,
	Value: func(r Row) string {
		if !r.Online || r.Flags&protocol.FlagInflight != 0 {
			return ""
		}
		return timeText(r.NextTry)
	},
	Long: func(r Row) string {
		text := nextCell(r)
		switch {
		case text == "":
			return ""
		case r.Flags&protocol.FlagInflight != 0:
			return "in flight for " + text
		case text == "now":
			return text
		}
		return "in " + text + ", at " + timeText(r.NextTry)
	},
}

func nextCell(r Row) string {
	if !r.Online {
		return ""
	}
	switch in := r.NextTry - r.Now; {
	case r.Flags&protocol.FlagInflight != 0:
		return render.Age(-in)
	case render.State(r.Flags) != "pending":
		return ""
	case in <= 0:
		return "now"
	default:
		return render.Age(in)
	}
}

// timeText returns a time in seconds since 1970 as JSON has it, nothing for 0.
func timeText(t int64) string {
	if t == 0 {
		return ""
	}
	return time.Unix(t, 0).UTC().Format(time.RFC3339)
}
