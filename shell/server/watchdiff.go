package server

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// A watchRow is a line of what is watched, which may be coloured.
type watchRow struct {
	raw   string
	words []string
	key   string // by which it is found again
	mark  byte   // '+' if it has come, '-' if it has gone, '*' if it has changed, or ' '
	fresh []bool // which of its words are new
}

// escapes are the colours in a line.
var escapes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

// changing are words that change as time goes by: ages, and numbers.
var (
	changing   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+[smhdw]([0-9]+[smhdw])?$`) })
	countingRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-+]?[0-9][0-9.,:%smhdwkMG/]*$`) })
	idRE       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{16}\b`) })
)

// newWatchRows makes rows of lines, each with a key of its own.
func newWatchRows(lines []string) []watchRow {
	rows := make([]watchRow, len(lines))
	seen := map[string]int{}
	for i, line := range lines {
		plain := escapes().ReplaceAllString(line, "")
		r := watchRow{raw: line, words: strings.Fields(plain), mark: ' '}
		switch {
		case i > 0 && strings.HasPrefix(plain, "  ") && strings.HasPrefix(rows[i-1].key, "id "):
			r.key = "id " + rows[i-1].key // it goes on
		case idRE().MatchString(plain):
			r.key = "id " + plain[:16]
		default:
			r.key = keyOf(r.words)
		}
		if n := seen[r.key]; n > 0 {
			seen[r.key]++
			r.key += " " + strconv.Itoa(n)
		}
		seen[r.key]++
		rows[i] = r
	}
	return rows
}

// keyOf returns what stays the same of a line while its numbers change: its first word
// that is none, up to a = sign.
func keyOf(words []string) string {
	for _, w := range words {
		if name, _, ok := strings.Cut(w, "="); ok && name != "" {
			return name
		}
		if !countingRE().MatchString(w) {
			return w
		}
	}
	return ""
}

// goesOn reports whether a row goes on with the one before it.
func (r *watchRow) goesOn() bool { return strings.HasPrefix(r.key, "id id ") }

// A watchDiff says how rows differ from those before.
type watchDiff struct {
	rows                  []watchRow // with those that have gone, as many as maxGone
	came, gone, different int
}

// maxGone is how many rows that have gone are shown once more.
const maxGone = 20

// diffRows marks what has changed since the rows before. If either were cut off, rows
// that are in one of the two only may be in both: they are not marked. If the layout is
// another, only what has come and gone is told, not which words are new.
func diffRows(before, now []watchRow, whole, sameLayout bool) watchDiff {
	old := make(map[string]int, len(before))
	for i := range before {
		old[before[i].key] = i
	}
	var d watchDiff
	left := map[int][]watchRow{} // rows that have gone, by the index of the one before them
	kept := make(map[string]bool, len(now))
	for i := range now {
		kept[now[i].key] = true
	}
	last := -1
	for i := range before {
		if kept[before[i].key] {
			last = i
			continue
		}
		if !before[i].goesOn() {
			d.gone++
		} else if !sameLayout {
			continue
		}
		if d.gone <= maxGone && whole {
			r := before[i]
			r.mark, r.fresh = '-', nil
			left[last] = append(left[last], r)
		}
	}
	d.rows = append(d.rows, left[-1]...)
	for i := range now {
		r := now[i]
		at, known := old[r.key]
		switch {
		case !known:
			if !r.goesOn() {
				d.came++
			}
			if whole && (sameLayout || !r.goesOn()) {
				r.mark = '+'
			}
		case sameLayout:
			if r.fresh = freshWords(before[at].words, r.words); r.fresh != nil {
				r.mark = '*'
				d.different++
			}
		}
		d.rows = append(d.rows, r)
		if known {
			d.rows = append(d.rows, left[at]...)
		}
	}
	if !whole {
		d.came, d.gone = 0, 0
	}
	return d
}

// maxCompared is how many words of a line are compared.
const maxCompared = 64

// freshWords returns which words were not there before, nil if all were. Ages are all the
// same: they change by themselves.
func freshWords(before, now []string) []bool {
	before, now = before[:min(len(before), maxCompared)], now[:min(len(now), maxCompared)]
	// long[i][j] is how many words from before[i:] and now[j:] are the same, in order.
	long := make([][]int, len(before)+1)
	for i := range long {
		long[i] = make([]int, len(now)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			if sameWord(before[i], now[j]) {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	if len(before) == len(now) && long[0][0] == len(now) {
		return nil
	}
	fresh := make([]bool, len(now))
	for i, j := 0, 0; j < len(now); {
		switch {
		case i < len(before) && sameWord(before[i], now[j]):
			i, j = i+1, j+1
		case i < len(before) && long[i+1][j] >= long[i][j+1]:
			i++
		default:
			fresh[j] = true
			j++
		}
	}
	return fresh
}

func sameWord(a, b string) bool {
	return a == b || changing().MatchString(a) && changing().MatchString(b) || cutFrom(a, b) || cutFrom(b, a)
}

// cutFrom reports whether a word is another that was cut to fit into its column.
func cutFrom(cut, whole string) bool {
	before, after, ok := strings.Cut(cut, "…")
	if !ok {
		return false
	}
	wholeBefore, wholeAfter, both := strings.Cut(whole, "…")
	if both { // each was cut
		return (strings.HasPrefix(before, wholeBefore) || strings.HasPrefix(wholeBefore, before)) &&
			(strings.HasSuffix(after, wholeAfter) || strings.HasSuffix(wholeAfter, after))
	}
	return len(whole) >= len(before)+len(after) && strings.HasPrefix(whole, before) && strings.HasSuffix(whole, after)
}
