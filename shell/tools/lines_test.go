package tools

import (
	"context"
	"strings"
	"testing"
)

// TestLongestLine reads the longest line, and refuses one that is longer by a byte.
func TestLongestLine(t *testing.T) {
	for _, end := range []string{"", "\n", "\nsecret\n"} {
		for n, ok := range map[int]bool{maxInputLine: true, maxInputLine + 1: false} {
			var got error
			for line, err := range lines(context.Background(), strings.NewReader(strings.Repeat("x", n)+end)) {
				if got = err; err == nil && line != "secret" && len(line) != n {
					t.Errorf("%d bytes: a line of %d", n, len(line))
				}
			}
			if (got == nil) != ok {
				t.Errorf("%d bytes and %q: %v", n, end, got)
			}
		}
	}
}
