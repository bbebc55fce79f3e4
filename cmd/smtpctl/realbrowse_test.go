package main

import (
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealBrowse browses the queue of a real smtpd, and acts on just what is marked.
func TestRealBrowse(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@ok.example", "b@ok.example"}, Body: "Subject: one\n\nbody\n"},
		realsmtpd.Mail{From: "t@x.example", To: []string{"c@ok.example"}, Body: "Subject: two\n\nbody\n"})
	d.WaitQueued(3)
	x := openTerminal(t, "--socket", d.Socket, "--spool", d.Spool, "browse")
	x.glassShows(`3 envelopes, (.*\n)+.*@ok\.example`)
	x.keys("gf\r")
	x.glassShows(`by from .*2 groups, (.*\n)+.*from=s@x\.example`)
	x.keys("\r")
	x.glassShows(`2 envelopes, (.*\n)+.*@ok\.example`)
	x.keys("ap")
	x.glassShows(`pause envelope: 2 envelopes(.*\n)+.*\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`2 envelopes paused`)
	if r := ours(t, d, "", "show", "queue", "state=suspended"); strings.Count(r.stdout, "|s@x.example|") != 2 || strings.Contains(r.stdout, "t@x.example") {
		t.Errorf("suspended: %v", r)
	}
	x.keys("\r")
	x.glassShows(`why it is in the queue(.*\n)+.*Subject: one`)
	x.keys("q")
	x.keys("/to=b@ok.example\r")
	x.glassShows(`to=b@ok.example .*1 envelope, `)
	x.keys("d")
	x.glassShows(`remove: 1 envelope(.*\n)+.*\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`1 envelope removed`)
	x.keys("q")
	x.keys("U")
	x.glassShows(`1 envelope restored|\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`1 envelope restored`)
	d.WaitQueued(3)
	x.keys("q")
	x.keys("q")
	x.ended(0)
}
