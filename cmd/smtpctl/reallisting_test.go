package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealListing lists the queue of a real smtpd with batches of 1, 2, 3 and 256
// envelopes, quiet and while mail comes and goes: nothing is missing.
func TestRealListing(t *testing.T) {
	for _, batch := range []int{1, 2, 3, 256} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{
				Args:  []string{"-P", "mta"},
				Extra: fmt.Sprintf("scheduler limit max-evp-batch-size %d", batch),
			})
			const singles = 600
			send := func(n, recipients int) {
				mails := make([]realsmtpd.Mail, n)
				for i := range mails {
					mails[i].From = "s@x.example"
					for j := range recipients {
						mails[i].To = append(mails[i].To, fmt.Sprintf("r%d.%d@temp.example", i, j))
					}
				}
				d.Send(mails...)
			}
			list := func(args ...string) []string {
				r := ours(t, d, "", append(args, "show", "queue")...)
				if r.status != 0 {
					t.Fatal(r)
				}
				lines := strings.Fields(cutField(r.stdout))
				if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
					t.Error("not in order, or not once")
				}
				return lines
			}
			send(singles, 1)
			d.WaitQueued(singles)
			if got := list(); len(got) != singles {
				t.Errorf("%d envelopes, want %d", len(got), singles)
			}
			// While it grows by messages of several recipients, and shrinks.
			stay := list()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 4 {
					send(10, 7)
				}
			}()
			for moving := true; moving; {
				select {
				case <-done:
					moving = false
				default:
				}
				got := list()
				for _, id := range stay {
					if _, ok := slices.BinarySearch(got, id); !ok {
						t.Errorf("%s is missing", id)
					}
				}
			}
			const all = singles + 4*10*7
			d.WaitQueued(all)
			for _, args := range [][]string{nil, {"--spool", t.TempDir()}, {"--window", "1"}, {"--window", "1024"}} {
				if got := list(args...); len(got) != all {
					t.Errorf("%q: %d envelopes, want %d", args, len(got), all)
				}
			}
			for _, tt := range []struct{ line, want string }{
				{"pause envelope all", fmt.Sprintf("%d envelopes paused\n", all)},
				{"resume envelope all", fmt.Sprintf("%d envelopes resumed\n", all)},
				{"remove all", fmt.Sprintf("%d envelopes removed\n", all)},
			} {
				if r := ours(t, d, "", strings.Fields(tt.line)...); r.stdout != tt.want || r.status != 0 {
					t.Errorf("%s: %v", tt.line, r)
				}
			}
			realsmtpd.WaitFor(t, patience, "an empty queue", func() error {
				if n := d.Stat("scheduler.ramqueue.envelope"); n != 0 {
					return fmt.Errorf("%d envelopes", n)
				}
				return nil
			})
			// And with one envelope in each message, which needs no listing.
			send(singles, 1)
			d.WaitQueued(singles)
			one := list()[0]
			for _, tt := range []struct{ line, want string }{
				{"pause envelope " + one, "1 envelope paused\n"},
				{"pause envelope all", fmt.Sprintf("%d envelopes paused\n", singles-1)},
				{"resume envelope all", fmt.Sprintf("%d envelopes resumed\n", singles)},
				{"remove all", fmt.Sprintf("%d envelopes removed\n", singles)},
				{"remove all", "0 envelope removed\n"},
			} {
				if r := ours(t, d, "", strings.Fields(tt.line)...); r.stdout != tt.want || r.status != 0 {
					t.Errorf("%s: %v", tt.line, r)
				}
			}
			d.WaitQueued(0)
			if !d.Running() {
				t.Errorf("smtpd exited: %s", d.Log())
			}
		})
	}
}

// cutField returns the first field of each line of show queue.
func cutField(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		id, _, _ := strings.Cut(line, "|")
		b.WriteString(id + "\n")
	}
	return b.String()
}
