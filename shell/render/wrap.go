package render

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// leastWrap is how many columns a text must have room for where it is wrapped.
const leastWrap = 20

// Wrap breaks the lines of a text that are wider than so many columns between words. A
// line goes on below its last column, where it has columns, else below its beginning. A
// word that is too wide alone stays whole.
func Wrap(text string, cols int) string {
	if cols < leastWrap {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if runewidth.StringWidth(line) > cols {
			lines[i] = wrapLine(line, cols)
		}
	}
	return strings.Join(lines, "\n")
}

// wrapLine is Wrap for a line that is too wide.
func wrapLine(line string, cols int) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if i := strings.LastIndex(line[:min(len(line), cols*2/3)], "  "); i >= indent {
		indent = i + 2 // of a column: it ends with two blanks
		for indent < len(line) && line[indent] == ' ' {
			indent++
		}
	}
	if indent > cols*2/3 {
		indent = 0
	}
	var b strings.Builder
	head := line[:indent]
	b.WriteString(head)
	at := runewidth.StringWidth(head)
	below := strings.Repeat(" ", at)
	first := true
	for _, word := range strings.Split(line[indent:], " ") {
		w := runewidth.StringWidth(word)
		switch {
		case first:
		case at+1+w > cols:
			b.WriteString("\n" + below)
			at = len(below)
		default:
			b.WriteByte(' ')
			at++
		}
		first = false
		b.WriteString(word)
		at += w
	}
	return b.String()
}
