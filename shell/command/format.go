package command

import (
	"slices"
	"strconv"
)

// Format returns the format that results are to have: unless the user says so,
// a table on a terminal and smtpctl's bytes elsewhere.
func (c *Call) Format() string {
	switch {
	case c.Opts.Output != formatAuto:
		return c.Opts.Output
	case c.Out.Tty:
		return FormatTable
	}
	return FormatPlain
}

// ForPeople makes the results a table unless the user asked for another format.
func (c *Call) ForPeople() {
	if c.Opts.Output == formatAuto {
		c.Opts.Output = FormatTable
	}
}

// Roomy reports whether results have room for all that is known.
func (c *Call) Roomy() bool { return c.Format() == FormatExpanded }

// HasColumns reports whether results come in columns, which can be chosen.
func (c *Call) HasColumns() bool {
	return slices.Contains([]string{FormatTable, FormatExpanded, FormatCSV, FormatTSV}, c.Format())
}

// Width returns how many columns a table may have, 0 for any number.
func (c *Call) Width() int {
	if n, err := strconv.Atoi(c.Getenv("COLUMNS")); err == nil && n >= 40 {
		return n
	}
	if cols, _ := c.Screen(); c.Out.Tty && cols > 0 {
		return max(cols, 40)
	}
	if c.Out.Tty {
		return 80
	}
	return 0
}
