package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// farMail makes up envelopes whose next try is days away.
func farMail(n int, domain string) []realsmtpd.Planted {
	var all []realsmtpd.Planted
	now := time.Now().Unix()
	for i := range n {
		all = append(all, realsmtpd.Planted{ID: protocol.EnvelopeID(uint64(0x10000000+i)<<32 | 1), Body: "Subject: planted\n\n",
			Text: "version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n" +
				fmt.Sprintf("sockaddr: 192.0.2.1\nsender: s@sender.example\nrcpt: u%d@%s\ndest: u%d@%s\nctime: %d\nlast-try: %d\nretry: 20\n",
					i, domain, i, domain, now, now)})
	}
	return all
}

// A counted is what an action says as JSON.
type counted struct {
	Done, Selected, Inflight, Skipped, Suspended, Running, Gone, Refused, Missing int

	After *struct{ Left, Inflight, Held, Back, Retried, Waiting, Again int }
}

// after returns how many envelopes the second look of schedule accounts for.
func (c counted) after() int {
	return c.After.Left + c.After.Inflight + c.After.Held + c.After.Back + c.After.Retried + c.After.Waiting
}

// countedOf runs a command with -j and reads the last object that it prints.
func countedOf(t *testing.T, d *realsmtpd.Daemon, stdin string, args ...string) (c counted, r result) {
	t.Helper()
	r = ours(t, d, stdin, append([]string{"-j"}, args...)...)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &c); err != nil {
		t.Fatalf("%q: %v: %v", args, err, r)
	}
	return c, r
}

// TestRealActions has mail in flight with a server that does not answer, and acts on
// it in every way that it can be named. Each says how many of them are in flight,
// the same number as JSON, in words and with -n; then a restart of smtpd shows
// what it forgets.
func TestRealActions(t *testing.T) {
	const far, fly = 5, 2
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(far, "temp.example")})
	d.WaitQueued(far)
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@slow.example", "b@slow.example"}})
	id := firstID(t, d, "domain=slow.example", "state=inflight")
	realsmtpd.WaitFor(t, patience, "both in flight", func() error {
		if r := ours(t, d, "", "show", "queue", "state=inflight"); strings.Count(r.stdout, "\n") != fly {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	ids := strings.Fields(cutField(ours(t, d, "", "show", "queue").stdout))
	for _, how := range []struct {
		name, stdin   string
		args          []string
		all, inflight int
	}{
		{"all", "", []string{"all"}, far + fly, fly},
		{"terms", "", []string{"tries=0-"}, far + fly, fly},
		{"ids", "", ids, far + fly, fly},
		{"stdin", strings.Join(ids, "\n") + "\n", []string{"-"}, far + fly, fly},
		{"message", "", []string{id[:8]}, fly, fly},
		{"envelope", "", []string{id}, 1, 1},
		{"far ones", "", []string{"domain=temp.example"}, far, 0},
	} {
		t.Run(how.name, func(t *testing.T) {
			check := func(got counted, r result, done, selected, inflight, suspended, running int) {
				t.Helper()
				if got.Done != done || got.Selected != selected || got.Inflight != inflight || got.Suspended != suspended || got.Running != running ||
					got.Skipped != suspended+running || got.Gone+got.Refused+got.Missing != 0 {
					t.Errorf("want done %d, selected %d, inflight %d, suspended %d, running %d: %v", done, selected, inflight, suspended, running, r)
				}
				said := strings.Contains(r.stderr, " in flight")
				if said != (inflight > 0) {
					t.Errorf("in flight is said: %v: %v", said, r)
				}
			}
			with := func(words ...string) []string { return append(words, how.args...) }
			for _, verb := range []string{"pause envelope", "remove", "schedule", "resume envelope"} {
				got, r := countedOf(t, d, how.stdin, with(append([]string{"-n"}, strings.Fields(verb)...)...)...)
				switch {
				case verb == "schedule":
					if got.Selected != how.all-how.inflight || got.Inflight != how.inflight {
						t.Errorf("-n schedule: %v", r)
					}
				case verb == "resume envelope":
					check(got, r, 0, 0, 0, 0, how.all)
				default:
					check(got, r, 0, how.all, how.inflight, 0, 0)
				}
			}
			got, r := countedOf(t, d, how.stdin, with("pause", "envelope")...)
			check(got, r, how.all, 0, how.inflight, 0, 0)
			got, r = countedOf(t, d, how.stdin, with("pause", "envelope")...)
			check(got, r, 0, 0, 0, how.all, 0)
			got, r = countedOf(t, d, how.stdin, with("schedule")...) // suspended: not even those in flight
			if got.Done != 0 || got.Suspended != how.all {
				t.Errorf("schedule of what is suspended: %v", r)
			}
			got, r = countedOf(t, d, how.stdin, with("resume", "envelope")...)
			check(got, r, how.all, 0, how.inflight, 0, 0)
			r = ours(t, d, how.stdin, with("pause", "envelope")...)
			if r.stdout != fmt.Sprintf("%d envelope%s paused\n", how.all, map[bool]string{true: "s"}[how.all > 1]) || strings.Contains(r.stderr, "the current attempt continues") != (how.inflight > 0) {
				t.Errorf("in words: %v", r)
			}
			ours(t, d, how.stdin, with("resume", "envelope")...)
		})
	}
	if r := ours(t, d, "", "schedule", id); r.status != 1 || r.stdout != "0 envelope scheduled\n" || !strings.Contains(r.stderr, "in flight already") {
		t.Errorf("schedule what is in flight: %v", r)
	}
	ours(t, d, "", "pause", "envelope", "domain=temp.example")
	r := ours(t, d, "", "remove", "domain=slow.example")
	if r.stdout != fmt.Sprintf("%d envelopes removed\n", fly) || !strings.Contains(r.stderr, "2 of them are in flight: delivered if the current attempt succeeds") {
		t.Errorf("remove: %v", r)
	}
	if r := ours(t, d, "", "show", "queue", "domain=slow.example"); r.stdout != "" {
		t.Errorf("listed though removed: %v", r)
	}
	d.Restart(nil)
	realsmtpd.WaitFor(t, patience, "what was removed in flight to be back", func() error {
		if r := ours(t, d, "", "show", "queue"); strings.Count(r.stdout, "\n") != far+fly {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
	if r := ours(t, d, "", "show", "queue", "state=suspended"); r.stdout != "" {
		t.Errorf("the restart has not forgotten a pause: %v", r)
	}
}

// fallBack schedules n envelopes of a relay that takes one at a time, and reports whether
// any were seen to be back at their old time.
func fallBack(t *testing.T, n int) bool {
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(n, "ok.example"), Extra: "mta limit task-hiwat 1\nmta limit task-lowat 1\nmta limit task-release 1000"})
	d.WaitQueued(n)
	for range 20 {
		got, r := countedOf(t, d, "", "schedule", "all")
		if got.After == nil && got.Done == 0 {
			return false
		}
		if got.After == nil || got.after() != got.Done {
			t.Fatalf("%v", r)
		}
		if got.After.Back > 0 && !strings.Contains(r.stderr, "schedule it again when the relay has less to do") ||
			got.After.Again > 0 && !strings.Contains(r.stderr, "smtpd put some back untried, which were scheduled again: ") {
			t.Errorf("%v", r)
		}
		if got.After.Back > 0 || got.After.Again > 0 {
			t.Log(r.stdout, r.stderr)
			return true
		}
	}
	return false
}

// TestRealScheduleLimits schedules more than a relay takes: what smtpd makes of it is
// said, and adds up.
func TestRealScheduleLimits(t *testing.T) {
	const n = 249
	t.Run("hold", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(n, "slow.example")})
		d.WaitQueued(n)
		got, r := countedOf(t, d, "", "schedule", "all")
		if got.Done != n || got.After == nil || got.after() != n || got.After.Inflight == 0 || got.After.Held == 0 && got.After.Inflight != n || got.After.Held > 0 && !strings.Contains(r.stderr, " on hold") {
			t.Errorf("%v", r)
		}
		t.Log(r.stdout)
	})
	t.Run("back", func(t *testing.T) {
		realsmtpd.Need(t)
		seen := false
		for i := 0; i < 4 && !seen; i++ { // the look has to come when the relay has just let go
			t.Run(fmt.Sprint(i), func(t *testing.T) { seen = fallBack(t, n) })
		}
		if !seen {
			t.Error("nothing was seen to fall back")
		}
	})
	t.Run("again", func(t *testing.T) {
		const n = 120
		d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(n, "ok.example"), Extra: "mta limit task-hiwat 40\nmta limit task-lowat 5\nmta limit task-release 1000"})
		d.WaitQueued(n)
		start := time.Now()
		got, r := countedOf(t, d, "", "schedule", "all")
		if got.Done != n || got.After == nil || got.after() != n || got.After.Again == 0 || !strings.Contains(r.stderr, "smtpd put some back untried, which were scheduled again: ") {
			t.Errorf("%v", r)
		}
		t.Log(time.Since(start), r.stdout)
		for rcpt, times := range d.Sink.Took() {
			if times != 1 {
				t.Errorf("%s was delivered %d times", rcpt, times)
			}
		}
	})
	t.Run("paused", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Plant: farMail(3, "ok.example"), Args: []string{"-P", "mta"}})
		d.WaitQueued(3)
		got, r := countedOf(t, d, "", "schedule", "all")
		if got.Done != 3 || got.After == nil || got.After.Waiting != 3 || !strings.Contains(r.stderr, "mta is paused: what is due waits for resume mta") {
			t.Errorf("%v", r)
		}
	})
	t.Run("delivered and tried", func(t *testing.T) {
		plant := farMail(4, "temp.example")
		for i := range plant[:2] {
			plant[i].Text = strings.ReplaceAll(plant[i].Text, "temp.example", "ok.example")
		}
		d := realsmtpd.Start(t, realsmtpd.Config{Plant: plant})
		d.WaitQueued(4)
		got, r := countedOf(t, d, "", "schedule", "all")
		if got.Done != 4 || got.After == nil || got.after() != 4 || got.After.Back+got.After.Held != 0 {
			t.Errorf("%v", r)
		}
		t.Log(r.stdout, r.stderr)
	})
}
