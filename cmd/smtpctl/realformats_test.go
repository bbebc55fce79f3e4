package main

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// needs skips a test on machines that lack a program, or a module of the
// system's own Python.
func needs(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%q does not work here: %v %s", command, err, out)
	}
}

// TestRealFormats has jq read every kind of JSON, and the official parser the
// metrics, of a real smtpd with mail of all kinds.
func TestRealFormats(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: plantedQueue()})
	needs(t, "jq", "--version")
	needs(t, "/usr/bin/python3", "-c", "import prometheus_client.openmetrics.parser")
	d.WaitQueued(len(plantedQueue()))
	ours(t, d, "", "pause", "mta", "from", "127.0.0.1", "for", "blocked.example")
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@temp.example"}})
	firstID(t, d, "to=a@temp.example", "error=?*")
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"b@slow.example"}})
	firstID(t, d, "to=b@slow.example", "state=inflight")
	for line, filter := range map[string]string{
		"show queue":               `select(.id and .state and (.tries >= 0) and (.created | fromdate > 0))`,
		"show queue by domain age": `select(.count > 0 and .ages["5m"] >= 0)`,
		"show queue by error":      `select(.count > 0)`,
		"show status":              `select(.mta == "running")`,
		"show stats":               `select(.name and (.value != null or .time))`,
		"show routes":              `select(.id > 0 and .destination == "127.0.0.1" and .connections >= 0)`,
		"show hosts":               `select(.address == "127.0.0.1")`,
		"show relays":              `select((.kind == "relay" or .kind == "connector") and .domain == "127.0.0.1")`,
		"show hoststats":           `select(.domain and .status and (.time | fromdate > 0))`,
		"show mta paused":          `select(.source == "127.0.0.1" and .domain == "blocked.example")`,
		"pause envelope type=mda":  `select(.command == "pause envelope" and .done == 60)`,
		"remove -n type=mda":       `select(.id or .selected == 60)`,
		"show envelope " + plantedQueue()[0].ID.String(): `select(.state == "offline" and .tries == 30)`,
		"show message " + plantedQueue()[0].ID.String():  `select(.size > 0 and (.text | startswith("Subject: planted")))`,
		"trace smtp": `select(.ok)`,
	} {
		r := ours(t, d, "", append([]string{"-j"}, strings.Fields(line)...)...)
		cmd := exec.Command("jq", "-c", filter)
		cmd.Stdin = strings.NewReader(r.stdout)
		out, err := cmd.CombinedOutput()
		if n := strings.Count(r.stdout, "\n"); err != nil || n == 0 || strings.Count(string(out), "\n") != n {
			t.Errorf("%s: %v, %d lines, jq: %v\n%s", line, r, n, err, out)
		}
	}
	listedAlike(t, d, "show queue", "show queue by error", "show status", "show stats", "show routes", "show hosts", "show relays", "show hoststats",
		"show mta paused", "explain all", "show spool", "show envelope "+plantedQueue()[0].ID.String())
	r := ours(t, d, "", "show", "stats", "-o", "openmetrics")
	cmd := exec.Command("/usr/bin/python3", "-c", `import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
names = [f.name for f in parse(sys.stdin.read())]
assert "opensmtpd_scheduler_envelope" in names and "opensmtpd_paused" in names, names
print(len(names))`)
	cmd.Stdin = strings.NewReader(r.stdout)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the official parser: %v, %s\n%s", err, out, r.stdout)
	}
}

// listedAlike has Python read lists as CSV and TSV: each has as many rows as JSON has
// objects, and a value for each name.
func listedAlike(t *testing.T, d *realsmtpd.Daemon, lines ...string) {
	t.Helper()
	for _, line := range lines {
		n := strings.Count(ours(t, d, "", append([]string{"-j"}, strings.Fields(line)...)...).stdout, "\n")
		for format, dialect := range map[string]string{"csv": "excel", "tsv": "excel-tab"} {
			r := ours(t, d, "", append([]string{"-o", format}, strings.Fields(line)...)...)
			cmd := exec.Command("/usr/bin/python3", "-c", `import csv, sys
rows = list(csv.reader(sys.stdin, dialect=sys.argv[1], strict=True))
assert all(len(row) == len(rows[0]) for row in rows), rows
print(len(rows) - 1)`, dialect)
			cmd.Stdin = strings.NewReader(r.stdout)
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != strconv.Itoa(n) {
				t.Errorf("%s -o %s: %v, %s rows, want %d\n%s", line, format, err, got, n, r.stdout)
			}
		}
	}
}
