package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// plantedQueue is a queue of every kind of envelope that a file can hold.
func plantedQueue() []realsmtpd.Planted {
	now := time.Now().Unix()
	var all []realsmtpd.Planted
	add := func(msg, n uint32, fields string) {
		id := protocol.EnvelopeID(uint64(msg)<<32 | uint64(n))
		text := "version: 3\n" + fields +
			fmt.Sprintf("ctime: %d\nlast-try: %d\nretry: 30\n", now-3600, now-60)
		all = append(all, realsmtpd.Planted{ID: id, Text: text,
			Body: fmt.Sprintf("Subject: planted %08x\n\nline one\nl\xefne tw\xc3\xb6 \x1b]0;title\x07\n", msg)})
	}
	const mta = "dispatcher: relay\ntype: mta\nsmtpname: mail.example\nhelo: client.example\nhostname: client.example\n"
	for i := range uint32(100) {
		add(0x10000000+i*7919, 0x1000+i, mta+fmt.Sprintf(
			"sockaddr: 192.0.2.%d\nsender: s%d@sender.example\nrcpt: r%d@temp.example\ndest: r%d@temp.example\nerrorline: 451 4.3.0 try %d\n",
			i%250+1, i, i, i, i))
	}
	for i := range uint32(60) { // one message with many recipients
		add(0x20202020, 0x80000000+i*65537, mta+fmt.Sprintf(
			"sockaddr: [2001:db8::%x]\nsender: list@sender.example\nrcpt: m%d@temp.example\ndest: m%d@temp.example\n", i+1, i, i))
	}
	for i := range uint32(60) { // bounces, with the null sender
		add(0x30000000+i*104729, 0xff000000+i, mta+fmt.Sprintf(
			"sockaddr: local\nsender: \nrcpt: b%d@temp.example\ndest: b%d@temp.example\nflags: bounce\n", i, i))
	}
	for i := range uint32(60) { // yet to become bounces
		add(0x40000000+i*31, 1+i, strings.Replace(mta, "type: mta", "type: bounce", 1)+fmt.Sprintf(
			"sockaddr: 192.0.2.1\nsender: s%d@temp.example\nrcpt: x%d@perm.example\ndest: x%d@perm.example\n"+
				"bounce-type: failed\nbounce-ttl: 345600\nbounce-delay: 14400\nerrorline: 550 no\n", i, i, i))
	}
	for i := range uint32(60) { // for local users
		add(0x50000000+i*31, 0xffffffff-i, strings.Replace(mta, "type: mta", "type: mda", 1)+fmt.Sprintf(
			"username: root\nsockaddr: local\nsender: s%d@sender.example\nrcpt: u%d@local.example\ndest: root@local.example\n"+
				"flags: authenticated,internal\nmda-exec: \nmda-user: root\ntag: t%d\n", i, i, i))
	}
	errors := []string{`back\slash`, `\\two`, "tab\there", "bell\x07 esc\x1b[2J del\x7f", "high \xff\xa0\x80 \xc3\xa9",
		strings.Repeat("x", 2046), strings.Repeat("\x01", 1000), strings.Repeat("x", 2045) + `\`, " leading", "| pipe |", "[a-z]*?#"}
	for i, e := range errors {
		add(0x60000000+uint32(i), uint32(i), mta+fmt.Sprintf(
			"sockaddr: 192.0.2.1\nsender: s@sender.example\nrcpt: \"odd user\"@temp.example\ndest: a@b@temp.example\nerrorline: %s\n", e))
	}
	add(0x70000000, 1, mta+"sockaddr: 192.0.2.1\nsender: nodomain\nrcpt: @temp.example\ndest: user@\nesc-class: 4\nesc-code: 3\n"+
		"dsn-notify: 2\ndsn-ret: FULL\ndsn-envid: abc\ndsn-orcpt: o@temp.example\n")
	return all
}

// ticking matches what changes from one second to the next.
var ticking = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^((?:[^|\n]*\|){12})-?\d*\|`),    // show queue: the delay
	regexp.MustCompile(`()(?:lastconn|timeout|waiting)=\S+`), // show hosts, routes
	regexp.MustCompile(`(?m)^(uptime(?:\.human)?=).*`),       // show stats
}

func untick(s string) string {
	for _, re := range ticking {
		s = re.ReplaceAllString(s, "$1~")
	}
	return s
}

// TestSameBytes compares what both programs print for every command that
// changes nothing.
func TestSameBytes(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: plantedQueue()})
	n := len(plantedQueue())
	d.WaitQueued(n)
	// Seventy mails for a relay that never answers: some in flight, some held.
	var mails []realsmtpd.Mail
	for i := range 140 {
		mails = append(mails, realsmtpd.Mail{From: "s@sender.example", To: []string{fmt.Sprintf("u%d@slow.example", i)}})
	}
	d.Send(mails[:70]...)
	d.Send6(mails[70:]...)
	for i := range 20 {
		id := plantedQueue()[i*3].ID.String()
		if r := theirs(d, "", "pause", "envelope", id); r.stdout != "1 envelope paused\n" {
			t.Fatalf("pause envelope %s: %v", id, r)
		}
	}
	theirs(d, "", "pause", "mta", "from", "127.0.0.1", "for", "blocked.example")
	realsmtpd.WaitFor(t, patience, "mail in flight and held", func() error {
		out := theirs(d, "", "show", "queue").stdout
		for _, want := range []string{"|inflight|", "|hold|", "|suspend|", "|pending|", "|bounce|", "|inet6|", "|local|", `\^[`, `\\`} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("no %s in\n%s", want, out)
			}
		}
		return nil
	})
	evp := plantedQueue()[110].ID
	for _, line := range []string{
		"show queue", "sh q", "show queue " + evp.Msg().String(), "show queue 20202020",
		"show envelope " + evp.String(), "show message " + evp.String(), "show message " + evp.Msg().String(),
		"show hosts", "show hoststats", "show relays", "show routes", "show mta paused", "show status",
	} {
		args := strings.Fields(line)
		// The queue moves a little while mail is in flight: try again.
		var want, got result
		for range 10 {
			want = theirs(d, "", args...)
			got = ours(t, d, "", args...)
			if untick(got.stdout) == untick(want.stdout) {
				break
			}
		}
		if untick(got.stdout) != untick(want.stdout) {
			t.Errorf("%s: stdout differs\nwant:\n%s\ngot:\n%s", line, want.stdout, got.stdout)
		}
		if got.status != 0 || want.status != 0 {
			t.Errorf("%s: status %d, smtpctl's %d, want 0: %s", line, got.status, want.status, got.stderr)
		}
		if line == "show queue" && strings.Count(got.stdout, "\n") != n+140 {
			t.Errorf("show queue has %d lines, want %d", strings.Count(got.stdout, "\n"), n+140)
		}
	}
	t.Run("stats", func(t *testing.T) {
		want, got := theirs(d, "", "show", "stats"), ours(t, d, "", "show", "stats")
		if keysOf(got.stdout) != keysOf(want.stdout) {
			t.Errorf("keys differ\nwant:\n%s\ngot:\n%s", want.stdout, got.stdout)
		}
		for _, key := range []string{"scheduler.envelope=", "queue.evpcache.size=", "control.session=", "smtp.session.inet6="} {
			if a, b := lineWith(want.stdout, key), lineWith(got.stdout, key); a != b {
				t.Errorf("%q, want %q", b, a)
			}
		}
	})
	t.Run("mailq", func(t *testing.T) {
		d.Stop()
		want := theirs(d, "", "show", "queue")
		got := ours(t, d, "", "show", "queue")
		if sorted(got.stdout) != sorted(want.stdout) || got.status != 0 {
			t.Errorf("offline show queue differs\nwant:\n%s\ngot:\n%v", want.stdout, got)
		}
		if !strings.Contains(got.stderr, "smtpd is not running") {
			t.Errorf("stderr %q does not say that smtpd is not running", got.stderr)
		}
	})
}

func keysOf(stats string) string {
	var keys []string
	for line := range strings.Lines(stats) {
		k, _, _ := strings.Cut(line, "=")
		keys = append(keys, k)
	}
	return strings.Join(keys, " ")
}

func lineWith(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}

// TestSameEffect runs every command that changes something with both programs
// on the same queue, and compares what they print and what is left behind.
func TestSameEffect(t *testing.T) {
	plant := plantedQueue()
	d := realsmtpd.Start(t, realsmtpd.Config{
		Extra: "table aliases file:/etc/aliases",
		Args:  []string{"-P", "mta", "-P", "mda"}, Plant: plant,
	})
	evp, msg := plant[5].ID.String(), "20202020"
	tests := []struct{ setup, line string }{
		{"", "pause envelope " + evp},
		{"", "pause envelope " + msg},
		{"", "pause envelope all"},
		{"pause envelope all", "resume envelope " + evp},
		{"pause envelope all", "resume envelope " + msg},
		{"pause envelope all", "resume envelope all"},
		{"pause envelope " + msg, "pause envelope all"},
		{"", "resume envelope all"},
		{"", "remove " + evp},
		{"", "remove " + msg},
		{"", "remove all"},
		{"", "schedule " + evp},
		{"", "schedule " + msg},
		{"", "pause smtp"},
		{"pause smtp", "resume smtp"},
		{"resume mda", "pause mda"},
		{"", "resume mda"},
		{"", "pause mda"},
		{"resume mta", "pause mta"},
		{"", "pause mta from 192.0.2.1 for a.example"},
		{"", "pause mta from 2001:db8::1 for a.example"},
		{"pause mta from 192.0.2.1 for a.example", "resume mta from 192.0.2.1 for a.example"},
		{"", "resume route 1"},
		{"", "log verbose"},
		{"", "log brief"},
		{"", "trace smtp"},
		{"trace all", "untrace all"},
		{"", "profile queue"},
		{"profile imsg", "unprofile imsg"},
		{"", "update table aliases"},
		{"", "update table nosuchtable"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			var prints, states [2]string
			for i := range 2 {
				d.Restart(func() {
					for _, p := range plant {
						d.Plant(p)
					}
				})
				d.WaitQueued(len(plant))
				if tt.setup != "" {
					theirs(d, "", strings.Fields(tt.setup)...)
				}
				args := strings.Fields(tt.line)
				if i == 0 {
					prints[i] = theirs(d, "", args...).stdout
				} else {
					prints[i] = ours(t, d, "", args...).stdout
				}
				states[i] = state(d)
			}
			if prints[0] != prints[1] {
				t.Errorf("printed %q, want %q", prints[1], prints[0])
			}
			if states[0] != states[1] {
				t.Errorf("left behind\n%s\nwant\n%s", states[1], states[0])
			}
			if !d.Running() {
				t.Error("smtpd exited")
			}
		})
	}
}

// state is what commands change, as smtpctl shows it.
func state(d *realsmtpd.Daemon) string {
	var b strings.Builder
	for _, line := range []string{"show status", "show queue", "show mta paused", "show routes"} {
		b.WriteString(untick(theirs(d, "", strings.Fields(line)...).stdout))
	}
	return b.String()
}
