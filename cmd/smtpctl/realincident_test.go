package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// The incidents that no simulation can play; the others are testdata/script/incident-*.

// TestRealIncidentSmarthostDown is the smarthost that was down for five hours. Everything waits
// with a network error, and smtpd tries again only after hours; the route is disabled. The
// administrator asks what keeps the mail, sees the smarthost answer again, enables the route,
// and lets the mail go at a pace. They must see the one error, the route, how the delivery
// goes on, and an empty queue, with each mail delivered once.
func TestRealIncidentSmarthostDown(t *testing.T) {
	const mails = 40
	var queue []realsmtpd.Planted
	for i := range mails {
		text := strings.Replace(envelopeText("relay", fmt.Sprintf("u%d@ok.example", i)), "ctime: ", "errorline: Network error on destination MXs\nctime: ", 1) +
			fmt.Sprintf("last-try: %d\nretry: 14\n", time.Now().Unix())
		queue = append(queue, realsmtpd.Planted{ID: protocol.EnvelopeID(uint64(i+1)<<36 | 1), Text: text, Body: "Subject: waiting\n\nbody\n"})
	}
	d := realsmtpd.Start(t, realsmtpd.Config{Plant: queue, NoSink: true})
	d.WaitQueued(mails)
	// New mail fails at once, and has the route disabled.
	d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"new@ok.example"}})
	id := firstID(t, d, "to=new@ok.example", "error=?*")
	if r := ours(t, d, "", "show", "queue", "by", "error"); r.status != 0 || !strings.Contains(r.stdout, "Network error") {
		t.Errorf("by error: %v", r)
	}
	explained(t, d, id, "route-disabled", "resume route ")
	if c, err := net.Dial("tcp", "127.0.0.1:2626"); err == nil {
		c.Close()
		t.Fatal("the smarthost is up already")
	}

	sink := realsmtpd.StartSink(t, 2626) // it is back
	// To schedule now is not enough: the route is disabled.
	if r := ours(t, d, "", "resume", "route", "all"); r.status != 0 {
		t.Fatal(r)
	}
	r := ours(t, d, "", "schedule", "error=*Network*", "batch=20", "stop=30%")
	if r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes scheduled\n", mails+1) || !strings.Contains(r.stderr, fmt.Sprintf("%d left the queue", mails+1)) {
		t.Errorf("schedule: %v\n%s", r, d.Log())
	}
	if r := ours(t, d, "", "wait", "empty", "for", "10s"); r.status != 0 {
		t.Errorf("wait: %v", r)
	}
	if err := once(sink.Took(), mails+1); err != nil {
		t.Errorf("%v\n%s", err, d.Log())
	}
}
