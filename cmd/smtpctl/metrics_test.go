package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// metricNames are the names of metrics in a text.
var metricNames = regexp.MustCompile(`opensmtpd_[a-z_0-9]+`)

// TestMetricsOfExamples looks for every metric of the alert rules and of the dashboard in
// what smtpctl prints.
func TestMetricsOfExamples(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 20, Spool: t.TempDir()})
	r := run(t, "--socket", path, "--spool", t.TempDir(), "show", "stats", "-o", "openmetrics")
	printed := map[string]bool{"opensmtpd_spool_unlisted_envelopes": true, "opensmtpd_spool_refused": true} // only where there is a spool
	for line := range strings.Lines(r.stdout) {
		printed[metricNames.FindString(line)] = true
	}
	for _, file := range []string{"prometheus/smtpd.rules.yml", "grafana/smtpd.json", "openmetrics-cron"} {
		text, err := os.ReadFile("../../examples/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := metricNames.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s has no metrics", file)
		}
		for _, name := range names {
			if !printed[name] && !printed[strings.TrimSuffix(name, "_total")] {
				t.Errorf("%s: nothing prints %s", file, name)
			}
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
	}
}

// TestRealMetrics has Prometheus' own tool read the alert rules, and the metrics of a real
// smtpd, of which some mail is refused.
func TestRealMetrics(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	promtool := os.Getenv("SMTPCTL_TEST_PROMTOOL")
	if promtool == "" {
		t.Skip("SMTPCTL_TEST_PROMTOOL does not name promtool")
	}
	var mails []realsmtpd.Mail
	for i := range 15 {
		mails = append(mails, realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("a@d%d.example", i), "b@d0.example"}, Body: "Subject: x\n\nx\n"})
	}
	d.Send(mails...)
	d.WaitQueued(30)
	ours(t, d, "", "pause", "envelope", "to=a@d1.example")
	r := ours(t, d, "", "show", "stats", "-o", "openmetrics")
	for _, want := range []string{
		"opensmtpd_up 1", `opensmtpd_queue_envelopes{state="pending"} 29`, `opensmtpd_queue_envelopes{state="suspended"} 1`,
		`opensmtpd_queue_domain_envelopes{domain="d0.example"} 16`, `opensmtpd_queue_domain_envelopes{domain="(others)"} 5`, `opensmtpd_paused{subsystem="mta"} 1`,
	} {
		if !strings.Contains(r.stdout, want+"\n") {
			t.Errorf("no %s in\n%s", want, r.stdout)
		}
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(r.stdout)
	// It reads the older format, in which counters are called by their samples.
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasSuffix(line, "_total no help text\n") {
			t.Errorf("promtool check metrics: %v: %s", err, line)
		}
	}
	rules, err := filepath.Abs("../../examples/prometheus/smtpd.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", rules).CombinedOutput(); err != nil || !strings.Contains(string(out), "6 rules found") {
		t.Errorf("promtool check rules: %v, %s", err, out)
	}
	d.Stop()
	if r := ours(t, d, "", "show", "stats", "-o", "openmetrics"); r.status != 3 || !strings.Contains(r.stdout, "opensmtpd_up 0\n# EOF\n") {
		t.Errorf("stopped: %v", r)
	}
}
