package main

import (
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
)

// TestPromptMenuTellsApart goes through a menu that is too narrow for its values: no two rows
// show the same, and the row that is marked shows the value that stands in the line.
func TestPromptMenuTellsApart(t *testing.T) {
	t.Parallel()
	const rows, cols = 12, 40
	x := openSized(t, rows, cols, "host = none\n", smtpdsim.Config{Messages: 60, Seed: 1, Mixed: true})
	x.keys("pause mta\r")
	x.expect(`\[mta paused\]> $`) // it leaves little room
	x.edits()
	x.keys("show queue domain=e")
	cut := regexp.MustCompile(`^ *\.\.\.`)
	last := ""
	value := func(l []string) string { // in the line, on the row below that of the prompt
		at := rowWith(l, "show queue")
		if at < 0 || at+2 >= len(l) || !strings.Contains(l[len(l)-1], " more") {
			return last
		}
		return l[at+1]
	}
	for range 9 {
		lines := x.shows(rows, cols, "the next value", func(l []string) bool { return value(l) != last })
		last = value(lines)
		seen, marked := map[string]bool{}, last == "e" // nothing is marked then
		for _, row := range lines[rowWith(lines, "show queue")+2 : len(lines)-1] {
			row = strings.TrimSpace(row)
			if seen[row] {
				t.Errorf("%q twice:\n%s", row, strings.Join(lines, "\n"))
			}
			seen[row] = true
			shown := strings.TrimSuffix(cut.ReplaceAllString(row, ""), "...")
			marked = marked || strings.Contains("domain="+last, shown)
		}
		if !marked {
			t.Errorf("%q is in no row:\n%s", last, strings.Join(lines, "\n"))
		}
		x.arrows("B")
	}
}
