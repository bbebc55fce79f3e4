package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealSpool reads the queue of a real smtpd that compresses it, encrypts it,
// or both: the same bytes as from a plain one, online and off.
func TestRealSpool(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	keyFile := t.TempDir() + "/key"
	wrong := t.TempDir() + "/wrong"
	os.WriteFile(keyFile, []byte(key+"\n"), 0o600)
	os.WriteFile(wrong, []byte(strings.Repeat("w", 32)), 0o600)
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
			look()
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
			look()
			offline := ours(t, d, "", args("show", "queue", "sort=to")...)
			if offline.status != 0 || strings.Count(offline.stdout, "|offline|") != 20 {
				t.Errorf("offline: %v", offline)
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
