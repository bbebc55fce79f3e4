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

// A Row is an envelope in a listing.
type Row struct {
	*protocol.Envelope
	Now    int64 // in seconds since 1970
	Online bool  // it comes from smtpd, and not from a file
}

// A Column says how a listing shows a field.
type Column struct {
	Right bool
	Cut   render.Cutting
	Paint func(style render.Style, cell string) func(string) string
	Cell  func(r Row) string // in a table
	Long  func(r Row) string // on a line of its own; nil for the cell
	Value func(r Row) string // for programs, as in JSON; nil for the cell
}

// DefaultColumns are the columns of a listing unless the user chooses others.
var DefaultColumns = []string{"id", "age", "state", "tries", "next", "from", "to", "error"}

// ParseColumns parses names of fields separated by commas.
func ParseColumns(value string) ([]string, error) {
	names := strings.Split(value, ",")
	for i, name := range names {
		f := Find(Columns(), name)
		if f == nil {
			return nil, fmt.Errorf("unknown column %q: expected some of %s, separated by commas", name, strings.Join(Names(Columns()), ", "))
		}
		if names[i] = f.Name; slices.Contains(names[:i], f.Name) {
			return nil, fmt.Errorf("%q is given twice", name)
		}
	}
	return names, nil
}

// Longer returns the text of a field on a line of its own.
func (c *Column) Longer(r Row) string {
	if c.Long != nil {
		return c.Long(r)
	}
	return c.Cell(r)
}

// ValueOf returns the value of a field for programs.
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

// addressColumn shows an address, and <> for the null sender.
func addressColumn(of func(r Row) protocol.Address) *Column {
	value := func(r Row) string { return render.FormatAddress(of(r)) }
	return &Column{Cut: render.CutAddress, Value: value, Cell: func(r Row) string {
		if text := value(r); text != "" {
			return text
		}
		return "<>"
	}}
}

// toColumn shows the destination of an envelope. Programs get the original recipient.
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

// state returns the state of an envelope. A file has no state.
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

// nextColumn shows when the next attempt is due. For an envelope in flight, it shows
// how long the current attempt has lasted.
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

// timeText returns a time in seconds since 1970 as in JSON, or "" for 0.
func timeText(t int64) string {
	if t == 0 {
		return ""
	}
	return time.Unix(t, 0).UTC().Format(time.RFC3339)
}
