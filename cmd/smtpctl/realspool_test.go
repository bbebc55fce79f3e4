package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// variable is what differs from mail to mail: ids and times.
var variable = regexp.MustCompile(`(?m)^(ctime|last-try): \d+$|id [0-9a-f]{8}$|[A-Z][a-z]{2}, .*\d\d:\d\d:\d\d.*|<[0-9a-f]{16}@|\ssmtpd\[\d+\]|Message-ID: .*|^(errorline|retry|last-bounce|esc-\w+): .*$`)

// listed is what differs in a listing.
var listed = regexp.MustCompile(`(?m)^[0-9a-f]{16}|\|\d{10}\|\d{10}\|\d*\|`)

// TestRealSpool reads the queue of a real smtpd that compresses it, encrypts it,
// or both: the same bytes as from a plain one, online and off.
func TestRealSpool(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	keyFile := t.TempDir() + "/key"
	wrong := t.TempDir() + "/wrong"
	os.WriteFile(keyFile, []byte(key+"\n"), 0o600)
	os.WriteFile(wrong, []byte(strings.Repeat("w", 32)), 0o600)
	var plain, plainList string // what a plain queue gives, but for ids and times
	body := "Subject: kept\n\n" + strings.Repeat("many words, many words\n", 5000)
	for _, tt := range []struct{ name, extra string }{
		{"plain", ""}, {"compressed", "queue compression"}, {"encrypted", "queue encryption " + key},
		{"both", "queue compression\nqueue encryption " + key},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Extra: tt.extra})
			for i := range 20 {
				d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("r%d@temp.example", i)}, Body: body})
			}
			d.WaitQueued(20)
			id := firstID(t, d, "to=r7@*")
			args := func(words ...string) []string { return append([]string{"--key-file", keyFile}, words...) }
			look := func() (envelope, message string) {
				e, m := ours(t, d, "", args("show", "envelope", id)...), ours(t, d, "", args("show", "message", id)...)
				if e.status != 0 || m.status != 0 || !strings.Contains(e.stdout, "\nrcpt: r7@temp.example\n") ||
					!strings.Contains(m.stdout, strings.SplitN(body, "\n", 2)[1]) {
					t.Errorf("envelope %.300v, message %.300v", e, m)
				}
				return e.stdout, m.stdout
			}
			envelope, message := look()
			got := variable.ReplaceAllString(envelope+message, "~")
			if tt.extra == "" {
				plain = got
			}
			if got != plain {
				t.Errorf("got %.900q\nplain %.900q", got, plain)
			}
			online := ours(t, d, "", "show", "queue").stdout
			if strings.Count(online, "\n") != 20 {
				t.Errorf("online: %s", online)
			}
			if strings.Contains(tt.extra, "encryption") {
				for _, words := range [][]string{{"show", "message", id}, {"--key-file", wrong, "show", "message", id}, {"--key-file", wrong, "show", "envelope", id}} {
					if r := ours(t, d, "", words...); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "key") {
						t.Errorf("%q: %v", words, r)
					}
				}
			}
			d.Stop()
			if e, m := look(); e != envelope || m != message {
				t.Errorf("offline %.300q %.300q", e, m)
			}
			offline := ours(t, d, "", args("show", "queue", "sort=to")...)
			if offline.status != 0 || strings.Count(offline.stdout, "|offline|") != 20 {
				t.Errorf("offline: %v", offline)
			}
			list := listed.ReplaceAllString(offline.stdout, "~")
			if tt.extra == "" {
				plainList = list
			}
			if list != plainList {
				t.Errorf("listed %s\nplain %s", list, plainList)
			}
			if tt.extra == "" || !strings.Contains(tt.extra, "encryption") {
				return
			}
			if r := ours(t, d, "", "--key-file", wrong, "show", "queue"); r.status != 1 || r.stdout != "" || strings.Count(r.stderr, "wrong key") != 3 {
				t.Errorf("offline with a wrong key: %v", r)
			}
			if r := ours(t, d, "", "show", "queue"); r.status != 1 || !strings.Contains(r.stderr, "--key-file") {
				t.Errorf("offline without a key: %v", r)
			}
		})
	}
}
