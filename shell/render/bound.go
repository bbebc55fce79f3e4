package render

import (
	"fmt"
	"unicode/utf8"
)

// MaxMessage is how many bytes a message to the user may have: an error, a warning or a
// question.
const MaxMessage = 1000

// Bound shortens a text to about most bytes. It replaces the middle by the number of
// bytes left out, because a message begins with its subject and ends with the cause.
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
