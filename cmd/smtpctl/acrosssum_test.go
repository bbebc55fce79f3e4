package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// machines makes as many hosts lead to simulations of their own, which have 10, 20, 30...
// messages, and returns their names, what --host takes, and the simulations.
func (b *farBed) machines(n int) (names []string, list string, sims []*smtpdsim.Server) {
	for i := range n {
		name := "mx" + string("123456789abcdefghijklmnopqrstuvwxyz"[i])
		sim, socket := simtest.Start(b.t, smtpdsim.Config{Seed: uint64(i + 1), Messages: 10 * (i + 1)})
		b.Leads(name, socket)
		names, sims = append(names, name), append(sims, sim)
	}
	return names, strings.Join(names, ","), sims
}

// fleetSizes returns how many machines a test has: a few and several in CI, three elsewhere.
func fleetSizes() []int {
	if fulltest.On() {
		return []int{2, 5}
	}
	return []int{2}
}

// eachFleet runs a test on fleets of all sizes, side by side.
func eachFleet(t *testing.T, test func(t *testing.T, b *farBed, names []string, list string, sims []*smtpdsim.Server)) {
	t.Helper()
	for _, n := range fleetSizes() {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			names, list, sims := b.machines(n)
			test(t, b, names, list, sims)
		})
	}
}

// across runs the program for several hosts, which may be slow: the tests share the machine.
func (b *farBed) across(hosts string, args ...string) result {
	b.t.Helper()
	return b.run("", append([]string{"--socket", filepath.Join(b.Dir, "smtpd.sock"), "--timeout", "1m", "--host", hosts}, args...)...)
}

// groupings shows the queues of several hosts by each of several orders, in one script.
func (b *farBed) groupings(hosts string, by []string) result {
	b.t.Helper()
	return b.run("show queue by "+strings.Join(by, " -j\nshow queue by ")+" -j\n",
		"--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", hosts, "-f", "-")
}

// A shownGroup is a group as show queue by prints it.
type shownGroup struct {
	Server, By, Name, Oldest string
	Count, Tries             int
	Errors, Ages             map[string]int
}

func groupsIn(t *testing.T, r result) (out []shownGroup) {
	t.Helper()
	if r.status != 0 {
		t.Errorf("%v", r)
	}
	for d := json.NewDecoder(strings.NewReader(r.stdout)); d.More(); {
		var g shownGroup
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// TestAcrossGroups groups the queues of several machines: a group is the sum of
// those of the machines, and limit= comes after the sum.
func TestAcrossGroups(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, names []string, list string, sims []*smtpdsim.Server) {
		n := len(sims)
		total := 0
		for _, sim := range sims {
			total += len(sim.Envelopes())
		}
		groupings := []string{"domain", "error", "from", "state", "age"}
		want := map[string]map[string]shownGroup{}
		for _, name := range names {
			for _, g := range groupsIn(t, b.groupings(name, groupings)) {
				if want[g.By] == nil {
					want[g.By] = map[string]shownGroup{}
				}
				w, known := want[g.By][g.Name]
				if !known {
					w.Oldest = g.Oldest
				}
				w.Count, w.Tries, w.Oldest = w.Count+g.Count, max(w.Tries, g.Tries), min(w.Oldest, g.Oldest)
				want[g.By][g.Name] = w
			}
		}
		all := groupsIn(t, b.groupings(list, groupings))
		for _, by := range groupings {
			got := slices.DeleteFunc(slices.Clone(all), func(g shownGroup) bool { return g.By != by })
			for i, g := range got {
				w := want[by][g.Name]
				if g.Count != w.Count || g.Tries != w.Tries || g.Oldest != w.Oldest || g.Server != "" {
					t.Errorf("by %s: %+v, want %+v", by, g, w)
				}
				if by != "age" && i > 0 && got[i-1].Count < g.Count {
					t.Errorf("by %s: %d after %d", by, g.Count, got[i-1].Count)
				}
			}
			if len(got) != len(want[by]) || len(got) == 0 {
				t.Errorf("by %s: %d groups, want %d", by, len(got), len(want[by]))
			}
		}
		all = groupsIn(t, b.across(list, "show", "queue", "by", "domain", "-j"))
		s := &scripted{dir: t.TempDir()}
		limited := s.add("show queue by domain limit=2 -j")
		table := s.add("show queue by domain -o table")
		byServer := s.add("show queue by server -j")
		byBoth := s.add("show queue by domain server -j")
		limitedBoth := s.add("show queue by domain server limit=3 -o plain")
		tableBoth := s.add("show queue by domain server -o table")
		none := s.add("show queue from=none@nowhere.example -o csv")
		r := s.run(b, list)
		two := groupsIn(t, s.result(t, limited))
		if len(two) != 2 || two[0].Name != all[0].Name || two[1].Count != all[1].Count || !strings.Contains(r.stderr, fmt.Sprintf("limit= leaves out %d groups", len(all)-2)) || r.status != 0 {
			t.Errorf("%v", r)
		}
		r = s.result(t, table)
		if !strings.Contains(r.stdout, fmt.Sprintf("%d ", total)) || strings.Count(r.stdout, "total") != 1 || strings.Contains(r.stdout, "mx1") {
			t.Errorf("%v", r)
		}
		for i, g := range groupsIn(t, s.result(t, byServer)) {
			if k := n - 1 - i; g.Name != names[k] || g.Count != len(sims[k].Envelopes()) || g.By != "server" {
				t.Errorf("%+v", g)
			}
		}
		sum := map[string]int{}
		for _, g := range groupsIn(t, s.result(t, byBoth)) {
			sum[g.Server] += g.Count
		}
		for i, name := range names {
			if sum[name] != len(sims[i].Envelopes()) || len(sum) != n {
				t.Errorf("%s: %v", name, sum)
			}
		}
		r = s.result(t, limitedBoth)
		if strings.Count(r.stdout, "\n") != 3 || !strings.HasPrefix(r.stdout, names[n-1]+":") {
			t.Errorf("%v", r)
		}
		if r = s.result(t, tableBoth); !strings.HasPrefix(r.stdout, "SERVER") {
			t.Errorf("%v", r)
		}
		if r = s.result(t, none); strings.Count(r.stdout, "\n") != 1 || !strings.HasPrefix(r.stdout, "server,id,") {
			t.Errorf("a list without rows: %v", r)
		}
	})
}

// TestAcrossGroupsFail counts what the others have where one machine fails, and says so.
func TestAcrossGroupsFail(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	_, list, _ := b.machines(2)
	b.Config("Host mx3\nProxyCommand false\n")
	r := b.across(list+",mx3", "show", "queue", "by", "server")
	if r.status != 1 || strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stderr, "smtpctl: mx3: ssh: ") || !strings.Contains(r.stderr, "failed on mx3; to try again there: on mx3 show queue by ") {
		t.Errorf("%v", r)
	}
}

// TestAcrossMany lists more machines in an order than run at a time, each with more rows
// than wait to be printed.
func TestAcrossMany(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	var names []string
	for _, c := range "123456789abcdefghij" {
		names = append(names, "mx"+string(c))
	}
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 400})
	r := b.run("", "--socket", socket, "--host", strings.Join(names, ","), "show", "queue", "sort=age")
	alone := runCommand(t, b.command("--socket", socket, "show", "queue"), "")
	if want := len(names) * strings.Count(alone.stdout, "\n"); strings.Count(r.stdout, "\n") != want || r.status != 0 {
		t.Errorf("%d lines, want %d; status %d: %s", strings.Count(r.stdout, "\n"), want, r.status, r.stderr)
	}
}
