package render

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// leastWrap is the smallest width to which a text is wrapped.
const leastWrap = 20

// Wrap breaks lines of a text that are wider than cols between words. The rest of a
// line is indented to its last column if the line has columns, otherwise to its
// beginning. A single word that is too wide stays whole.
func Wrap(text string, cols int) string {
	if cols < leastWrap {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if shownWidth(line) > cols {
			lines[i] = wrapLine(line, cols)
		}
	}
	return strings.Join(lines, "\n")
}

// Fill joins the lines of prose that were broken within a sentence, for Wrap to break them
// where the screen does. What begins with a blank, as a table does, stays a line.
func Fill(text string) string {
	lines := strings.Split(text, "\n")
	out := lines[:1]
	for _, line := range lines[1:] {
		last := &out[len(out)-1]
		if *last == "" || line == "" || strings.HasPrefix(*last, " ") || strings.HasPrefix(line, " ") || strings.ContainsAny((*last)[len(*last)-1:], ".:?!") {
			out = append(out, line)
			continue
		}
		*last += " " + line
	}
	return strings.Join(out, "\n")
}

// wrapLine is Wrap for one line that is too wide.
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
	at := shownWidth(head)
	below := strings.Repeat(" ", at)
	first := true
	for _, word := range strings.Split(line[indent:], " ") {
		w := shownWidth(word)
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

// shownWidth returns how many columns a text takes. Colours take none.
func shownWidth(text string) int {
	for {
		from := strings.IndexByte(text, '\x1b')
		if from < 0 {
			return runewidth.StringWidth(text)
		}
		to := strings.IndexByte(text[from:], 'm')
		if to < 0 {
			return runewidth.StringWidth(text)
		}
		text = text[:from] + text[from+to+1:]
	}
}
