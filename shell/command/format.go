package command

import (
	"slices"
	"strconv"
)

// Format returns the output format: the one that the user asks for, otherwise a table
// on a terminal and the bytes of OpenSMTPD's smtpctl elsewhere.
func (c *Call) Format() string {
	switch {
	case c.Opts.Output != formatAuto:
		return c.Opts.Output
	case c.Out.Tty:
		return FormatTable
	}
	return FormatPlain
}

// ForPeople chooses a table as the output format, unless the user asked for another
// one.
func (c *Call) ForPeople() {
	if c.Opts.Output == formatAuto {
		c.Opts.Output = FormatTable
	}
}

// Roomy reports whether the output format has room for every field.
func (c *Call) Roomy() bool { return c.Format() == FormatExpanded }

// HasColumns reports whether the output format has columns, which can be chosen.
func (c *Call) HasColumns() bool {
	return slices.Contains([]string{FormatTable, FormatExpanded, FormatCSV, FormatTSV}, c.Format())
}

// Width returns how many columns of the screen a table may have, or 0 for any number.
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
