package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// agesInMetrics are the numbers that change with the time.
var agesInMetrics = regexp.MustCompile(`(?m)^(opensmtpd_queue_oldest_age_seconds\S*) \d+$`)

// exposed returns the samples of an exposition by family, each with the label of a machine if
// one is given. The test fails if a family, or a line about it, comes twice, or anything else
// is not as the format wants it.
func exposed(t *testing.T, text, server string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	name, ended := "", false
	for line := range strings.Lines(agesInMetrics.ReplaceAllString(text, "$1 AGE")) {
		line = strings.TrimSuffix(line, "\n")
		rest, head := strings.CutPrefix(line, "# TYPE ")
		switch {
		case ended:
			t.Errorf("%q after the end", line)
		case line == "# EOF":
			ended = true
		case head:
			name, _, _ = strings.Cut(rest, " ")
			if out[name] != nil {
				t.Errorf("%s comes twice", name)
			}
			out[name] = []string{line}
		case strings.HasPrefix(line, "# HELP "+name+" ") && len(out[name]) == 1:
			out[name] = append(out[name], line)
		case !strings.HasPrefix(line, name) || len(out[name]) < 2:
			t.Errorf("%q is not of %s", line, name)
		default:
			if server != "" {
				sample, value, _ := strings.Cut(line, " ")
				sample, labels, _ := strings.Cut(strings.TrimSuffix(sample, "}"), "{")
				line = sample + strings.TrimSuffix(`{server="`+server+`",`+labels, ",") + "} " + value
			}
			out[name] = append(out[name], line)
		}
	}
	if !ended || strings.Count(text, "# EOF") != 1 {
		t.Errorf("no end:\n%s", text)
	}
	return out
}

// hasParser reports whether the official parser is there.
var hasParser = sync.OnceValue(func() bool {
	return exec.Command("/usr/bin/python3", "-c", "import prometheus_client.openmetrics.parser").Run() == nil
})

// parsedByOthers has the official parser and, where it is, Prometheus' own tool read an
// exposition.
func parsedByOthers(t *testing.T, text string) {
	t.Helper()
	if hasParser() {
		cmd := exec.Command("/usr/bin/python3", "-c", "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\nlist(parse(sys.stdin.read()))")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("the official parser: %v, %s\n%s", err, out, text)
		}
	}
	if promtool := os.Getenv("SMTPCTL_TEST_PROMTOOL"); promtool != "" {
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !strings.HasSuffix(line, "_total no help text\n") { // see TestRealMetrics
				t.Errorf("promtool check metrics: %v: %s", err, line)
			}
		}
	}
}

// TestAcrossMetrics prints the metrics of two and of five machines, one of which is this one:
// one exposition, of the samples that each machine alone has, each with its label, in the
// order in which the machines are named.
func TestAcrossMetrics(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, names []string, _ string, sims []*smtpdsim.Server) {
		n := len(sims)
		here, err := smtpdsim.Start(filepath.Join(b.Dir, "smtpd.sock"), smtpdsim.Config{Seed: 9, Messages: 7})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(here.Close)
		names = append(names, "local")
		slices.Reverse(names)
		// A domain that has to be escaped, and is on one machine only.
		sims[0].Add(smtpdsim.Envelope{ID: 0x1000000000001, Text: strings.Replace(tableMail, "example.org", `x"\y.example`, 1)})
		want := map[string][]string{}
		for _, name := range names {
			alone := b.across(name, "show", "stats", "-o", "openmetrics")
			for family, lines := range exposed(t, alone.stdout, name) {
				if want[family] == nil {
					want[family] = lines[:2:2]
				}
				want[family] = append(want[family], lines[2:]...)
			}
		}
		r := b.across(strings.Join(names, ","), "show", "stats", "-o", "openmetrics")
		got := exposed(t, r.stdout, "")
		for family := range want {
			if !slices.Equal(got[family], want[family]) {
				t.Errorf("%s: %q, want %q", family, got[family], want[family])
			}
		}
		if len(got) != len(want) || r.status != 0 || r.stderr != "" || len(want["opensmtpd_up"]) != n+3 {
			t.Errorf("%d families, want %d: %v", len(got), len(want), r)
		}
		parsedByOthers(t, r.stdout)
	})
}

// TestAcrossMetricsDown prints the metrics of machines of which some fail: by ssh, because
// smtpd does not run, because it does not answer every request, because the way is lost. Each
// failing one has only opensmtpd_up, as when it is asked alone, and is named on standard error.
func TestAcrossMetricsDown(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 20}
	ends := cfg
	ends.Tamper = func() func(int, []byte) []byte {
		return func(n int, raw []byte) []byte {
			if n > 3 {
				return nil
			}
			return raw
		}
	}
	m := newFarMachines(t, cfg, cfg, ends, cfg)
	m.configure("Host mx5\nProxyCommand sh -c 'echo go away >&2; exit 1'\n")
	m.sims[1].Close()
	opts := []string{"--timeout", "10s", "--socket", m.socket, "--spool", filepath.Dir(m.socket), "--host"}
	show := func(hosts string) result {
		return runCommand(t, m.command(append(opts[:len(opts):len(opts)], hosts, "show", "stats", "-o", "openmetrics")...), "")
	}
	// Each waits for a machine, and so all do at the same time.
	asked := []string{"mx2", "mx3", "mx5", "mx1,mx2,mx3,mx4,mx5", "mx5,mx2"}
	answers := make([]result, len(asked))
	var all sync.WaitGroup
	for i, hosts := range asked {
		all.Go(func() { answers[i] = show(hosts) })
	}
	all.Wait()
	m.gone()
	const down = "# TYPE opensmtpd_up gauge\n# HELP opensmtpd_up Whether smtpd answers.\n"
	for i, up := range []string{"0", "1", "0"} {
		if r, host := answers[i], asked[i]; r.status != 3 || r.stdout != down+"opensmtpd_up "+up+"\n# EOF\n" || !strings.HasPrefix(r.stderr, "smtpctl: "+host+": ") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s alone: %v", host, r)
		}
	}
	r := answers[3]
	got := exposed(t, r.stdout, "")
	for i, want := range []int{1, 0, 1, 1, 0} {
		whole := i == 0 || i == 3
		if line := fmt.Sprintf(`opensmtpd_up{server="mx%d"} %d`, i+1, want); len(got["opensmtpd_up"]) != 7 || got["opensmtpd_up"][i+2] != line {
			t.Errorf("no %s: %q", line, got["opensmtpd_up"])
		}
		if host := fmt.Sprintf("mx%d", i+1); strings.Contains(r.stderr, "smtpctl: "+host+": ") == whole ||
			(strings.Count(r.stdout, `server="`+host+`"`) > 1) != whole {
			t.Errorf("%s: %v", host, r)
		}
	}
	if r.status != 1 || !strings.HasSuffix(r.stderr, ": failed on mx2, mx3, mx5; to try again there: on mx2,mx3,mx5 show stats\n") || strings.Count(r.stderr, "\n") != 4 {
		t.Errorf("%v", r)
	}
	parsedByOthers(t, r.stdout)
	r = answers[4]
	if want := down + "opensmtpd_up{server=\"mx5\"} 0\nopensmtpd_up{server=\"mx2\"} 0\n# EOF\n"; r.status != 3 || r.stdout != want || strings.Count(r.stderr, "\n") != 2 {
		t.Errorf("all down: %v", r)
	}
	parsedByOthers(t, r.stdout)
	// In a script the machines are reached as they are needed, and one ssh may be killed.
	r = m.run("show stats -o openmetrics\n", append(opts[:len(opts):len(opts)], "mx1,mx2", "-f", "-")...)
	if got := exposed(t, r.stdout, ""); r.status != 1 || len(got["opensmtpd_up"]) != 4 || got["opensmtpd_up"][3] != `opensmtpd_up{server="mx2"} 0` {
		t.Errorf("in a script: %v", r)
	}
	m.killedAsking(t, append(opts[:len(opts):len(opts)], "mx1,mx3", "show", "stats", "-o", "openmetrics"))
}

// killedAsking kills the ssh to mx3 while its smtpd does not answer.
func (m *farMachines) killedAsking(t *testing.T, args []string) {
	t.Helper()
	args[1] = "30s"
	asked := m.sims[2].Requests(protocol.TypeGetStats)
	cmd := m.command(args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); m.sims[2].Requests(protocol.TypeGetStats) == asked; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("mx3 was not asked: %s%s", out.String(), errs.String())
		}
	}
	syscall.Kill(m.master("mx3"), syscall.SIGKILL)
	cmd.Wait()
	m.gone()
	up := exposed(t, out.String(), "")["opensmtpd_up"]
	if cmd.ProcessState.ExitCode() != 1 || len(up) != 4 || up[2] != `opensmtpd_up{server="mx1"} 1` || up[3] != `opensmtpd_up{server="mx3"} 0` || !strings.Contains(errs.String(), "smtpctl: mx3: ") {
		t.Errorf("killed: status %d, %q\n%s", cmd.ProcessState.ExitCode(), up, errs.String())
	}
}
