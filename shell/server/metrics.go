package server

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A StatJSON is a statistic as JSON shows it.
type StatJSON struct {
	Name  string       `json:"name"`
	Value *float64     `json:"value,omitempty"` // a count, or seconds
	Time  *render.Time `json:"time,omitempty"`
}

func newStatJSON(st protocol.Stat) StatJSON {
	j := StatJSON{Name: st.Key}
	switch {
	case st.IsUptime():
		up := float64(time.Now().Unix() - st.Value)
		j.Value = &up
	case st.Kind == protocol.StatTimestamp:
		t := render.Time(st.Value)
		j.Time = &t
	default:
		v := st.Float()
		j.Value = &v
	}
	return j
}

// A DigestJSON is a line of monitor as JSON shows it: totals, and what they
// gained since the line before.
type DigestJSON struct {
	Time      render.Time `json:"time"`
	Clients   uint64      `json:"clients"`
	Envelopes uint64      `json:"envelopes"`

	Connected    uint64 `json:"connected"`
	Disconnected uint64 `json:"disconnected"`
	Enqueued     uint64 `json:"enqueued"`
	Dequeued     uint64 `json:"dequeued"`
	Delivered    uint64 `json:"delivered"`
	TempFailed   uint64 `json:"tempfailed"`
	PermFailed   uint64 `json:"permfailed"`
	Loops        uint64 `json:"loops"`
	Expired      uint64 `json:"expired"`
	Removed      uint64 `json:"removed"`
	Bounces      uint64 `json:"bounces"`
}

func newDigestJSON(d, last *protocol.Digest) DigestJSON {
	g := d.Since(last)
	return DigestJSON{
		Time: render.Time(d.Timestamp), Clients: d.Clients(), Envelopes: d.Queued(),
		Connected: g.Connects, Disconnected: g.Disconnects, Enqueued: g.Enqueued, Dequeued: g.Dequeued, Delivered: g.Delivered,
		TempFailed: g.TemporaryFailures, PermFailed: g.PermanentFailures, Loops: g.Loops,
		Expired: g.Expired, Removed: g.Removed, Bounces: g.Bounces,
	}
}

// totals are the statistics that only grow, as far as smtpd has them; the others
// also fall.
var totals = []string{
	"queue.bounce", "queue.evpcache.load.hit", "queue.evpcache.load.missed", "queue.evpcache.update.hit", "queue.evpcache.update.missed",
	"scheduler.delivery.loop", "scheduler.delivery.ok", "scheduler.delivery.permfail", "scheduler.delivery.tempfail",
	"scheduler.envelope.expired", "scheduler.envelope.removed", "scheduler.envelope.updated", "smtp.tempfail",
}

// showMetrics prints the statistics in the OpenMetrics text format 1.0, for
// Prometheus' textfile collector.
func showMetrics(ctx context.Context, c *command.Call, conn *protocol.Conn) error {
	families := map[string]string{}
	add := func(name, kind, help, sample string) {
		if _, twice := families[name]; !twice {
			families[name] = fmt.Sprintf("# TYPE %s %s\n# HELP %s %s\n%s\n", name, kind, name, help, sample)
		}
	}
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return err
		}
		name := "opensmtpd_" + metricName(st.Key)
		help := "smtpd's statistic " + metricHelp(st.Key) + "."
		value := formatMetric(st.Float())
		switch {
		case st.IsUptime():
			add("opensmtpd_start_time_seconds", "gauge", "When smtpd started, in seconds since 1970.", "opensmtpd_start_time_seconds "+value)
		case slices.Contains(totals, st.Key):
			add(name, "counter", help, name+"_total "+value)
		default:
			add(name, "gauge", help, name+" "+value)
		}
	}
	st, err := conn.Status(ctx)
	if err != nil {
		return err
	}
	var paused strings.Builder
	for _, s := range protocol.Subsystems {
		v := "0"
		if st.Paused(s) {
			v = "1"
		}
		fmt.Fprintf(&paused, "opensmtpd_paused{subsystem=\"%s\"} %s\n", strings.ToLower(s.String()), v)
	}
	add("opensmtpd_paused", "gauge", "Whether a subsystem is paused.", strings.TrimSuffix(paused.String(), "\n"))
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprint(c.Out, families[name])
	}
	_, err = fmt.Fprintln(c.Out, "# EOF")
	return err
}

// metricName makes a name of a metric of a key: letters, digits and _.
func metricName(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ReplaceAll(key, "total", "sum")) // which ends the names of counters
}

// metricHelp escapes a text for a HELP line.
func metricHelp(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(render.Safe(text))
}

func formatMetric(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%g", v)
}
