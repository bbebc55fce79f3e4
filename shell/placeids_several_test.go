package shell

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
)

// idForms are what can stand after a command for the machines 0, 1 and 2: %0 to %2 are their
// names. want are the envelopes that are meant, as machine and message, or all if it is nil;
// refused is what the error says. Each form is about messages of its own.
var idForms = []struct {
	words   string
	want    [][2]int
	refused string
	shows   bool // what changes something refuses it, since the id is shortened
}{
	{words: "%0:abc00000", want: [][2]int{{0, 0}}},
	{words: "%1:abc0010000000001 %1:abc0010000000002", want: [][2]int{{1, 1}}},
	{words: "%0:abc00200 %2:abc00300", want: [][2]int{{0, 2}, {2, 3}}},
	{words: "abc00400", want: [][2]int{{0, 4}, {1, 4}, {2, 4}}},
	{words: "%2:abc00500 abc00600", want: [][2]int{{2, 5}, {0, 6}, {1, 6}, {2, 6}}},
	// Terms narrow down what the ids name, and name nothing themselves.
	{words: "%1:abc00700 from=*", want: [][2]int{{1, 7}}},
	{words: "from=* %0:ABC00800 older=0s %0:abc00800", want: [][2]int{{0, 8}}},
	{words: "%0:abc0090", want: [][2]int{{0, 9}}, shows: true},
	{words: "%0:abc0", refused: "ambiguous", shows: true},
	{words: "%0:abc00a0", want: [][2]int{{0, 10}}, shows: true},
	// What follows is refused, and no machine is asked.
	{words: "abc00b0", refused: "an id that is shortened could be another on each machine: name one host, or write the machine before the id, as in %0:abcd"},
	{words: "%0:abc00b0 %0:abc00b00", refused: "expected 8 or 16 hex digits"},
	{words: "mx9:abc00b00", refused: "an id is of mx9"},
	{words: "%0:abc00b00 mx9:abc00b00", refused: "an id is of mx9"},
	{words: "local:abc00b00 %1:abc00b00", refused: "an id is of local"},
	{words: "%0:abc00b0000000001x", refused: "expected "},
	{words: "%0:00000000", refused: "zero"},
	{words: "%0:", refused: "expected "},
	{words: ":abc00b00", refused: "expected "},
	{words: "@%0:abc00b00", refused: "expected "},
	{words: "'%0;x:abc00b00'", refused: "expected "},
	{words: "'%0 x:abc00b00'", refused: "expected "},
	{words: `"\e[31m:abc00b00"`, refused: "expected "},
	{words: "'$(x):abc00b00'", refused: "expected "},
	{words: "%0:abc00b00:abc00b00", refused: "an id is of "},
	{words: "-- -x%0:abc00b00", refused: "expected "},
	{words: "%0:%1:abc00b00", refused: "an id is of "},
	{words: "%0:_", refused: "expected "},
	{words: "%0:-", refused: "expected "},
	{words: "%0:from=*", refused: "unknown term"},
}

// TestIDsCommandsSeveral gives every command that takes ids all forms of ids, in sessions for
// three machines that have the same envelopes: each acts on its own, and a machine that no id
// names is not asked.
func TestIDsCommandsSeveral(t *testing.T) {
	t.Parallel()
	carriedOut := 0
	for i, c := range idCommands(t) {
		if c.route || !c.more || c.Reach != command.NeedsSocket || c.Live || c.Screen || c.Offers == command.OffersUnlisted {
			continue // the last of which read files, and the machines of a demo have none
		}
		carriedOut++
		n, k := len(hostNames), carriedOut
		hosts := []string{hostNames[i%n], hostNames[(i+1)%n], hostNames[(i+2)%n]}
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			for j, f := range idForms {
				if !fulltest.Takes(k+j, 4) {
					continue
				}
				b := newIDsBed(t, hosts...)
				words := f.words
				for n, host := range hosts {
					words = strings.ReplaceAll(words, fmt.Sprintf("%%%d", n), host)
				}
				refused := strings.ReplaceAll(f.refused, "%0", hosts[0])
				if c.Changes() {
					if f.shows {
						refused = "the whole id"
					}
					b.eval(map[bool]string{true: "pause envelope all", false: "resume envelope all"}[strings.HasPrefix(c.words, "resume")])
				}
				requests := b.requests()
				before := b.state()
				line := "-j " + c.words + " " + words
				out, errs, status := b.eval(line)
				if refused != "" {
					usage := refused != "ambiguous"
					if (status == command.StatusUsage) != usage || status == 0 || !strings.Contains(errs, refused) && !strings.Contains(errs, "expected ") || out != "" || strings.Contains(errs, "\x1b") {
						t.Errorf("%s: %d %s%s", line, status, out, errs)
					}
				} else if status != 0 {
					t.Errorf("%s: %d %s%s", line, status, out, errs)
				}
				var want, meant []string
				for _, m := range f.want {
					if refused == "" {
						want = append(want, hostname.Qualify(hosts[m[0]], bedID(m[1], 0).String()), hostname.Qualify(hosts[m[0]], bedID(m[1], 1).String()))
						meant = append(meant, hosts[m[0]])
					}
				}
				slices.Sort(want)
				got := b.changed(before)
				if !c.Changes() {
					if len(got) > 0 {
						t.Errorf("%s has changed %q", line, got)
					}
					got = idsIn(t, out)
					if strings.Contains(c.Pattern, "<grouping") {
						got, want = nil, nil
						if refused == "" && !strings.Contains(out, fmt.Sprintf(`"count":%d,`, 2*len(f.want))) {
							t.Errorf("%s: %s", line, out)
						}
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q\n%s%s", line, got, want, out, errs)
				}
				for host, n := range b.requests() {
					asked := n > requests[host]
					if refused != "ambiguous" && asked != slices.Contains(meant, host) {
						t.Errorf("%s: asked of %s: %v", line, host, asked)
					}
					if refused == "" && !slices.Contains(meant, host) && (strings.Contains(out, `"server":"`+host+`"`) || strings.Contains(errs, host+":")) {
						t.Errorf("%s: %s is not meant: %s%s", line, host, out, errs)
					}
				}
			}
		})
	}
	if carriedOut < 6 {
		t.Errorf("only %d commands", carriedOut)
	}
}

// requests returns how many requests each machine has got.
func (b *idsBed) requests() map[string]int {
	sum := map[string]int{}
	for host, sim := range b.sims {
		for _, kind := range sim.Types() {
			sum[host] += sim.Requests(kind)
		}
	}
	return sum
}

// idsIn returns the envelopes in the JSON output of a list of several machines.
func idsIn(t *testing.T, out string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e struct{ Server, ID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		ids = append(ids, hostname.Qualify(e.Server, e.ID))
	}
	slices.Sort(ids)
	return ids
}
