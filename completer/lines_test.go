package completer

import (
	"slices"
	"strings"
	"testing"
)

func TestRankLines(t *testing.T) {
	t.Parallel()
	lines := []string{"remove all from=spam@x.example", "show queue", "resume mta", "SHOW Status", "show quick", strings.Repeat("日", 500) + "end"}
	for _, tt := range []struct {
		typed string
		max   int
		want  []string
	}{
		{"show", 9, []string{"show quick", "SHOW Status", "show queue"}},
		{"show", 2, []string{"show quick", "SHOW Status"}},
		{"shq", 9, []string{"show quick", "show queue"}},
		{"rmspam", 9, []string{"remove all from=spam@x.example"}},
		{"日end", 9, []string{lines[5]}},
		{"", 1, []string{lines[5]}},
		{"nothing", 9, nil},
		{"u", 9, []string{"show quick", "SHOW Status", "resume mta", "show queue"}},
	} {
		if got := RankLines(lines, tt.typed, tt.max); !slices.Equal(got, tt.want) {
			t.Errorf("%q, %d: %q, want %q", tt.typed, tt.max, got, tt.want)
		}
	}
}

func BenchmarkRankLines(b *testing.B) {
	var lines []string
	for i := range 2000 {
		lines = append(lines, strings.Repeat("show queue from=a@b.example ", 1+i%5))
	}
	for b.Loop() {
		RankLines(lines, "rmspm", 50)
	}
}
