package queue

import "smtpctl/shell/selector"

// A grouping is a field that show queue by tells envelopes apart by, under the name
// that was asked for.
type grouping struct {
	Name  string
	field *selector.Field
}

// is reports whether the grouping is by the field of a name.
func (g *grouping) is(name string) bool { return g.field.Name == name }
