package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
)

// addMail puts an envelope into the queue of a machine. Machines have envelopes of the same ids.
func (b *idsBed) addMail(host string, n int, domain string) {
	id := protocol.EnvelopeID(uint64(0xee000000+n)<<32 | uint64(n))
	b.sims[host].Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 9999, Text: fmt.Sprintf(
		"version: 3\ndispatcher: relay\ntype: mta\nsender: x@spam.example\nrcpt: b@%s\ndest: b@%s\nctime: %d\n", domain, domain, time.Now().Unix()-int64(100*n))})
}

// spam returns the envelopes of addMail that are in the queues, such as mx1:0.
func (b *idsBed) spam() (out []string) {
	for host, sim := range b.sims {
		for _, e := range sim.Envelopes() {
			if e.ID>>56 == 0xee {
				out = append(out, hostname.Qualify(host, fmt.Sprint(uint32(e.ID))))
			}
		}
	}
	slices.Sort(out)
	return out
}

// newLastBed returns a bed in which mx1 has the envelopes 0 to 3 of addMail, mx2 two of the same
// ids, and mx3 none; local has one, which is never meant.
func newLastBed(t *testing.T) *idsBed {
	b := newIDsBed(t, "mx1", "mx2", "mx3")
	for n, domain := range []string{"a.example", "a.example", "a.example", "b.example"} {
		b.addMail("mx1", n, domain)
		if n < 2 {
			b.addMail("mx2", n, domain)
		}
	}
	b.addMail(command.LocalHost, 0, "a.example")
	return b
}

// TestLastListingSeveral lists the envelopes of several machines in every way, has mail come that
// would be listed too and mail leave, and acts on what was listed: on just that, on its machines.
func TestLastListingSeveral(t *testing.T) {
	t.Parallel()
	all := []string{"mx1:0", "mx1:1", "mx1:2", "mx1:3", "mx2:0", "mx2:1"}
	of1, of2 := all[:4], all[4:]
	for i, tt := range []struct {
		listing string
		listed  []string
	}{
		{"show queue from=@spam.example", all},
		{"show queue from=@spam.example limit=5", all[:5]},
		{"show queue from=@spam.example sort=age limit=3", []string{"mx1:0", "mx2:0", "mx1:1"}},
		{"show queue from=@spam.example sort=-age limit=2", []string{"mx1:3", "mx1:2"}},
		{"show queue from=@spam.example columns=to", all},
		{"show queue -o json from=@spam.example", all},
		{"show queue -o csv from=@spam.example", all},
		{"show queue -o table from=@spam.example", all},
		{"show queue --parallel 1 from=@spam.example", all},
		{"show queue from=@spam.example | sed d", all},
		{"show queue by domain from=@spam.example", all},
		{"show queue by domain from=@spam.example limit=1", []string{"mx1:0", "mx1:1", "mx1:2", "mx2:0", "mx2:1"}},
		{"show queue by domain server from=@spam.example limit=1", []string{"mx1:0", "mx1:1", "mx1:2"}},
		{"show queue by server from=@spam.example limit=1", of1},
		{"remove -n from=@spam.example", all},
		{"schedule --dry-run from=@spam.example domain=b.example", []string{"mx1:3"}},
		{"pause envelope -n mx1:ee00000300000003 mx2:ee000001", []string{"mx1:3", "mx2:1"}},
		{"show queue mx2:ee000001 mx1:ee000003", []string{"mx1:3", "mx2:1"}},
		{"show queue from=@nowhere.example", nil},
		{"show queue by domain from=@nowhere.example", nil},
		{"show queue from=@spam.example; show queue _ domain=b.example", []string{"mx1:3"}},
		{"show queue from=@spam.example; show status; help; show queue by", all},
		{"show queue from=@spam.example --host mx2,mx1", all},
		{"show queue from=@spam.example --host mx2,mx3", of2},
		{"show queue from=@spam.example --host mx3,mx2; on mx2,mx3 show queue _", of2},
	} {
		for j, way := range []string{"connected", "on"} {
			if way == "on" && strings.Contains(tt.listing, "--host") {
				continue
			}
			for k, act := range []string{"remove _", "remove _ from=@spam.example", "pause envelope _; remove state=suspended from=@spam.example", "show queue by from _; remove _",
				"show queue _; remove _", "remove -n _; remove _", "on mx1 remove _; on mx2,mx1 remove _"} {
				if strings.HasPrefix(act, "on mx1") && strings.Contains(tt.listing, "mx3") {
					continue // mx1 was not listed
				}
				if !fulltest.Takes(i+j+k, 8) {
					continue
				}
				t.Run(way+"/"+tt.listing+"/"+act, func(t *testing.T) {
					t.Parallel()
					b := newLastBed(t)
					listing, act := tt.listing, act
					if way == "on" {
						b.s.opts.Host = ""
						listing = "on mx1,mx2,mx3 " + strings.ReplaceAll(listing, "; show", "; on mx1,mx2,mx3 show")
						act = strings.Replace(act, "remove state", "on mx1,mx2,mx3 remove state", 1)
					}
					listing = strings.ReplaceAll(listing, "on mx1,mx2,mx3 show queue _", "show queue _")
					_, lerrs, _ := b.eval(listing)
					for _, host := range []string{"mx1", "mx2", "mx3", command.LocalHost} {
						b.addMail(host, 10, "a.example")
					}
					if out, errs, status := b.eval("on mx1 remove ee00000100000001"); status != 0 {
						t.Fatal(out, errs)
					}
					want := slices.DeleteFunc(b.spam(), func(id string) bool { return slices.Contains(tt.listed, id) })
					out, errs, _ := b.eval(act)
					if got := b.spam(); !slices.Equal(got, want) {
						t.Errorf("in the queues are %v, want %v\n%s%s%s", got, want, lerrs, out, errs)
					}
					left := slices.Contains(tt.listed, "mx1:1")
					if left && !strings.Contains(errs, "left the queue meanwhile") && !strings.Contains(errs, "in the queue any more") {
						t.Errorf("it does not say that one has left: %s%s", out, errs)
					}
					if len(tt.listed) == 0 && !strings.Contains(errs, "showed no envelope") {
						t.Errorf("it does not say that none was listed: %s%s", out, errs)
					}
				})
			}
		}
	}
}

// TestLastListingElsewhere uses _ in a session whose machines are others than those of the last
// listing, or of which one failed: never are more envelopes meant than it showed there.
func TestLastListingElsewhere(t *testing.T) {
	t.Parallel()
	const session, of3 = "", "mx1,mx2,mx3"
	for _, tt := range []struct {
		before, line string
		removed      []string
		status       int
		says         string
	}{
		{"on mx1,mx2 show queue from=@spam.example", "on mx2 remove _", []string{"mx2:0", "mx2:1"}, 0, "_ leaves out 4 envelopes of the last listing on mx1: this command is not for mx1"},
		{"on mx1,mx2 show queue from=@spam.example", "on mx3,mx2 remove _", []string{"mx2:0", "mx2:1"}, 0, "this command is not for mx1"},
		{"on mx1,mx2 show queue from=@spam.example", "on mx3 remove _", nil, command.StatusUsage, "was of another smtpd"},
		{"on mx1,mx2 show queue from=@spam.example", "remove _ --host local", nil, command.StatusUsage, "was of another smtpd"},
		{"on mx1,mx2 show queue from=@spam.example; connect mx3", "remove _", nil, command.StatusUsage, "was of another smtpd"},
		{"on mx1,mx2 show queue from=@spam.example; connect mx3", "remove _ --host mx3", nil, command.StatusUsage, "was of another smtpd"},
		{"on mx1,mx2 show queue from=@spam.example; connect mx2,mx3", "remove _", []string{"mx2:0", "mx2:1"}, 0, "this command is not for mx1"},
		{"connect mx2; show queue from=@spam.example; connect mx2,mx1", "remove _", []string{"mx2:0", "mx2:1"}, 0, ""},
		{"on mx2 show queue from=@spam.example", "remove _", nil, command.StatusUsage, "was of another smtpd"},
		{"on local,mx2 show queue from=@spam.example", "remove _", []string{"local:0", "mx2:0", "mx2:1"}, 0, ""},
		{"on mx1,mx2 show queue from=@spam.example --socket /elsewhere", "remove _", nil, command.StatusUsage, ""},
		{"on mx1,mx2 show queue from=@spam.example; kill mx1", "remove _", []string{"mx2:0", "mx2:1"}, 1, "mx1"},
		{"kill mx1; on mx1,mx2 show queue from=@spam.example", "remove _", []string{"mx2:0", "mx2:1"}, 0, "failed on mx1: no envelopes of there are meant"},
		{"kill mx1; on mx1,mx2 show queue by domain from=@spam.example", "remove _", []string{"mx2:0", "mx2:1"}, 0, "failed on mx1: no envelopes of there are meant"},
		{"kill mx1; kill mx2; on mx1,mx2 show queue from=@spam.example", "remove _", nil, command.StatusUsage, "failed, so it stands for no envelopes"},
		{"kill mx1; on mx1,mx2 show queue from=@spam.example", "on mx1 remove _", nil, command.StatusUsage, "failed, so it stands for no envelopes"},
		{"show queue from=@spam.example", "on mx1,mx2 remove _", nil, command.StatusUsage, "was of another smtpd"},
		{"show queue from=@spam.example", "on mx1,local remove _", []string{"local:0"}, 0, ""},
	} {
		t.Run(tt.before+"/"+tt.line, func(t *testing.T) {
			t.Parallel()
			b := newLastBed(t)
			b.s.opts.Host = session
			was := b.spam()
			for line := range strings.SplitSeq(tt.before, "; ") {
				if host, kill := strings.CutPrefix(line, "kill "); kill {
					b.sims[host].Close()
					continue
				}
				if host, connect := strings.CutPrefix(line, "connect "); connect {
					b.s.opts.Host = host
					continue
				}
				b.eval(line)
			}
			out, errs, status := b.eval(tt.line)
			if status != tt.status || !strings.Contains(errs, tt.says) {
				t.Errorf("status %d, want %d and %q: %s%s", status, tt.status, tt.says, out, errs)
			}
			want := slices.DeleteFunc(was, func(id string) bool { return slices.Contains(tt.removed, id) })
			if got := b.spam(); !slices.Equal(got, want) {
				t.Errorf("in the queues are %v, want %v: %s%s", got, want, out, errs)
			}
		})
	}
}

// TestListingSeveralBounded lists on several machines more than can be held by all of them.
func TestListingSeveralBounded(t *testing.T) {
	t.Parallel()
	hosts := []string{"mx1", "mx2", "mx3"}
	for i, over := range []int{0, 1} {
		for j, how := range []string{"one by one", "all", "counted"} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			l := &command.Listing{By: "show queue"}
			l.Across(hosts, func(host string) string { return host })
			n := command.MaxListed / 2
			for i, host := range hosts[:2] {
				k := n + i*over
				ids := make([]protocol.EnvelopeID, 0, k)
				for id := range k {
					switch id := protocol.EnvelopeID(id + 1); {
					case how == "one by one":
						l.Of(host).Take(id)
					case how == "all" || l.Of(host).Room(len(ids)):
						ids = append(ids, id)
					}
				}
				switch how {
				case "all":
					l.Of(host).TakeAll(ids)
				case "counted":
					l.Of(host).TakeCounted(ids)
				}
			}
			l.Done()
			if _, err := l.IDs(); (err != nil) != (over > 0) || over > 0 && !strings.Contains(err.Error(), "more than 1000000 envelopes") {
				t.Errorf("%s, %d over: %v", how, over, err)
			}
			if got, want := l.Count(), 2*n*(1-over); got != want {
				t.Errorf("%s, %d over: it has %d, want %d", how, over, got, want)
			}
		}
	}
}
