package render

import "github.com/fatih/color"

// A Style colours text for one stream, or leaves it unchanged.
type Style struct{ on bool }

// NewStyle returns a style that colours if on is true.
func NewStyle(on bool) Style { return Style{on} }

// On reports whether the style colours.
func (s Style) On() bool { return s.on }

func (s Style) paint(text string, attrs ...color.Attribute) string {
	c := color.New(attrs...)
	if s.on {
		c.EnableColor()
	} else {
		c.DisableColor()
	}
	return c.Sprint(text)
}

// Error marks what went wrong.
func (s Style) Error(text string) string { return s.paint(text, color.FgRed, color.Bold) }

// Bold marks what a reader looks for first.
func (s Style) Bold(text string) string { return s.paint(text, color.Bold) }

// Good marks what works as it should.
func (s Style) Good(text string) string { return s.paint(text, color.FgGreen) }

// Warn marks what is delayed or suspended.
func (s Style) Warn(text string) string { return s.paint(text, color.FgYellow) }

// Bad marks what has failed.
func (s Style) Bad(text string) string { return s.paint(text, color.FgRed) }
