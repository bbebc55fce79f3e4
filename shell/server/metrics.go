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

// totals are the statistics that never fall. All others may fall.
var totals = []string{
	"queue.bounce", "queue.evpcache.load.hit", "queue.evpcache.load.missed", "queue.evpcache.update.hit", "queue.evpcache.update.missed",
	"scheduler.delivery.loop", "scheduler.delivery.ok", "scheduler.delivery.permfail", "scheduler.delivery.tempfail",
	"scheduler.envelope.expired", "scheduler.envelope.removed", "scheduler.envelope.updated", "smtp.tempfail",
}

// addUp adds the metric that is 1 if smtpd answers, otherwise 0.
func (m metrics) addUp(up int) {
	m.add("opensmtpd_up", "gauge", "Whether smtpd answers.", number("", up))
}

// showMetrics prints all metrics. If a request fails, it prints only whether smtpd
// answers at all, and returns the error. It prints nothing if ctx ends, which tells nothing of
// smtpd.
func showMetrics(ctx context.Context, c *command.Call) error {
	m := metrics{}
	err := m.gather(ctx, c)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		clear(m)
		m.addUp(answers(ctx, c))
	}
	return errors.Join(err, c.PrintPart(newExposition(c, m)))
}

// answers returns 1 if smtpd answers, even if not every request, otherwise 0.
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

// gather collects all metrics.
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

// addStats adds smtpd's statistics and which subsystems are paused.
func (m metrics) addStats(ctx context.Context, conn *protocol.Conn) error {
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return err
		}
		name := "opensmtpd_" + metricName(st.Key)
		help := "smtpd's statistic " + metricText(st.Key) + "."
		value := formatMetric(st.Float())
		switch {
		case st.IsUptime():
			m.add("opensmtpd_start_time_seconds", "gauge", "When smtpd started, in seconds since 1970.", metricSample{value: value})
		case slices.Contains(totals, st.Key):
			m.add(name, "counter", help, metricSample{value: value})
		default:
			m.add(name, "gauge", help, metricSample{value: value})
		}
	}
	st, err := conn.Status(ctx)
	if err != nil {
		return err
	}
	var paused []metricSample
	for _, s := range protocol.Subsystems {
		v := 0
		if st.Paused(s) {
			v = 1
		}
		paused = append(paused, number(label("subsystem", strings.ToLower(s.String())), v))
	}
	m.add("opensmtpd_paused", "gauge", "Whether a subsystem is paused.", paused...)
	return nil
}

// topDomains is how many domains have a sample of their own. The bound is low because
// Prometheus keeps a series for each domain that ever appears.
const topDomains = 10

// addQueue adds the number of envelopes by state and by domain, and the highest age.
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
	var byState, byDomain []metricSample
	for _, s := range slices.Sorted(maps.Keys(states)) {
		byState = append(byState, number(label("state", s), states[s]))
	}
	m.add("opensmtpd_queue_envelopes", "gauge", "Envelopes in the queue by their state.", byState...)
	rest := total
	for _, d := range domains.First(topDomains) {
		if d == queue.Others {
			continue // counted in rest
		}
		rest -= domains[d]
		byDomain = append(byDomain, number(label("domain", d), domains[d]))
	}
	if rest > 0 {
		byDomain = append(byDomain, number(label("domain", queue.Others), rest))
	}
	if len(byDomain) > 0 {
		m.add("opensmtpd_queue_domain_envelopes", "gauge", fmt.Sprintf("Envelopes in the queue for the %d domains that have most, and all others.", topDomains), byDomain...)
	}
	age := int64(0)
	if oldest != math.MaxInt64 {
		age = max(0, time.Now().Unix()-oldest)
	}
	m.add("opensmtpd_queue_oldest_age_seconds", "gauge", "How long the oldest envelope is in the queue.", number("", age))
	return nil
}

// addSpool adds the number of envelope files that smtpd does not list. It adds nothing
// if the spool is on another machine, cannot be read, or takes longer than
// disk.UnlistedWait.
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
	m.add("opensmtpd_spool_unlisted_envelopes", "gauge", "Envelope files that smtpd does not list: it refuses them.", number("", len(ids)))
	return nil
}

// addRefused adds the number of envelope files that smtpd does not list for each reason,
// also if it is 0. It adds nothing if ctx ends before all files have been read.
func (m metrics) addRefused(ctx context.Context, c *command.Call, ids []protocol.EnvelopeID) {
	counts, _, all := disk.CountReasons(ctx, c, ids)
	if !all {
		return
	}
	var samples []metricSample
	for _, r := range disk.Reasons {
		samples = append(samples, number(label("reason", string(r)), counts[r]))
	}
	m.add("opensmtpd_spool_refused", "gauge", "Envelope files that smtpd does not list, by the reason that show spool gives.", samples...)
}
