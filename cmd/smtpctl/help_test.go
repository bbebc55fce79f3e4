package main

import (
	"slices"
	"strings"
)

// sorted returns the lines of a text in order.
func sorted(text string) string {
	lines := slices.Collect(strings.Lines(text))
	slices.Sort(lines)
	return strings.Join(lines, "")
}
