package bounce

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// hostile are texts that come from other machines.
var hostile = []string{
	"", "451 4.3.0 come back later", "550-5.1.1 no\n such user", "Network error on destination MXs", "a\r\nTo: victim@x.example\r\n\r\nspam", "\x1b[31mred\x00",
	"554 5.7.1 caf\xe9 caf\u00e9 \u202e", strings.Repeat("x", 5000), strings.Repeat("\u00e9", 3000), "--boundary--", "5.7.1; smtp; x", " ", "\t",
}

// TestNotice makes notices of hostile envelopes, which are read by other parsers.
func TestNotice(t *testing.T) {
	dir := t.TempDir()
	sp := spool.Open(dir)
	message := "Received: from a\n\tby b\nSubject: s\n\nbody\n.\n--x--\n"
	path := sp.MessagePath(0x12345678)
	os.MkdirAll(filepath.Dir(path), 0o700)
	os.WriteFile(path, []byte(message), 0o600)
	for _, text := range hostile {
		for _, ret := range []string{"", "FULL", "HDRS"} {
			for _, k := range []kind{failed, delayed} {
				e := &protocol.Envelope{ID: 0x12345678_00000001, SMTPName: "mx.example" + text, Sender: protocol.ParseAddress("s@x.example"), Rcpt: protocol.ParseAddress("r@y.example"),
					ErrorLine: text, DSNEnvID: text, DSNRet: ret, DSNOrcpt: protocol.ParseAddress(text), Created: 1, LastTry: 2}
				second := *e
				second.ID, second.Rcpt = e.ID+1, protocol.Address{User: text, Domain: "y.example"}
				var b bytes.Buffer
				if err := newNotice(&command.Call{}, k, text, []*protocol.Envelope{e, &second}).write(&b, sp); err != nil {
					t.Fatal(err)
				}
				checkNotice(t, b.String(), message, k, ret == "FULL" && k == failed)
			}
		}
	}
}

// checkNotice reads a notice for two recipients.
func checkNotice(t *testing.T, text, message string, k kind, all bool) {
	t.Helper()
	for line := range strings.Lines(text) {
		if len(line) > 998 || strings.ContainsAny(strings.TrimRight(line, "\n"), "\r\x00\x1b") {
			t.Errorf("%q", line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "s@x.example" || m.Header.Get("Auto-Submitted") != "auto-replied" || m.Header.Get("Bcc") != "" {
		t.Errorf("%v, %v", m.Header, err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	kindOf, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kindOf != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Errorf("%q: %v", m.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var kinds, bodies []string
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		body, _ := io.ReadAll(p)
		kinds, bodies = append(kinds, p.Header.Get("Content-Type")), append(bodies, string(body))
	}
	want, rest := "text/rfc822-headers", message[:strings.Index(message, "\n\n")+1]
	if all {
		want, rest = "message/rfc822", message
	}
	if len(kinds) != 3 || !strings.HasPrefix(kinds[0], "text/plain") || kinds[1] != "message/delivery-status" || kinds[2] != want || strings.TrimRight(bodies[2], "\n") != strings.TrimRight(rest, "\n") {
		t.Fatalf("%q %q\n%s", kinds, bodies, text)
	}
	status := textproto.NewReader(bufio.NewReader(strings.NewReader(bodies[1] + "\n\n")))
	head, err := status.ReadMIMEHeader()
	if err != nil || !strings.HasPrefix(head.Get("Reporting-MTA"), "dns; ") {
		t.Errorf("%v, %v\n%s", head, err, bodies[1])
	}
	for range 2 {
		f, err := status.ReadMIMEHeader()
		action := map[kind]string{failed: "failed", delayed: "delayed"}[k]
		if err != nil || f.Get("Action") != action || len(f.Values("Final-Recipient")) != 1 || len(f.Values("Status")) != 1 || !strings.HasPrefix(f.Get("Status"), map[kind]string{failed: "5.", delayed: "4."}[k]) {
			t.Errorf("%v, %v\n%s", f, err, bodies[1])
		}
	}
}

// TestUnwanted says whose senders get no notice.
func TestUnwanted(t *testing.T) {
	ok := protocol.Envelope{Type: protocol.DeliverMTA, Sender: protocol.ParseAddress("s@x.example")}
	with := func(f func(e *protocol.Envelope)) *protocol.Envelope {
		e := ok
		f(&e)
		return &e
	}
	for name, tt := range map[string]struct {
		e               *protocol.Envelope
		failed, delayed bool
	}{
		"usual":   {&ok, true, true},
		"null":    {with(func(e *protocol.Envelope) { e.Sender = protocol.ParseAddress("@") }), false, false},
		"bounce":  {with(func(e *protocol.Envelope) { e.Type = protocol.DeliverBounce }), false, false},
		"never":   {with(func(e *protocol.Envelope) { e.DSNNotify = 8 }), false, false},
		"success": {with(func(e *protocol.Envelope) { e.DSNNotify = 1 }), false, false},
		"failure": {with(func(e *protocol.Envelope) { e.DSNNotify = 2 }), true, false},
		"delay":   {with(func(e *protocol.Envelope) { e.DSNNotify = 4 }), false, true},
		"all":     {with(func(e *protocol.Envelope) { e.DSNNotify = 7 }), true, true},
	} {
		if got := unwanted(failed, tt.e); (got == "") != tt.failed {
			t.Errorf("%s: bounce: %q", name, got)
		}
		if got := unwanted(delayed, tt.e); (got == "") != tt.delayed {
			t.Errorf("%s: notify: %q", name, got)
		}
	}
}
