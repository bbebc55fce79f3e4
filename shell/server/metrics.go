package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// totals are the statistics that only grow, as far as smtpd has them; the others
// also fall.
var totals = []string{
	"queue.bounce", "queue.evpcache.load.hit", "queue.evpcache.load.missed", "queue.evpcache.update.hit", "queue.evpcache.update.missed",
	"scheduler.delivery.loop", "scheduler.delivery.ok", "scheduler.delivery.permfail", "scheduler.delivery.tempfail",
	"scheduler.envelope.expired", "scheduler.envelope.removed", "scheduler.envelope.updated", "smtp.tempfail",
}

// A metrics is what is printed in the OpenMetrics text format 1.0, for Prometheus'
// textfile collector: families by their names.
type metrics map[string]string

// add adds a family, if none has its name.
func (m metrics) add(name, kind, help string, samples ...string) {
	if _, twice := m[name]; !twice {
		m[name] = fmt.Sprintf("# TYPE %s %s\n# HELP %s %s\n%s\n", name, kind, name, help, strings.Join(samples, "\n"))
	}
}

// print prints all of it.
func (m metrics) print(c *command.Call) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprint(c.Out, m[name])
	}
	_, err := fmt.Fprintln(c.Out, "# EOF")
	return err
}

// addUp adds whether smtpd answers.
func (m metrics) addUp(up int) {
	m.add("opensmtpd_up", "gauge", "Whether smtpd answers.", fmt.Sprintf("opensmtpd_up %d", up))
}

// showMetrics prints the statistics, what the queue holds, and that smtpd answers; only
// that it does not, if it does not.
func showMetrics(ctx context.Context, c *command.Call) error {
	m := metrics{}
	err := m.gather(ctx, c)
	if err != nil {
		clear(m)
		m.addUp(answers(ctx, c))
	}
	return errors.Join(err, m.print(c))
}

// answers returns 1 if smtpd answers, though not all of what was asked for, else 0.
func answers(ctx context.Context, c *command.Call) int {
	conn, err := c.Conn(ctx)
	if err != nil {
		return 0
	}
	if _, err := conn.Status(ctx); err != nil {
		return 0
	}
	return 1
}

// gather asks for all that there is.
func (m metrics) gather(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	m.addUp(1)
	if err := m.addStats(ctx, conn); err != nil {
		return err
	}
	if err := m.addQueue(ctx, conn); err != nil {
		return err
	}
	return m.addSpool(ctx, c, conn)
}

// addStats adds smtpd's statistics, and what is paused.
func (m metrics) addStats(ctx context.Context, conn *protocol.Conn) error {
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return err
		}
		name := "opensmtpd_" + metricName(st.Key)
		help := "smtpd's statistic " + metricHelp(st.Key) + "."
		value := formatMetric(st.Float())
		switch {
		case st.IsUptime():
			m.add("opensmtpd_start_time_seconds", "gauge", "When smtpd started, in seconds since 1970.", "opensmtpd_start_time_seconds "+value)
		case slices.Contains(totals, st.Key):
			m.add(name, "counter", help, name+"_total "+value)
		default:
			m.add(name, "gauge", help, name+" "+value)
		}
	}
	st, err := conn.Status(ctx)
	if err != nil {
		return err
	}
	var paused []string
	for _, s := range protocol.Subsystems {
		v := "0"
		if st.Paused(s) {
			v = "1"
		}
		paused = append(paused, fmt.Sprintf("opensmtpd_paused{subsystem=\"%s\"} %s", strings.ToLower(s.String()), v))
	}
	m.add("opensmtpd_paused", "gauge", "Whether a subsystem is paused.", paused...)
	return nil
}

// topDomains is how many domains have a number of their own: each new one is another
// series for Prometheus to keep.
const topDomains = 10

// addQueue adds how many envelopes there are by state and domain, and the oldest age.
func (m metrics) addQueue(ctx context.Context, conn *protocol.Conn) error {
	states := map[string]int{"pending": 0, "inflight": 0, "held": 0, "suspended": 0}
	domains := queue.Tops{}
	total, oldest := 0, int64(math.MaxInt64)
	for e, err := range conn.Envelopes(ctx) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		total++
		states[render.State(e.Flags)]++
		if e.Created > 0 {
			oldest = min(oldest, e.Created)
		}
		domains.Add(strings.ToLower(e.Dest.Domain))
	}
	var byState, byDomain []string
	for _, s := range slices.Sorted(maps.Keys(states)) {
		byState = append(byState, fmt.Sprintf("opensmtpd_queue_envelopes{state=\"%s\"} %d", metricHelp(s), states[s]))
	}
	m.add("opensmtpd_queue_envelopes", "gauge", "Envelopes in the queue by their state.", byState...)
	rest := total
	for _, d := range domains.First(topDomains) {
		if d == queue.Others {
			continue // they are in the rest
		}
		rest -= domains[d]
		byDomain = append(byDomain, fmt.Sprintf("opensmtpd_queue_domain_envelopes{domain=\"%s\"} %d", metricHelp(d), domains[d]))
	}
	if rest > 0 {
		byDomain = append(byDomain, fmt.Sprintf("opensmtpd_queue_domain_envelopes{domain=\"(others)\"} %d", rest))
	}
	if len(byDomain) > 0 {
		m.add("opensmtpd_queue_domain_envelopes", "gauge", fmt.Sprintf("Envelopes in the queue for the %d domains that have most, and all others.", topDomains), byDomain...)
	}
	age := int64(0)
	if oldest != math.MaxInt64 {
		age = max(0, time.Now().Unix()-oldest)
	}
	m.add("opensmtpd_queue_oldest_age_seconds", "gauge", "How long the oldest envelope is in the queue.", fmt.Sprintf("opensmtpd_queue_oldest_age_seconds %d", age))
	return nil
}

// addSpool adds how many envelope files smtpd does not list, where its files can be read
// in time.
func (m metrics) addSpool(ctx context.Context, c *command.Call, conn *protocol.Conn) error {
	if !disk.OwnSpool(c) {
		return nil
	}
	look, cancel := context.WithTimeout(ctx, disk.UnlistedWait)
	defer cancel()
	ids, err := disk.UnlistedTwice(look, c, conn, disk.DeepQueue)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), look.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	m.addRefused(look, c, ids)
	m.add("opensmtpd_spool_unlisted_envelopes", "gauge", "Envelope files that smtpd does not list: it refuses them.", fmt.Sprintf("opensmtpd_spool_unlisted_envelopes %d", len(ids)))
	return nil
}

// addRefused adds the envelope files that smtpd does not list by their reasons, each of
// them in any case, if there is time.
func (m metrics) addRefused(ctx context.Context, c *command.Call, ids []protocol.EnvelopeID) {
	counts, _, all := disk.CountReasons(ctx, c, ids)
	if !all {
		return
	}
	var samples []string
	for _, r := range disk.Reasons {
		samples = append(samples, fmt.Sprintf("opensmtpd_spool_refused{reason=\"%s\"} %d", r, counts[r]))
	}
	m.add("opensmtpd_spool_refused", "gauge", "Envelope files that smtpd does not list, by the reason that show spool gives.", samples...)
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
