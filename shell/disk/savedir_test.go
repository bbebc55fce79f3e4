package disk

import "testing"

func TestAbove(t *testing.T) {
	for path, want := range map[string]string{"/a/b": "/a", "/a": "/", "a": ".", "a/b/": "a", "x/../y": "x/..", ".": "."} {
		if got := above(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
