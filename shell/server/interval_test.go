package server

import (
	"fmt"
	"testing"
)

// TestInterval reads intervals at their bounds.
func TestInterval(t *testing.T) {
	if want := fmt.Sprintf("a time such as 5, 0.5s or 1m, from %v to %v", minInterval, maxInterval); wantInterval != want {
		t.Errorf("%q, want %q", wantInterval, want)
	}
	for text, ok := range map[string]bool{"5": true, "0.1": true, "100ms": true, "24h": true, "86400": true, "0.09": false, "24h1s": false, "": false, "x": false, "-1": false} {
		var f intervalFlag
		if err := f.Set(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
