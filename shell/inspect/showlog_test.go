package inspect

import (
	"context"
	"strings"
	"testing"
	"time"

	"smtpctl/shell/maillog"
)

// TestJournalInstead says how to read the journal where no file has the log, and reads
// what that command prints, in each form that versions of systemd give its times.
func TestJournalInstead(t *testing.T) {
	const want = "no log of mail in /var/log: name it with --log FILE, or pipe in that of another machine: journalctl -t smtpd -o short-iso | smtpctl show log --log - WHAT"
	if got := noLog(maillog.ErrNone).Error(); got != want || !strings.Contains(logHelp, "\njournalctl -t smtpd -o short-iso | smtpctl show log --log - ") {
		t.Errorf("%s\n%s", got, logHelp)
	}
	at := time.Date(2026, 11, 25, 19, 51, 0, 0, time.UTC)
	for _, stamp := range []string{"2026-11-25T20:51:00+0100", "2026-11-25T20:51:00+01:00"} {
		r := maillog.NewReader(maillog.Query{Addresses: []string{"a@y.example"}})
		journal := "-- Boot 0123456789abcdef0123456789abcdef --\n" + stamp + " mx smtpd[7]: 1bae673b72d6a93b mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@y.example> result=\"Ok\" stat=\"250 taken\"\n"
		if err := r.Read(context.Background(), strings.NewReader(journal), time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		if s := r.Stories(); len(s) != 1 || int64(s[0].Events[0].Time) != at.Unix() {
			t.Errorf("%s: %+v", stamp, s)
		}
	}
}

// TestLeftOut says how many events are left out, in all and in the story of a message.
func TestLeftOut(t *testing.T) {
	if got := leftOut(2, 0, 0); !strings.Contains(got, "and 2 events between them left out; ask") {
		t.Error(got)
	}
	if got := leftOut(1, 1, 2); !strings.Contains(got, "and 1 event between them left out, from 19") {
		t.Error(got)
	}
	s := &maillog.Story{Message: "623fb1b6", Left: 3, LeftAt: 1, Events: []maillog.Event{{Kind: maillog.Accepted}, {Kind: maillog.Delivered, To: "a@y.example"}}}
	text := ""
	for r := range storyParts(s) {
		text += r.Text
	}
	if text != "message 623fb1b6\n  accepted from <>\n  (3 events left out here)\n  to <a@y.example> delivered\n" {
		t.Errorf("%q", text)
	}
}
