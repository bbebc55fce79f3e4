package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
)

// verdictsIn returns the rows of explain as JSON, without what passes with the time, each with its
// machine.
func verdictsIn(t *testing.T, r result, server string) (out []string) {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		row := map[string]any{}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v in %q of %v", err, line, r)
		}
		if server != "" {
			row["server"] = server
		}
		for _, name := range []string{"reason", "notes"} {
			row[name] = passing.ReplaceAllString(fmt.Sprint(row[name]), "")
		}
		b, _ := json.Marshal(row)
		out = append(out, string(b))
	}
	return out
}

// A scripted collects lines of a script, whose outputs go to files, to run them over one
// connection for each machine.
type scripted struct {
	dir   string
	lines []string
}

// add adds a line, and returns the number of its output.
func (s *scripted) add(words ...string) int {
	s.lines = append(s.lines, fmt.Sprintf("%s > %s", strings.Join(words, " "), filepath.Join(s.dir, fmt.Sprint(len(s.lines)))))
	return len(s.lines) - 1
}

// result returns what a line has printed on standard output.
func (s *scripted) result(t *testing.T, line int) result {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprint(line)))
	if err != nil {
		t.Error(err)
	}
	return result{stdout: string(b)}
}

// run runs the script for several machines, whatever fails.
func (s *scripted) run(b *farBed, hosts string) result {
	return b.run(strings.Join(s.lines, "\n")+"\n", "-k", "--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", hosts, "-f", "-")
}

// laterID returns the id of an envelope that is not due for long.
func laterID(t *testing.T, sim *smtpdsim.Server) string {
	t.Helper()
	id, _, ok := strings.Cut(run(t, "--socket", sim.Path(), "show", "queue", "next=30m-", "limit=1").stdout, "|")
	if !ok {
		t.Fatal("all mail is due soon")
	}
	return id
}

// TestAcrossExplain explains mail of two and of five machines in every form: the union of what
// each machine says alone, the largest groups first, and of an envelope what the machine says
// that has it.
func TestAcrossExplain(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, names []string, list string, sims []*smtpdsim.Server) {
		n := len(sims)
		last := names[n-1]
		s := &scripted{dir: t.TempDir(), lines: []string{"remove next=20m", "resume route all"}} // what would be due meanwhile, or have names looked up
		envelope := laterID(t, sims[n-1])
		formats := []string{"json", "plain", "table", "csv", "tsv"}
		if n > 2 {
			formats = []string{"json", "plain", "csv"}
		}
		for _, words := range []string{"explain domain=example.org", "explain all", "explain from=* state=pending", "explain " + envelope, "explain " + envelope[:8]} {
			for _, name := range names {
				s.add("on", name, words, "-j")
			}
			for _, format := range formats {
				s.add(words, "-o", format)
			}
			s.add(words, "columns=verdict,notes")
			s.add("on", last, words)
		}
		limited := s.add("explain from=* limit=2 -j")
		gone := s.add("explain fffffffffffffff1")
		goneMessage := s.add("explain ffffffff")
		none := s.add("explain domain=none.example -o csv")
		noGroup := s.add("show queue by domain domain=none.example -o csv")
		r := s.run(b, list)
		for form := range 5 {
			at := 2 + form*(n+2+len(formats))
			var want []string
			for i, name := range names {
				want = append(want, verdictsIn(t, s.result(t, at+i), name)...)
			}
			if form >= 3 { // only the last has it
				want = want[len(want)-1:]
			}
			at += n
			json := s.result(t, at)
			got := verdictsIn(t, json, "")
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%s: %q\nwant %q", s.lines[at], got, want)
			}
			counts := regexp.MustCompile(`"count":(\d+)`).FindAllStringSubmatch(json.stdout, -1)
			if !slices.IsSortedFunc(counts, func(a, b []string) int {
				x, _ := strconv.Atoi(a[1])
				y, _ := strconv.Atoi(b[1])
				return y - x
			}) {
				t.Errorf("%s: %q", s.lines[at], counts)
			}
			// Each line of text has the name of its machine.
			for i, format := range formats {
				if format != "plain" && format != "table" {
					continue
				}
				text := s.result(t, at+i).stdout
				for line := range strings.Lines(text) {
					if name, _, _ := strings.Cut(line, ": "); line != "\n" && !slices.Contains(names, name) || form >= 3 && name != last {
						t.Errorf("%s: %q", s.lines[at+1], line)
					}
				}
				for line := range strings.Lines(s.result(t, at+len(formats)+1).stdout) {
					if strings.HasPrefix(line, "do: ") && !strings.Contains(text, "\n"+last+": "+line) {
						t.Errorf("%s: no %q in %s", s.lines[at+1], line, text)
					}
				}
			}
			for i, format := range formats {
				comma := map[string]rune{"csv": ',', "tsv": '\t'}[format]
				if comma == 0 {
					continue
				}
				r := s.result(t, at+i)
				rows := csv.NewReader(strings.NewReader(r.stdout))
				rows.Comma = comma
				all, err := rows.ReadAll()
				if err != nil || len(all) != len(want)+1 || all[0][0] != "server" || !slices.Contains(all[0], "verdict") || !slices.Contains(names, all[1][0]) {
					t.Errorf("%s: %v: %v", s.lines[at+i], err, r)
				}
			}
			if r := s.result(t, at+len(formats)); !strings.HasPrefix(r.stdout, "SERVER  VERDICT") && !strings.HasPrefix(r.stdout, "SERVER VERDICT") || strings.Contains(r.stdout, "REASON") {
				t.Errorf("%v", r)
			}
		}
		if got := verdictsIn(t, s.result(t, limited), ""); len(got) != 2 || strings.Count(r.stderr, "limit= leaves out ") != 1 {
			t.Errorf("limit=2: %q: %v", got, r)
		}
		if r := s.result(t, gone); strings.Count(r.stdout, "gone: it is not in the queue") != n {
			t.Errorf("%v", r)
		}
		if r := s.result(t, goneMessage); r.stdout != "" {
			t.Errorf("%v", r)
		}
		if text := ": no such id in the queue of " + strings.Join(names, ", ") + "\n"; strings.Count(r.stderr, text) != 2 {
			t.Errorf("no %q in %v", text, r)
		}
		if r := s.result(t, none); !strings.HasPrefix(r.stdout, "server,verdict,count,") || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("%v", r)
		}
		// A list that is joined has one line of names, too.
		if r := s.result(t, noGroup); strings.Count(r.stdout, "\n") != 1 || !strings.HasPrefix(r.stdout, "by,name,") {
			t.Errorf("%v", r)
		}
		if strings.Count(r.stderr, "there is nothing to explain") != 1 || strings.Count(r.stderr, "\n") != 4+2*(n-1) {
			t.Errorf("%v", r)
		}
	})
}

// TestAcrossExplainDown explains what the others have where machines fail, and names those.
func TestAcrossExplainDown(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 20}
	dies := cfg
	dies.Tamper = func() func(int, []byte) []byte {
		return func(n int, raw []byte) []byte {
			if n > 2 {
				return nil
			}
			return raw
		}
	}
	m := newFarMachines(t, cfg, cfg, dies)
	m.sims[1].Close()
	id := laterID(t, m.sims[0])
	// Each waits for a machine, and so all do at the same time.
	t.Cleanup(m.gone)
	ask := func(hosts string, words ...string) result {
		return runCommand(t, m.command(append([]string{"--timeout", "12s", "--socket", m.socket, "--spool", filepath.Dir(m.socket), "--host", hosts}, words...)...), "")
	}
	var first sync.WaitGroup
	first.Go(func() {
		if r := ask("mx1,mx2,mx3", "remove", "next=20m"); r.status != 1 {
			t.Errorf("%v", r)
		}
	})
	first.Go(func() { ask("mx1,mx3", "resume", "route", "all") })
	first.Wait()
	for i, words := range [][]string{{"explain", id, "-j"}, {"explain", "all", "-j"}, {"explain", "from=*", "-j"}} {
		if !fulltest.Takes(i, 2) {
			continue
		}
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			t.Parallel()
			want := verdictsIn(t, ask("mx1", words...), "mx1")
			r := ask("mx2,mx1,mx3", words...)
			got := verdictsIn(t, r, "")
			if !slices.Equal(got, want) || r.status != 1 || !strings.Contains(r.stderr, "smtpctl: mx2: connect to ") || !strings.Contains(r.stderr, "smtpctl: mx3: ") || !strings.Contains(r.stderr, "failed on mx2, mx3; to try again there: on mx2,mx3 explain ") {
				t.Errorf("%q: %v\nwant %q", words, r, want)
			}
		})
	}
	// Where a machine that fails could have it, it is not said to be nowhere.
	r := ask("mx1,mx2", "explain", "fffffffffffffff1")
	if r.status != 1 || !strings.Contains(r.stderr, "smtpctl: mx2: ") || !strings.HasSuffix(r.stderr, "no such id in the queue of mx1\n") {
		t.Errorf("%v", r)
	}
	if r = ask("mx2", "explain", "all"); r.status != 3 {
		t.Errorf("%v", r)
	}
}
