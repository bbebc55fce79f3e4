package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealLog tells stories from the log of a real smtpd: of mail that was delivered, put
// off, refused, and removed, and of the bounce.
func TestRealLog(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	for _, to := range []string{"a@temp.example", "b@perm.example", "c@ok.example"} {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{to}, Body: "Subject: x\n\nx\n"})
	}
	firstID(t, d, "to=a@temp.example", "error=?*")
	ours(t, d, "", "wait", "empty", "to=b@*", "for", "20s")
	ours(t, d, "", "wait", "empty", "to=c@*", "for", "20s")
	id := firstID(t, d, "to=a@temp.example")
	if r := ours(t, d, "", "remove", id); r.status != 0 {
		t.Fatal(r)
	}
	d.Stop()
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte(d.Log()), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"a@temp.example": `^message [0-9a-f]{8}
  accepted from <s@x.example>, \d+ bytes, by client 127.0.0.1.*
  [0-9a-f]{16} for <a@temp.example>
  [0-9a-f]{16} to <a@temp.example> put off by 127.0.0.1 \(.*\) after \d+s: 451 4.3.0 come back later .*
  [0-9a-f]{16} to <a@temp.example> removed: Removed by administrator
$`,
		"b@perm.example": `(?s)to <b@perm.example> failed by 127.0.0.1.*: 550 5.1.1 no such user`,
		"c@ok.example":   `(?s)to <c@ok.example> delivered by 127.0.0.1.*: 250 2.0.0 taken`,
		id:               `(?s)to <a@temp.example> put off.*removed`,
		"s@x.example":    `(?s)message .*message .*message .*message .*accepted from <>.*, by client local`,
	} {
		r := run(t, "show", "log", "--log", log, what)
		if r.status != 0 || !regexp.MustCompile(want).MatchString(r.stdout) {
			t.Errorf("%s: %v\nlog:\n%s", what, r, d.Log())
		}
	}
	if strings.Count(run(t, "-j", "show", "log", "--log", log, "@x.example").stdout, `"event":"delivered"`) == 0 {
		t.Error("JSON does not tell of the delivery")
	}
}
