package render

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestBound cuts texts of all lengths around the bound and far beyond, of characters of one to four bytes.
func TestBound(t *testing.T) {
	for _, unit := range []string{"x", "\u00e4", "\u8a9e", "\U0001d11e"} {
		for _, n := range []int{0, 1, 99, 100, 101, 150, 5000} {
			text := strings.Repeat(unit, n)
			got := Bound(text, 100)
			if len(got) > 100 || !utf8.ValidString(got) || len(text) <= 100 && got != text {
				t.Errorf("%d of %q: %d bytes, %q", n, unit, len(got), got)
			}
			if len(text) > 100 && !strings.Contains(got, " bytes left out ") {
				t.Errorf("%d of %q: %q", n, unit, got)
			}
		}
	}
}
