package command

// A Part is what one machine contributes to a result that is one for several machines,
// such as numbers that are added up. It is not printed before it has been joined with the
// parts of the other machines.
type Part interface {
	// Join adds the part of another machine, which has the same type and comes from the
	// same command. The parts of many machines are joined in any order, one at a time.
	Join(other Part)
	// Print prints the result.
	Print(c *Call) error
}

// PrintPart prints a result of which other machines may have parts.
func (c *Call) PrintPart(p Part) error {
	if c.Join != nil {
		c.ended = true
		c.Join(p)
		return nil
	}
	return p.Print(c)
}
