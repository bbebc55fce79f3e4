package server

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// sizes are those of the screens that monitor is drawn on.
var sizes = [][2]int{{40, 12}, {80, 24}, {200, 50}, {60, 21}, {24, 3}}

// TestMonitorScreen draws screens of all sizes as time goes by, with small numbers and
// with those of ten digits: never more lines than there are rows, never wider than the
// screen, each series on a row of its own with its numbers to the right.
func TestMonitorScreen(t *testing.T) {
	for _, scale := range []uint64{1, 1_234_567_890} {
		var m monitorScreen
		var d, last protocol.Digest
		now := time.Now()
		for n := range 700 {
			now = now.Add(time.Second)
			last = d
			d.Connects += 2 * scale
			d.Enqueued += 3 * scale
			d.Delivered += scale
			d.TemporaryFailures += scale
			g := d.Since(&last)
			m.add(now, &d, &g, n > 0, false, time.Second)
			if n > 20 && n%100 != 0 {
				continue
			}
			for _, size := range sizes {
				for _, color := range []bool{false, true} {
					checkMonitor(t, m.lines(size[0], size[1], size[1], render.NewStyle(color)), size, color, &d)
				}
			}
		}
		if len(m.samples) != maxSamples {
			t.Errorf("%d samples are held", len(m.samples))
		}
	}
}

// checkMonitor looks at a screen.
func checkMonitor(t *testing.T, lines []string, size [2]int, color bool, d *protocol.Digest) {
	t.Helper()
	if len(lines) > size[1] {
		t.Fatalf("%d lines on %d rows", len(lines), size[1])
	}
	series := map[string]bool{}
	end := 0
	for i, line := range lines {
		plain := escapes().ReplaceAllString(line, "")
		if w := render.Width(plain); w > size[0] {
			t.Fatalf("%d columns of %d: %q", w, size[0], plain)
		}
		fields := strings.Fields(plain)
		if len(fields) == 0 {
			break // the plot
		}
		if end == 0 {
			end = len(plain)
		}
		if len(plain) != end || series[fields[0]] {
			t.Fatalf("row %d is not as wide as the others, or comes twice: %q", i, plain)
		}
		series[fields[0]] = true
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"SERIES", "TOTAL", "envelopes", strconv.FormatUint(d.Queued(), 10)} {
		if !strings.Contains(text, want) {
			t.Fatalf("no %q on %v:\n%s", want, size, text)
		}
	}
	if rows := min(size[1], len(monitored())+1); len(series) != rows {
		t.Fatalf("%d rows on %v, want %d:\n%s", len(series), size, rows, text)
	}
	if color != strings.Contains(text, "\x1b") {
		t.Fatalf("colours: %v, %q", color, text)
	}
	if regexp.MustCompile(`\d\.\d`).MatchString(text) {
		t.Fatalf("a number is not whole:\n%s", text)
	}
}

// TestMonitorFits shows as many samples as there is room for, the newest to the right.
func TestMonitorFits(t *testing.T) {
	var m monitorScreen
	var d, last protocol.Digest
	for n := range 50 {
		last = d
		d.Enqueued += 1_000_000_000 + uint64(n)
		g := d.Since(&last)
		m.add(time.Now(), &d, &g, n > 0, false, time.Second)
	}
	for cols, want := range map[int]int{40: 1, 80: 4, 200: 14} {
		line := ""
		for _, l := range m.lines(cols, 24, 24, render.Style{}) {
			if strings.HasPrefix(l, "enqueued") {
				line = l
			}
		}
		if got := len(strings.Fields(line)) - 2; got != want || !strings.HasSuffix(line, " 1000000049") {
			t.Errorf("%d columns: %d samples, want %d: %q", cols, got, want, line)
		}
	}
}

// TestMonitorAway says when smtpd does not answer, and when it was started again.
func TestMonitorAway(t *testing.T) {
	var m monitorScreen
	d, g := protocol.Digest{Startup: 1, Enqueued: 7}, protocol.Digest{}
	m.add(time.Now(), &d, &g, false, false, time.Second)
	m.note = "away since then"
	if text := strings.Join(m.lines(40, 12, 12, render.Style{}), "\n"); !strings.Contains(text, "away since then") || strings.Count(text, "\n") != 11 {
		t.Error(text)
	}
	m.add(time.Now(), &d, &g, false, true, time.Second)
	if text := strings.Join(m.lines(80, 24, 24, render.Style{}), "\n"); strings.Contains(text, "away") || !strings.Contains(text, "was started again") {
		t.Error(text)
	}
	if n := len(m.points); n != 0 {
		t.Errorf("%d points in the plot over a restart", n)
	}
}

// TestMonitorMissed divides by the time that passed if answers were missed, and not by
// less than an interval if an answer came late.
func TestMonitorMissed(t *testing.T) {
	var m monitorScreen
	var d, last protocol.Digest
	now := time.Now()
	for n, passed := range []time.Duration{0, time.Second, time.Minute, time.Millisecond} {
		last = d
		d.Enqueued += 120
		g := d.Since(&last)
		now = now.Add(passed)
		m.add(now, &d, &g, n > 0, false, time.Second)
	}
	for i, want := range []float64{120, 2, 120} {
		if got := rate(m.points[i:i+1], 0); math.Abs(got-want) > want/10 {
			t.Errorf("point %d: %v a second, want %v", i+1, got, want)
		}
	}
	if got := rate(m.points, 0); math.Abs(got-360.0/62) > 0.5 {
		t.Errorf("together: %v a second, want %v", got, 360.0/62)
	}
}

// TestMonitorPlotSpan plots the last five minutes, or 300 intervals if those take longer, over
// all intervals, with no more points than fit and none of the rates lost.
func TestMonitorPlotSpan(t *testing.T) {
	for _, every := range []time.Duration{minInterval, 150 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 999 * time.Millisecond, time.Second,
		1500 * time.Millisecond, 2 * time.Second, time.Minute, time.Hour, maxInterval} {
		for _, slow := range []time.Duration{0, every / 50} { // an answer never comes exactly on time
			var m monitorScreen
			var d, last protocol.Digest
			now := time.Now()
			want := max(5*time.Minute, 300*every)
			for n := range int(want/every)*3/2 + 2 {
				last = d
				d.Enqueued += 10
				g := d.Since(&last)
				now = now.Add(every + slow)
				m.add(now, &d, &g, n > 0, false, every)
				if len(m.points) > plotPoints || len(m.samples) > maxSamples {
					t.Fatalf("%v: %d points, %d samples", every, len(m.points), len(m.samples))
				}
			}
			span := time.Duration(0)
			for _, p := range m.points {
				span += p.span
			}
			if least := want - 2*max(plotStep, every+slow); span < least || span > want+2*max(plotStep, every+slow) {
				t.Errorf("%v: the plot shows %v, want %v", every, span, want)
			}
			if got, want := rate(m.points, 0), 10/(every+slow).Seconds(); math.Abs(got-want) > want/100 {
				t.Errorf("%v: %v a second, want %v", every, got, want)
			}
		}
	}
}

// TestWholeTop ends axes at numbers on which every row with a number has a whole one.
func TestWholeTop(t *testing.T) {
	for _, tt := range []struct {
		most   float64
		height int
		want   int
	}{{0, 6, 1}, {0.3, 6, 1}, {1, 6, 1}, {2.5, 6, 3}, {4, 6, 6}, {7, 6, 12}, {100, 12, 120}, {1234567890, 16, 1600000000}, {5, 7, 7}} {
		got := wholeTop(tt.most, tt.height)
		if got != tt.want {
			t.Errorf("wholeTop(%v, %d) = %d, want %d", tt.most, tt.height, got, tt.want)
		}
		labels := 0
		for row := range tt.height + 1 {
			if wholeLabel(float64(got)*float64(row)/float64(tt.height)) != "" {
				labels++
			}
		}
		if labels < 2 {
			t.Errorf("wholeTop(%v, %d): %d numbers", tt.most, tt.height, labels)
		}
	}
}
