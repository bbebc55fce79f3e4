package command

import "strconv"

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

// defaultWidth is how wide a table is that does not go to a terminal.
const defaultWidth = 160

// Width returns how many columns a table may have.
func (c *Call) Width() int {
	if n, err := strconv.Atoi(c.Getenv("COLUMNS")); err == nil && n >= 40 {
		return n
	}
	if cols, _ := c.Screen(); c.Out.Tty && cols > 0 {
		return max(cols, 72)
	}
	if c.Out.Tty {
		return 80
	}
	return defaultWidth
}
