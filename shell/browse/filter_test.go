package browse

import (
	"testing"
	"time"
)

// TestFilter checks that the library gets keys only, whatever is typed.
func TestFilter(t *testing.T) {
	for _, tt := range [][2]string{
		{"abc", "abc"}, {"\xff", ""}, {"a\xc3", "a"}, {"日本", "日本"}, {"\x1b[A", "\x1b[A"}, {"\x1b", "\x1b"},
		{"\x1b]52;c;eA==\aq", "q"}, {"\x1bPx\x1b\\q", "q"}, {"\x1b]q", ""}, {"\x1b\x1b", "\x1b\x1b"}, {"\x1bNq", "q"},
	} {
		var f filter
		if got := string(f.filter([]byte(tt[0]), time.Now())); got != tt[1] {
			t.Errorf("%q gives %q, want %q", tt[0], got, tt[1])
		}
	}
	var f filter
	now := time.Now()
	got := string(f.filter([]byte("\xe6\x97"), now))
	got += string(f.filter([]byte("\xa5\x1b]x"), now))
	got += string(f.filter([]byte("q"), now))
	got += string(f.filter([]byte("q"), now.Add(time.Second)))
	if got != "日q" {
		t.Errorf("in parts it gives %q", got)
	}
}
