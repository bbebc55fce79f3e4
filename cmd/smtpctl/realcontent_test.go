package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealContent selects mail of a real smtpd by what its messages hold, as they are
// on the disk: plain, compressed and encrypted.
func TestRealContent(t *testing.T) {
	const key = "00112233445566778899aabbccddeeff"
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, conf string }{
		{"plain", ""}, {"compressed", "queue compression"}, {"encrypted", "queue encryption " + key}, {"both", "queue compression\nqueue encryption " + key},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{Extra: tt.conf + "\n", Args: []string{"-P", "mta", "-P", "mda"}})
			var mails []realsmtpd.Mail
			for i := range 20 {
				subject := "Newsletter"
				if i%4 == 0 {
					subject = "=?utf-8?B?R2V3aW5uIQ==?= =?utf-8?Q?f=C3=BCr_Sie?="
				}
				mails = append(mails, realsmtpd.Mail{From: fmt.Sprintf("s%d@x.example", i), To: []string{"a@y.example", "b@y.example"},
					Body: fmt.Sprintf("Subject: %s\nList-Id: <list%d.example>\n\nnumber %d\n%s", subject, i%2, i, strings.Repeat("x\n", i*1000))})
			}
			d.Send(mails...)
			d.WaitQueued(40)
			args := []string{"--key-file", keyFile}
			count := func(words ...string) int {
				t.Helper()
				r := withConf(t, d, append(append(args, "show", "queue"), words...)...)
				if r.status != 0 && !strings.Contains(r.stderr, "no such id") {
					t.Errorf("%v: %v", words, r)
				}
				return strings.Count(r.stdout, "\n")
			}
			for _, w := range []struct {
				words string
				want  int
			}{
				{"subject~Gewinn", 10}, {"subject!=Newsletter", 10}, {"header:list-id=*list1*", 20}, {"header:Received~OpenSMTPD", 40},
				{"body~number.1[0-9]", 20}, {"size=30k-", 8}, {"size=-1k", 2}, {"header:list-id=*list1* body~number.1[0-9] to=a@*", 5}, {"subject=none", 0}, {"header:X-None!=?*", 40},
				{"dispatcher=relay", 40}, {"expires=5d", 40}, {"expires=1h", 0},
			} {
				if n := count(strings.Fields(w.words)...); n != w.want {
					t.Errorf("%s selects %d, want %d", w.words, n, w.want)
				}
			}
			r := withConf(t, d, append(args, "show", "queue", "sort=-size", "to=a@*", "limit=3")...)
			if got := regexp.MustCompile(`\|s(\d+)@x\.example\|`).FindAllStringSubmatch(r.stdout, -1); r.status != 0 || len(got) != 3 || got[0][1]+" "+got[1][1]+" "+got[2][1] != "19 18 17" {
				t.Errorf("sorted by size: %v", r)
			}
			if r := ours(t, d, "", append(args, "-j", "explain", "subject~Gewinn")...); !strings.HasPrefix(r.stdout, `{"verdict":"mta-paused","count":10,`) || strings.Count(r.stdout, "\n") != 1 {
				t.Errorf("explained by content: %v", r)
			}
			if n := count("subject=Gewinn!für Sie"); n != 10 {
				t.Errorf("the decoded subject selects %d", n)
			}
			for _, by := range []string{"subject", "size", "dispatcher", "user", "src", "helo", "tag"} {
				r := ours(t, d, "", append(args, "-j", "show", "queue", "by", by)...)
				if r.status != 0 || !strings.Contains(r.stdout, `"select":`) {
					t.Errorf("by %s: %v", by, r)
				}
			}
			if r := ours(t, d, "", append(args, "remove", "subject=Newsletter", "body~number.1[0-9]")...); r.stdout != "16 envelopes removed\n" {
				t.Errorf("remove: %v", r)
			}
			if n := count(); n != 24 {
				t.Errorf("%d are left", n)
			}
		})
	}
}
