package server

import (
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// TestMonitorScreen draws screens of all sizes as time goes by: never more lines
// than there are rows, never wider than the screen.
func TestMonitorScreen(t *testing.T) {
	var m monitorScreen
	var d, last protocol.Digest
	for n := range 700 {
		last = d
		d.Enqueued += 100_000
		d.Delivered += 7
		d.TemporaryFailures += 3
		g := d.Since(&last)
		m.add("line\n", n > 0, &g, time.Second)
		for _, size := range [][2]int{{plotMinCols, plotMinRows}, {80, 24}, {200, 60}, {90, 21}} {
			for _, color := range []bool{false, true} {
				lines := m.lines(size[0], size[1], render.NewStyle(color))
				if len(lines) > size[1] {
					t.Fatalf("after %d: %d lines on %d rows", n, len(lines), size[1])
				}
				for _, line := range lines {
					if w := len([]rune(stripEscapes(line))); w > size[0] {
						t.Fatalf("after %d: %d columns of %d: %q", n, w, size[0], line)
					}
				}
				if text := strings.Join(lines, "\n"); n > 0 && (!strings.Contains(text, "delivered") || color != strings.Contains(text, "\x1b")) {
					t.Fatalf("after %d: %s", n, text)
				}
			}
		}
	}
	if m.samples != 300 {
		t.Errorf("%d samples, want five minutes", m.samples)
	}
}

// stripEscapes takes colours out of a text.
func stripEscapes(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], 'm')
		s = s[:i] + s[i+j+1:]
	}
}
