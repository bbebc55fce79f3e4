package server

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A metrics is what one machine has to say in the OpenMetrics text format 1.0, which the
// textfile collector of Prometheus reads: families by their names.
type metrics map[string]*family

// A family is the samples of one name.
type family struct {
	kind    string // gauge or counter
	help    string // escaped
	samples []metricSample
}

// A metricSample is a number with its labels, which are escaped and split by commas; "" for none.
type metricSample struct{ labels, value string }

// number returns a sample of a whole number.
func number[N int | int64](labels string, n N) metricSample {
	return metricSample{labels, fmt.Sprint(n)}
}

// label returns a label of a sample.
func label(name, value string) string { return name + `="` + metricText(value) + `"` }

// add adds a family, unless there is one of its name.
func (m metrics) add(name, kind, help string, samples ...metricSample) {
	if m[name] == nil {
		m[name] = &family{kind, help, samples}
	}
}

// An exposition is the metrics of one machine or, once parts have been joined, those of
// several. It implements command.Part.
type exposition struct {
	labelled bool // each sample names its machine
	machines []machineMetrics
}

// A machineMetrics is the metrics of a machine.
type machineMetrics struct {
	server string
	of     metrics
}

// newExposition returns the metrics of the machine of a call.
func newExposition(c *command.Call, m metrics) *exposition {
	return &exposition{labelled: c.Join != nil, machines: []machineMetrics{{c.Server(), m}}}
}

// Join implements command.Part.
func (e *exposition) Join(other command.Part) {
	e.machines = append(e.machines, other.(*exposition).machines...)
}

// Print implements command.Part. It prints each family once, in the order of their names,
// with the samples of all machines in the order in which the machines are named, and the end
// mark.
func (e *exposition) Print(c *command.Call) error {
	order := strings.Split(c.Opts.Host, ",")
	slices.SortStableFunc(e.machines, func(a, b machineMetrics) int {
		return cmp.Compare(slices.Index(order, a.server), slices.Index(order, b.server))
	})
	heads := map[string]*family{}
	for _, m := range e.machines {
		for name, f := range m.of {
			if heads[name] == nil {
				heads[name] = f
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(heads)) {
		head := heads[name]
		fmt.Fprintf(c.Out, "# TYPE %s %s\n# HELP %s %s\n", name, head.kind, name, head.help)
		suffix := ""
		if head.kind == "counter" {
			suffix = "_total"
		}
		for _, m := range e.machines {
			f := m.of[name]
			if f == nil || f.kind != head.kind { // keys of two statistics may make one name
				continue
			}
			for _, s := range f.samples {
				labels := s.labels
				if e.labelled {
					labels = strings.TrimSuffix(label("server", m.server)+","+labels, ",")
				}
				if labels != "" {
					labels = "{" + labels + "}"
				}
				fmt.Fprintf(c.Out, "%s%s%s %s\n", name, suffix, labels, s.value)
			}
		}
	}
	_, err := fmt.Fprintln(c.Out, "# EOF")
	return err
}

// metricName turns the key of a statistic into the name of a metric, which may have only
// letters, digits and _. It replaces "total", with which the names of counters end.
func metricName(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ReplaceAll(key, "total", "sum"))
}

// metricText escapes a text for a HELP line or the value of a label.
func metricText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(render.Safe(text))
}

// formatMetric returns a number as it is printed.
func formatMetric(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%g", v)
}
