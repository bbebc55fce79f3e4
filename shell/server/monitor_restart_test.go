package server

import (
	"bytes"
	"regexp"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// monitorFormats are all formats in which the counters are shown.
var monitorFormats = []string{command.FormatPlain, command.FormatTable, command.FormatJSON}

// TestMonitorBeginsAnew shows counters before and after a start of smtpd in every format: nothing is below zero, and so none
// is near 2^64.
func TestMonitorBeginsAnew(t *testing.T) {
	huge := regexp.MustCompile(`\d{10,}|-\d`)
	digests := []protocol.Digest{
		{Startup: 1, Connects: 90, Disconnects: 80, Enqueued: 5000, Dequeued: 4000, Delivered: 3900, TemporaryFailures: 70, Bounces: 9, Removed: 3, Expired: 2, Loops: 1},
		{Startup: 2, Connects: 1, Enqueued: 7, Dequeued: 2, Delivered: 2},
		{Startup: 2, Connects: 1, Disconnects: 2, Enqueued: 7, Dequeued: 9, Delivered: 3}, // they drift
	}
	for _, format := range monitorFormats {
		var out bytes.Buffer
		opts := command.DefaultOptions()
		opts.Output = format
		c := &command.Call{Opts: opts, Env: command.Env{
			Out: command.NewOutput(&out, false, render.NewStyle(false)), Getenv: func(string) string { return "" },
			Screen: func() (cols, rows int) { return 0, 0 },
		}}
		var screen monitorScreen
		var last protocol.Digest
		for n, d := range digests {
			if err := printDigest(c, n, &d, &last, &screen); err != nil {
				t.Fatal(err)
			}
			last = d
		}
		c.Out.Flush()
		if bad := huge.FindString(regexp.MustCompile(`"time":"[^"]*"`).ReplaceAllString(out.String(), "")); bad != "" {
			t.Errorf("%s: %s in\n%s", format, bad, out.String())
		}
		if n := len(screen.points); n > 1 {
			t.Errorf("%s: %d points in the plot, want none over a start", format, n)
		}
	}
}
