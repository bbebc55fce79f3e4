package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
)

// addMail puts an envelope into the queue of a simulation.
func (q *queueTest) addMail(n int, from, domain string) string {
	id := protocol.EnvelopeID(uint64(0xee000000+n)<<32 | uint64(n))
	q.sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 9999, Text: fmt.Sprintf(
		"version: 3\ndispatcher: relay\ntype: mta\nsender: %s\nrcpt: b@%s\ndest: b@%s\nctime: %d\n", from, domain, domain, time.Now().Unix()-int64(n))})
	return id.String()
}

// queued returns the ids in the queue of a simulation.
func (q *queueTest) queued() []string {
	var ids []string
	for _, e := range q.sim.Envelopes() {
		ids = append(ids, e.ID.String())
	}
	slices.Sort(ids)
	return ids
}

// TestLastListing lists in every way in which envelopes can be listed, has mail come that
// would be listed too and mail leave, and acts on what was listed: on just that.
func TestLastListing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listing string
		listed  []int // of the envelopes 0 to 5
	}{
		{"show queue from=@spam.example", []int{0, 1, 2, 3}},
		{"show queue from=@spam.example limit=2", []int{0, 1}},
		{"show queue from=@spam.example sort=-age limit=2", []int{2, 3}},
		{"show queue from=@spam.example columns=to", []int{0, 1, 2, 3}},
		{"show queue -o json from=@spam.example", []int{0, 1, 2, 3}},
		{"show queue from=@spam.example | sed d", []int{0, 1, 2, 3}},
		{"show queue by domain from=@spam.example", []int{0, 1, 2, 3}},
		{"show queue by domain from=@spam.example limit=1", []int{0, 1, 2}},
		{"explain from=@spam.example", []int{0, 1, 2, 3}},
		{"explain ee00000100000001", []int{1}},
		{"remove -n from=@spam.example", []int{0, 1, 2, 3}},
		{"schedule --dry-run from=@spam.example domain=b.example", []int{3}},
		{"show queue ee000001 ee000003", []int{1, 3}},
		{"show queue ee000001; bounce -n from=@spam.example", []int{1}},
		{"show queue ee000001; requeue -n from=@spam.example", []int{0, 1, 2, 3}},
		{"show queue from=@nowhere.example", nil},
		{"show queue from=@spam.example; show queue _ domain=b.example", []int{3}},
		{"show queue from=@spam.example; show status; help; show queue by", []int{0, 1, 2, 3}},
	} {
		for _, act := range []string{"remove _", "remove _ from=@spam.example", "pause envelope _; remove state=suspended", "show queue by from _; remove _", "explain _; remove _"} {
			t.Run(tt.listing+"/"+act, func(t *testing.T) {
				t.Parallel()
				q := newQueueTest(t)
				q.sim.Add(smtpdsim.Envelope{ID: 0xdd00000000000001, Text: strings.Replace(planted, "lost", "elsewhere", 1)})
				var ids []string
				for n, domain := range []string{"a.example", "a.example", "a.example", "b.example"} {
					ids = append(ids, q.addMail(n, "x@spam.example", domain))
				}
				others := q.queued()
				others = slices.DeleteFunc(others, func(id string) bool { return slices.Contains(ids, id) })
				q.eval(tt.listing)
				newcomers := []string{q.addMail(10, "x@spam.example", "a.example"), q.addMail(11, "x@spam.example", "b.example")}
				if slices.Contains(tt.listed, 1) { // it leaves
					if _, errs, status := q.eval("remove " + ids[1]); status != 0 {
						t.Fatal(errs)
					}
				}
				out, errs, status := q.eval(act)
				left := 0
				for _, n := range tt.listed {
					if n != 1 {
						left++
					}
				}
				none := len(tt.listed) == 1 && left == 0
				if (status != 0) != (none && strings.HasPrefix(act, "remove")) && !strings.HasPrefix(act, "pause") {
					t.Errorf("status %d: %s%s", status, out, errs)
				}
				want := append(slices.Clone(others), newcomers...)
				for n, id := range ids {
					if n != 1 && !slices.Contains(tt.listed, n) || n == 1 && !slices.Contains(tt.listed, 1) {
						want = append(want, id)
					}
				}
				slices.Sort(want)
				if got := q.queued(); !slices.Equal(got, want) {
					t.Errorf("in the queue are %v, want %v\n%s%s", got, want, out, errs)
				}
				switch {
				case len(tt.listed) == 0:
					if !strings.Contains(errs, "showed no envelope") {
						t.Errorf("%s%s", out, errs)
					}
				case slices.Contains(tt.listed, 1) && !none && !strings.Contains(errs, "1 envelope of the last listing"):
					t.Errorf("it does not say that one has left: %s%s", out, errs)
				}
			})
		}
	}
}

// TestNoLastListing checks that where it is not known what was listed last, nothing is
// done and the reason is told.
func TestNoLastListing(t *testing.T) {
	t.Parallel()
	other := newQueueTest(t).s.opts.Socket
	for _, tt := range []struct {
		before, want string
		status       int
	}{
		{"", "nothing was listed in this session", command.StatusUsage},
		{"show status; show queue by; pause mta", "nothing was listed in this session", command.StatusUsage},
		{"show queue; explain 1234567812345678", `the last listing, explain 1234567812345678, failed, so it stands for no envelopes: list them anew`, command.StatusUsage},
		{"show queue --from .", "was of copies of mail", command.StatusUsage},
		{"show queue --socket " + other, "was of another smtpd", command.StatusUsage},
		{"show queue --follow", "nothing was listed in this session", command.StatusUsage},
	} {
		q := newQueueTest(t)
		if !strings.Contains(tt.before, "--follow") {
			q.eval(tt.before)
		}
		before := q.queued()
		for _, act := range []string{"remove _", "show queue _", "show queue by domain _", "explain _", "schedule _ batch=2", "wait empty _", "bounce _"} {
			out, errs, status := q.eval(act)
			if status != tt.status || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("%s; %s: status %d: %s%s", tt.before, act, status, out, errs)
			}
		}
		if got := q.queued(); !slices.Equal(got, before) {
			t.Errorf("%s: in the queue are %v, were %v", tt.before, got, before)
		}
	}
	for _, words := range []string{"_", "hold _", "release _", "discover _", "show log _", "show message _", "show envelope _", "show queue by _", "restore . _x", "remove _x", "remove __"} {
		q := newQueueTest(t)
		q.eval("show queue")
		if out, errs, status := q.eval(words); status != command.StatusUsage || out != "" {
			t.Errorf("%s: status %d: %s%s", words, status, out, errs)
		}
	}
}

// TestListingBounded lists more than can be held.
func TestListingBounded(t *testing.T) {
	t.Parallel()
	var l command.Listing
	for i := range command.MaxListed {
		l.Take(protocol.EnvelopeID(command.MaxListed - i))
	}
	l.Done()
	if ids, err := l.IDs(); err != nil || len(ids) != command.MaxListed || ids[0] != 1 || !slices.IsSorted(ids) {
		t.Errorf("%d ids, %v", len(ids), err)
	}
	l.Take(1 << 60)
	l.Take(1 << 61)
	l.Done()
	if ids, err := l.IDs(); err == nil || len(ids) > 0 || !strings.Contains(err.Error(), "more than 1000000 envelopes") {
		t.Errorf("%d ids, %v", len(ids), err)
	}
	var many command.Listing
	many.TakeAll(make([]protocol.EnvelopeID, command.MaxListed+1))
	if _, err := many.IDs(); err == nil {
		t.Error("it holds one more")
	}
}
