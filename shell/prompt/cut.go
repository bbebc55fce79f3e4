package prompt

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// dots stand for what of a text is left out.
const dots = "..."

// whole returns what the row of the menu that is being drawn shows of its suggestion, given
// what go-prompt would show and the first suggestion that is shown. go-prompt cuts the end off,
// which may leave several suggestions with the same text.
func (m *menuRow) whole(drawn string, top int) string {
	i, width := top+m.down-1, textWidth(drawn)-2 // without the blanks on both sides
	if i < 0 || i >= len(m.texts) || textWidth(m.texts[i]) <= width {
		return drawn
	}
	return " " + runewidth.FillRight(cut(m.texts, i, width), width) + " "
}

// cut returns what is shown of text i in so many columns, which are too few for it: its
// beginning or, if other texts have the same beginning, a part in which it differs from them.
func cut(texts []string, i, width int) string {
	text := texts[i]
	head, differs := runewidth.Truncate(text, width, dots), 0
	for j, other := range texts {
		if j != i && other != text && textWidth(other) > width && runewidth.Truncate(other, width, dots) == head {
			differs = max(differs, common(text, other))
		}
	}
	if differs == 0 || width <= 2*len(dots) {
		return head
	}
	// The longest end that fits, if it holds the difference.
	start := len(text)
	for start > 0 {
		_, size := utf8.DecodeLastRuneInString(text[:start])
		if textWidth(text[start-size:]) > width-len(dots) {
			break
		}
		start -= size
	}
	if start > differs {
		start = differs
	}
	return dots + runewidth.Truncate(text[start:], width-len(dots), dots)
}

// common returns how many bytes two texts have in common at their beginnings, as whole
// characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}
