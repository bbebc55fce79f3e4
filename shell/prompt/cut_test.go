package prompt

import (
	"fmt"
	"testing"
)

// TestCut cuts lists of suggestions with the same beginnings, of all widths of characters, to
// all widths that a menu has: what is shown is never wider, and of texts that differ in one place never the
// same twice.
func TestCut(t *testing.T) {
	for _, form := range []string{"domain=example.%s", "'error=550 %s has no MX, tell the postmaster'", "domain=%s.mail.example.com", "to=用户%s@例え.example", "to=e\u0301e\u0301e\u0301%s@x.example"} {
		var texts []string
		for _, s := range []string{"com", "net", "org", "例え", "é"} {
			texts = append(texts, fmt.Sprintf(form, s))
		}
		texts = append(texts, "sort=")
		for width := len(dots) + 1; width < 60; width++ {
			seen := map[string]bool{}
			for i := range texts {
				if textWidth(texts[i]) <= width {
					continue
				}
				got := cut(texts, i, width)
				if textWidth(got) > width {
					t.Errorf("%q in %d columns: %q", texts[i], width, got)
				}
				if seen[got] && width > 3*len(dots) {
					t.Errorf("%q in %d columns: %q twice", texts[i], width, got)
				}
				seen[got] = true
			}
		}
	}
}
