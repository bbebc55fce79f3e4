package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestAcrossLast explains envelopes of two machines over ssh, which have the same ids, and removes
// what was explained: on just those machines of which it was.
func TestAcrossLast(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	sims := b.twins(10)
	var script strings.Builder
	message := 0
	var want [2]int // how many are removed
	for _, form := range []struct {
		words string // %s is an id
		of    [2]int
	}{
		{"explain %s", [2]int{1, 1}},
		{"explain mx1:%s", [2]int{1, 0}},
		{"explain mx2:%s mx1:%s", [2]int{1, 1}},
		{"explain mx2:%s from=*", [2]int{0, 1}},
		{"explain mx2:%s limit=1", [2]int{0, 1}},
		{"explain %s to=none@y.example", [2]int{}},
		{"explain mx1:%s ; on mx1,mx2 show queue by domain _ limit=1", [2]int{1, 0}},
	} {
		line := strings.ReplaceAll(form.words, "%s", acrossID(message, 1).String())
		message++
		fmt.Fprintf(&script, "on mx1,mx2 %s\nremove _\n", strings.ReplaceAll(line, " ; ", "\n"))
		for i := range want {
			want[i] += form.of[i]
		}
	}
	r := b.run(script.String(), "-k", "--socket", filepath.Join(b.Dir, "smtpd.sock"), "-f", "-")
	for i, sim := range sims {
		if got := 20 - len(sim.Envelopes()); got != want[i] {
			t.Errorf("%d envelopes were removed on mx%d, want %d: %v", got, i+1, want[i], r)
		}
	}
	b.gone()
}
