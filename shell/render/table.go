package render

import (
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"

	"smtpctl/protocol"
)

// A Table writes rows as they come, each column as wide as it was made.
type Table struct {
	Style Style
	cols  []Column
	width int
}

// A Column is one of a table.
type Column struct {
	Head  string
	Width int  // in columns of the screen; 0 for what is left, shared by weight
	Share int  // of what is left
	Right bool // numbers stand to the right
}

// NewTable returns a table that fits into a screen of so many columns.
func NewTable(style Style, width int, cols []Column) *Table {
	left, shares := width-(len(cols)-1), 0
	for _, c := range cols {
		left -= c.Width
		shares += c.Share
	}
	t := &Table{Style: style, cols: append([]Column(nil), cols...), width: width}
	for i := range t.cols {
		if c := &t.cols[i]; c.Share > 0 {
			c.Width = max(left*c.Share/shares, runewidth.StringWidth(c.Head))
			left -= c.Width
			shares -= c.Share
		}
	}
	return t
}

// AppendHeader appends the line with the heads of the columns.
func (t *Table) AppendHeader(b []byte) []byte {
	heads := make([]string, len(t.cols))
	for i, c := range t.cols {
		heads[i] = c.Head
	}
	return t.append(b, heads, t.Style.Bold)
}

// AppendRow appends a row. Texts are escaped, and cut where they are too long.
func (t *Table) AppendRow(b []byte, cells []string, paint func(string) string) []byte {
	return t.append(b, cells, paint)
}

func (t *Table) append(b []byte, cells []string, paint func(string) string) []byte {
	var line strings.Builder
	for i, text := range cells {
		c := t.cols[i]
		text = Safe(text)
		n := runewidth.StringWidth(text)
		if n > c.Width {
			text = runewidth.Truncate(text, c.Width, ellipsis())
			n = runewidth.StringWidth(text)
		}
		pad := strings.Repeat(" ", max(0, c.Width-n))
		if i > 0 {
			line.WriteByte(' ')
		}
		if c.Right {
			line.WriteString(pad)
			pad = ""
		}
		line.WriteString(text)
		line.WriteString(pad)
	}
	text := strings.TrimRight(line.String(), " ")
	if paint != nil {
		text = paint(text)
	}
	return append(append(b, text...), '\n')
}

// queueColumns are those of a listing of envelopes.
var queueColumns = []Column{
	{Head: "ID", Width: 16},
	{Head: "AGE", Width: 5, Right: true},
	{Head: "STATE", Width: 9},
	{Head: "TRY", Width: 3, Right: true},
	{Head: "NEXT", Width: 5, Right: true},
	{Head: "FROM", Share: 3},
	{Head: "TO", Share: 3},
	{Head: "ERROR", Share: 4},
}

// NewQueueTable returns a table of envelopes.
func NewQueueTable(style Style, width int) *Table { return NewTable(style, width, queueColumns) }

// AppendEnvelope appends a row of a table of envelopes.
func (t *Table) AppendEnvelope(b []byte, e *protocol.Envelope, now int64, online bool) []byte {
	state, next := "offline", ""
	if online {
		state = State(e.Flags)
		switch in := e.NextTry - now; {
		case state == "inflight":
			next = Age(now - e.NextTry)
		case state != "pending":
		case in <= 0:
			next = "now"
		default:
			next = Age(in)
		}
	}
	if e.Type == protocol.DeliverBounce {
		state = "bounce"
	}
	from := FormatAddress(e.Sender)
	if from == "" {
		from = "<>"
	}
	paint := map[string]func(string) string{
		"inflight": t.Style.Good, "held": t.Style.Warn, "suspended": t.Style.Warn,
	}[state]
	if paint == nil && e.ErrorLine != "" {
		paint = t.Style.Bad
	}
	return t.AppendRow(b, []string{
		e.ID.String(), Age(now - e.Created), state, strconv.Itoa(e.Retry), next, from, FormatAddress(e.Dest), e.ErrorLine,
	}, paint)
}

// Age writes seconds in the two largest units, such as 2d3h.
func Age(t int64) string {
	text := protocol.Duration(max(t, 0))
	units := 0
	for i, r := range text {
		if r >= 'a' && r <= 'z' {
			if units++; units == 2 {
				text = text[:i+1]
				break
			}
		}
	}
	if len(text) > 5 { // 10h30m
		text = text[:strings.IndexAny(text, "dhms")+1]
	}
	return text
}
