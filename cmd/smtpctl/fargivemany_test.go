package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
)

// A sessionCount counts the SMTP sessions of a listener, and the mails of each.
type sessionCount struct {
	mu    sync.Mutex
	mails []int
}

// cut is for a Listener.
func (s *sessionCount) cut(line string, carriedOut bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case carriedOut:
	case strings.HasPrefix(line, "EHLO "):
		s.mails = append(s.mails, 0)
	case line == "DATA":
		s.mails[len(s.mails)-1]++
	}
	return false
}

// addMany adds mail of n messages, every tenth of which has a recipient that is rejected if some
// are to be.
func (b *requeueBed) addMany(t *testing.T, n int, rejected bool) {
	t.Helper()
	for i := range n {
		msg := protocol.MessageID(0xb0000000 + i)
		to := fmt.Sprintf("m%d@y.example", i)
		if rejected && i%10 == 0 {
			to = fmt.Sprintf("m%d@rejected.example", i)
		}
		b.sim.Add(smtpdsim.Envelope{ID: msg.First() + 1, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", to)},
			smtpdsim.Envelope{ID: msg.First() + 2, Time: time.Now().Unix() + 3600, Text: envelopeText("relay", fmt.Sprintf("n%d@y.example", i))})
		os.WriteFile(b.spool.MessagePath(msg), []byte("Subject: x\n\nx\n"), 0o600)
	}
}

// TestFarGiveMany hands over the mail of many messages in few SMTP sessions, of 100 mails at most or
// fewer where smtpd takes fewer; after a mail of which something was refused the next one has a
// session of its own.
func TestFarGiveMany(t *testing.T) {
	t.Parallel()
	ssh := newFarBed(t, "")
	for name, tt := range map[string]struct {
		command  string
		n, most  int
		rejected bool
		sessions int // at most, the one that only looks apart
	}{
		"100 in each":     {"requeue", 103, 0, false, 2},
		"fewer in each":   {"requeue", fulltest.Of(12, 6), fulltest.Of(5, 3), false, 3},
		"some refused":    {"requeue", fulltest.Of(21, 11), 0, true, 6},
		"notices":         {"notify", fulltest.Of(6, 2), 0, false, 1},
		"mail is bounced": {"bounce", fulltest.Of(6, 2), 0, false, 1},
	} {
		if tt.n > 100 && !fulltest.On() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var count sessionCount
			b := farRequeueBed(t, ssh, smtpdsim.Listener{MaxMails: tt.most, Cut: count.cut})
			b.addMany(t, tt.n, tt.rejected)
			r := b.run(t, 0, tt.command, "from=*", "to=*")
			kept := 0
			if tt.rejected {
				kept = (tt.n + 9) / 10
			}
			if want := map[bool]int{true: 1}[tt.rejected]; r.status != want || strings.Count(r.stderr, "smtpd rejects it: 550 Invalid recipient") != kept {
				t.Errorf("%v", r)
			}
			if done := strings.Count(r.stdout, " -> "); tt.command != "notify" && done != 2*tt.n+6-kept {
				t.Errorf("%d are done: %v", done, r)
			}
			mails, sessions := 0, 0
			for _, n := range count.mails {
				if n > 100 {
					t.Errorf("%d mails in one session", n)
				}
				if mails += n; n > 0 {
					sessions++
				}
			}
			if mails != tt.n+3 || sessions > tt.sessions {
				t.Errorf("%d mails of %d in %d sessions: %v", mails, tt.n+3, sessions, count.mails)
			}
			if b.suspended() != 0 || len(b.notes()) != 0 {
				t.Errorf("%d are suspended, notes %q", b.suspended(), b.notes())
			}
		})
	}
}
