package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// explained asks for a verdict until it is the one that is wanted.
func explained(t *testing.T, d *realsmtpd.Daemon, id, want, command string) {
	t.Helper()
	var last string
	realsmtpd.WaitFor(t, 30*time.Second, want, func() error {
		r := ours(t, d, "", "-j", "explain", id)
		last = r.stdout
		var v struct{ Verdict, Reason, Command string }
		if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
			return fmt.Errorf("%v: %v", err, r)
		}
		if v.Verdict != want || !strings.HasPrefix(v.Command, command) || v.Reason == "" {
			return fmt.Errorf("%s", r.stdout)
		}
		return nil
	})
	t.Logf("%s: %s", want, last)
	if r := ours(t, d, "", "explain", id); !strings.Contains(r.stdout, "verdict:  "+want+": ") {
		t.Errorf("%v", r)
	}
}

// firstID returns the id of the first envelope that terms select.
func firstID(t *testing.T, d *realsmtpd.Daemon, terms ...string) string {
	t.Helper()
	var id string
	realsmtpd.WaitFor(t, 30*time.Second, fmt.Sprint(terms), func() error {
		id = strings.TrimSpace(cutField(ours(t, d, "", append([]string{"show", "queue", "limit=1"}, terms...)...).stdout))
		if id == "" {
			return fmt.Errorf("no envelope")
		}
		return nil
	})
	return id
}

// quickRelays has smtpd try a host again at once, and so give up on it in seconds.
const quickRelays = "mta limit conn-delay-route 1\nmta limit conn-delay-relay 1\nmta limit conn-delay-domain 1\nmta limit reconn-delay-route 1\n"

// explainedTogether asks why all that TestRealExplain has in its queue is there, does what
// is said of what is suspended, and asks again.
func explainedTogether(t *testing.T, d *realsmtpd.Daemon) {
	t.Helper()
	ask := func(words ...string) map[string]string { // counts and commands by verdict
		r := ours(t, d, "", append([]string{"-j", "explain"}, words...)...)
		got := map[string]string{}
		for line := range strings.Lines(r.stdout) {
			var g struct {
				Verdict, Command, Example string
				Count                     int
			}
			if err := json.Unmarshal([]byte(line), &g); err != nil || len(g.Example) != 16 {
				t.Errorf("%v: %v", err, r)
			}
			got[g.Verdict] = fmt.Sprint(g.Count, " ", g.Command)
		}
		return got
	}
	got := ask("all")
	want := map[string]string{"suspended": "1 resume envelope state=suspended", "inflight": "1 ", "mta-paused": "2 resume mta"}
	if !maps.Equal(got, want) {
		t.Errorf("all: %v, want %v", got, want)
	}
	if got := ask("domain=temp.example"); len(got) != 1 || got["suspended"] != "1 resume envelope domain=temp.example state=suspended" {
		t.Errorf("selected: %v", got)
	}
	if r := ours(t, d, "", strings.Fields(strings.TrimPrefix(got["suspended"], "1 "))...); r.status != 0 {
		t.Errorf("%v", r)
	}
	if got := ask("all"); got["suspended"] != "" || got["mta-paused"] != "3 resume mta" {
		t.Errorf("resumed: %v", got)
	}
}

// TestRealExplain makes happen what keeps mail in a queue, and asks why.
func TestRealExplain(t *testing.T) {
	mail := func(to ...string) realsmtpd.Mail {
		return realsmtpd.Mail{From: "s@sender.example", To: to}
	}
	far := plantedQueue()[0]
	far.Text = "version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n" +
		"sockaddr: 192.0.2.1\nsender: s@sender.example\nrcpt: far@ok.example\ndest: far@ok.example\n" +
		fmt.Sprintf("ctime: %d\nretry: 30\n", time.Now().Unix())
	t.Run("states", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Plant: []realsmtpd.Planted{far}})
		explained(t, d, far.ID.String(), "scheduled", "schedule ")
		d.Send(mail("back@temp.example"))
		back := firstID(t, d, "to=back@*", "error=?*")
		explained(t, d, back, "backoff", "schedule "+back)
		ours(t, d, "", "pause", "envelope", back)
		explained(t, d, back, "suspended", "resume envelope "+back)
		d.Send(mail("slow@slow.example"))
		explained(t, d, firstID(t, d, "domain=slow.example"), "inflight", "")
		ours(t, d, "", "pause", "mta")
		d.Send(mail("later@ok.example"))
		explained(t, d, firstID(t, d, "to=later@*"), "mta-paused", "resume mta")
		explainedTogether(t, d)
		r := ours(t, d, "", "explain", "abcdabcdabcdabcd")
		if r.status != 1 || !strings.Contains(r.stdout, "verdict:  gone: ") || !strings.Contains(r.stderr, "no such id in the queue") {
			t.Errorf("gone: %v", r)
		}
	})
	t.Run("hold", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{})
		var mails []realsmtpd.Mail
		for i := range 140 {
			mails = append(mails, mail(fmt.Sprintf("u%d@slow.example", i)))
		}
		d.Send(mails...)
		explained(t, d, firstID(t, d, "state=held"), "held", "")
	})
	t.Run("relay", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Extra: "mta limit max-conn-per-relay 1"})
		d.Send(mail("a@slow.example"), mail("b@slow.example"), mail("c@slow.example"))
		explained(t, d, firstID(t, d, "to=c@slow.example"), "relay-limits", "")
	})
	t.Run("blocked", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Conf: "listen on 127.0.0.1 port 2525\ntable sources { 127.0.0.1 }\n" +
			"action \"relay\" relay host smtp://127.0.0.1:2626 src <sources>\nmatch from any for any action \"relay\"\n"})
		ours(t, d, "", "pause", "mta", "from", "127.0.0.1", "for", "127.0.0.1")
		d.Send(mail("a@ok.example"))
		explained(t, d, firstID(t, d, "to=a@ok.example"), "blocked", "resume mta from 127.0.0.1 for 127.0.0.1")
	})
	t.Run("route", func(t *testing.T) {
		d := realsmtpd.Start(t, realsmtpd.Config{Conf: quickRelays + "listen on 127.0.0.1 port 2525\n" +
			"action \"relay\" relay host smtp://127.0.0.2:1\nmatch from any for any action \"relay\"\n"})
		d.Send(mail("a@ok.example"))
		explained(t, d, firstID(t, d, "to=a@ok.example", "error=?*"), "route-disabled", "resume route ")
	})
}
