package render

import (
	"fmt"
	"unicode/utf8"
)

// MaxMessage is how many bytes a message to the user may have, be it an error, a
// warning or a question.
const MaxMessage = 1000

// Bound cuts a text to about most bytes: the middle is left out, since a message
// begins with what it is about and ends with the cause, and how much that is stands
// in its place.
func Bound(text string, most int) string {
	if len(text) <= most {
		return text
	}
	head, tail := most/2, len(text)-most/2+40
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return fmt.Sprintf("%s[... %d bytes left out ...]%s", text[:head], tail-head, text[tail:])
}
