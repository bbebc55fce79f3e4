package server

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A watchRow is a line of the watched command's output.
type watchRow struct {
	raw   string   // the line with its colours
	words []string // without colours
	key   string   // identifies the same row in the next output; unique in an output
	of    string   // the machine that it is about, where there are several; "" if it says none
	mark  byte     // '+' for a new row, '-' for one that has gone, '*' for a changed one, or ' '
	fresh []bool   // which of words are new; nil if none is marked
}

// escapes matches an escape sequence that sets a colour.
var escapes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

// changing matches an age such as 5m or 1h30m, countingRE a number with or without
// units, and idRE the envelope id at the start of a line.
var (
	changing   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+[smhdw]([0-9]+[smhdw])?$`) })
	countingRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-+]?[0-9][0-9.,:%smhdwkMG/]*$`) })
	idRE       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{16}\b`) })
)

// newWatchRows returns the rows for lines, each with a different key. hosts are the machines
// that lines may begin with, if there are several.
func newWatchRows(lines []string, hosts ...string) []watchRow {
	rows := make([]watchRow, len(lines))
	seen := map[string]int{}
	for i, line := range lines {
		plain := escapes().ReplaceAllString(line, "")
		r := watchRow{raw: line, words: strings.Fields(plain), mark: ' '}
		var rest string
		r.of, rest = machineOf(plain, hosts)
		switch {
		case i > 0 && strings.HasPrefix(plain, "  ") && strings.HasPrefix(rows[i-1].key, "id "):
			r.key, r.of = "id "+rows[i-1].key, rows[i-1].of // the row continues the one before it
		case idRE().MatchString(rest):
			r.key = "id " + r.of + " " + rest[:16]
		default:
			r.key = r.of + " " + keyOf(strings.Fields(rest))
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

// machineOf returns the one of some machines with whose name a line begins, and the line
// without it. It returns "" if the line begins with none of them.
func machineOf(line string, hosts []string) (host, rest string) {
	name, rest := line, ""
	if json, ok := strings.CutPrefix(line, `{"server":"`); ok {
		name, rest, _ = strings.Cut(json, `"`)
	} else if i := strings.IndexAny(line, ": ,\t"); i > 0 {
		name, rest = line[:i], strings.TrimLeft(line[i:], ": ,\t")
	}
	if slices.Contains(hosts, name) {
		return name, rest
	}
	return "", line
}

// keyOf returns the part of a line that stays the same while its numbers change: the
// name in front of the first =, or the first word that is not a number, whichever comes
// first.
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

// goesOn reports whether a row continues the one before it.
func (r *watchRow) goesOn() bool { return strings.HasPrefix(r.key, "id id ") }

// A watchDiff is the difference between two outputs of the watched command.
type watchDiff struct {
	rows                  []watchRow // the new rows, and at most maxGone rows that have gone
	came, gone, different int        // how many rows; continuing rows count only as different
}

// maxGone is how many rows that have gone are shown one last time, without the rows that
// continue them, which are shown with them.
const maxGone = 20

// diffRows compares the rows of two outputs. whole is false if one of the outputs was
// cut off: then a row missing from one of them may just be out of sight, so new rows and
// rows that have gone are neither marked nor counted. If sameLayout is false, the columns
// have other widths and words are not compared. The rows of the machines in unknown are
// missing from one of the outputs because those did not answer: they have neither come nor
// gone.
func diffRows(before, now []watchRow, whole, sameLayout bool, unknown map[string]bool) watchDiff {
	old := make(map[string]int, len(before))
	for i := range before {
		old[before[i].key] = i
	}
	var d watchDiff
	left := map[int][]watchRow{} // rows that have gone, by the index in before of the last row that is still there
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
		if unknown[before[i].of] {
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
		case !known && unknown[r.of]:
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

// freshWords returns which of the words of a row are not part of the longest common
// subsequence with its words before. It returns nil if the row has not changed, and only
// false if words were removed but none added. All ages count as equal, because they
// change by themselves, and so do a word and its cut form. Words after the first
// maxCompared are not compared.
func freshWords(before, now []string) []bool {
	before, now = before[:min(len(before), maxCompared)], now[:min(len(now), maxCompared)]
	// long[i][j] is the length of the longest common subsequence of before[i:] and now[j:].
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

// cutFrom reports whether cut has a … and can be a shortened form of whole, which may
// have been shortened, too.
func cutFrom(cut, whole string) bool {
	before, after, ok := strings.Cut(cut, "…")
	if !ok {
		return false
	}
	wholeBefore, wholeAfter, both := strings.Cut(whole, "…")
	if both { // both were shortened
		return (strings.HasPrefix(before, wholeBefore) || strings.HasPrefix(wholeBefore, before)) &&
			(strings.HasSuffix(after, wholeAfter) || strings.HasSuffix(wholeAfter, after))
	}
	return len(whole) >= len(before)+len(after) && strings.HasPrefix(whole, before) && strings.HasSuffix(whole, after)
}
