package main

import (
	"fmt"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
)

// TestAcrossExpect counts the envelopes of all machines before any of them is changed:
// where the number is wrong, or a machine fails, nothing is done on any.
func TestAcrossExpect(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, b *farBed, _ []string, list string, sims []*smtpdsim.Server) {
		n := len(sims)
		b.Config("Host mx9\nProxyCommand false\n")
		left := func() (sum int) {
			for _, sim := range sims {
				sum += len(sim.Envelopes())
			}
			return sum
		}
		all, first := left(), len(sims[0].Envelopes())
		for i, expect := range []int{first, all - 1, all + 1} {
			if !fulltest.Takes(i, 2) {
				continue
			}
			r := b.across(list, "--expect", fmt.Sprint(expect), "remove", "from=*")
			want := fmt.Sprintf("smtpctl: remove \"from=*\": %d envelopes selected on %d machines, %d expected: nothing done on any of them\n", all, n, expect)
			if r.status != 1 || r.stderr != want || left() != all {
				t.Errorf("%d of %d are left: %v, want %s", left(), all, r, want)
			}
		}
		if r := b.across(list+",mx9", "--expect", fmt.Sprint(all), "remove", "from=*"); r.status != 1 || left() != all ||
			!strings.HasPrefix(r.stderr, "smtpctl: mx9: ssh: ") || !strings.Contains(r.stderr, "nothing done on any machine: without mx9 ") || strings.Count(r.stderr, "\n") != 2 {
			t.Errorf("%d of %d are left: %v", left(), all, r)
		}
		if r := b.across(list, "--expect", fmt.Sprint(all), "-n", "remove", "from=*"); r.status != 0 || left() != all {
			t.Errorf("%d of %d are left: %v", left(), all, r)
		}
		if r := b.across(list, "--expect", fmt.Sprint(all), "remove", "from=*"); r.status != 0 || left() != 0 || strings.Count(r.stdout, " removed\n") != n {
			t.Errorf("%d of %d are left: %v", left(), all, r)
		}
	})
}
