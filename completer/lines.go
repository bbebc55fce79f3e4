package completer

import (
	"strings"

	"github.com/sahilm/fuzzy"
)

// maxLineSearched is how much of a line is searched for scattered letters, in bytes.
const maxLineSearched = 1024

// RankLines returns up to max lines that match what has been typed; the newest line is
// the last of lines. Lines that contain the text in either case come first, the newest
// first, then lines that contain its letters in that order, the closest first.
func RankLines(lines []string, typed string, max int) []string {
	var out, rest []string
	folded := strings.ToLower(typed)
	for i := len(lines) - 1; i >= 0 && len(out) < max; i-- {
		if strings.Contains(strings.ToLower(lines[i]), folded) {
			out = append(out, lines[i])
		} else {
			rest = append(rest, lines[i])
		}
	}
	if len(out) == max || len(rest) > fuzzyLimit {
		return out
	}
	for _, m := range fuzzy.FindFrom(typed, searched(rest)) {
		if len(out) == max {
			break
		}
		out = append(out, rest[m.Index])
	}
	return out
}

// searched lets the fuzzy package search the beginnings of lines.
type searched []string

func (s searched) String(i int) string { return s[i][:min(len(s[i]), maxLineSearched)] }
func (s searched) Len() int            { return len(s) }
