package maillog

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
)

// rejections is a log of a bounce, and of what smtpd rejected, as 6.8 to 7.9 write it.
const rejections = `9de744dac7b96679 mta delivery evpid=18c52a750e866029 from=<s@x.example> to=<b@perm.example> rcpt=<-> source="127.0.0.1" relay="127.0.0.1 (mx)" delay=0s result="PermFail" stat="550 5.1.1 no such user"
9de744e0175786b8 smtp connected address=local host=vm
9de744e0175786b8 smtp message msgid=11ca2e6e size=1377 nrcpt=1 proto=ESMTP
9de744e0175786b8 smtp envelope evpid=11ca2e6e5b46602e from=<> to=<s@x.example>
9de744e2a87f57c6 smtp connected address=192.0.2.9 host=<unknown>
9de744e2a87f57c6 smtp failed-command command="RCPT TO:<nobody@nowhere@x>" result="501 5.1.3 Recipient address syntax error"
9de744e2a87f57c6 smtp failed-command command="RCPT TO:<Root@refused.example>" result="550 Invalid recipient: <root@refused.example>"
9de744e2a87f57c6 smtp failed-command command="MAIL FROM:<big@refused.example> SIZE=999999999" result="552 message "too" big"
9de744e2a87f57c6 smtp failed-command command="DATA" result="503 5.5.1 Invalid command: Command not allowed at this point."
9de744dac7b96679 mta delivery evpid=1b4cfe9f6144e4fd from=<a@b.example> to=<x@perm.example> rcpt=<-> source="127.0.0.1" relay="127.0.0.1 (mx)" delay=1s result="PermFail" stat="550 5.1.1 no such user"
warn: PermFail injecting failure report on message 1b4cfe9f to <a@b.example> for 1 envelope: 550 Invalid recipient: <a@b.example>
`

// TestBounce links a bounce with what had failed, and tells of one that could not be sent.
func TestBounce(t *testing.T) {
	for _, tt := range []struct {
		q    Query
		want []string
	}{
		{Query{Addresses: []string{"b@perm.example"}}, []string{"failed by 127.0.0.1 (mx) after 0s: 550 5.1.1 no such user\nperhaps returned to <s@x.example> in message 11ca2e6e\n"}},
		{Query{Messages: map[protocol.MessageID]bool{0x11ca2e6e: true}}, []string{"accepted from <>, 1377 bytes, by client local (vm), perhaps the bounce of message 18c52a75\n"}},
		{Query{Messages: map[protocol.MessageID]bool{0x1b4cfe9f: true}}, []string{"the report to <a@b.example> could not be sent: 550 Invalid recipient: <a@b.example>\n"}},
		{Query{Addresses: []string{"@refused.example"}}, []string{"recipient <Root@refused.example> rejected, of client 192.0.2.9: 550 Invalid recipient: <root@refused.example>\n",
			"sender <big@refused.example> rejected, of client 192.0.2.9: 552 message \"too\" big\n"}},
		{Query{Addresses: []string{"nobody@nowhere@x"}}, []string{"501 5.1.3 Recipient address syntax error\n"}},
	} {
		for _, head := range []string{"", "2026-11-25T20:51:00Z mx smtpd[123]: "} {
			var log strings.Builder
			for line := range strings.Lines(rejections) {
				log.WriteString(head + line)
			}
			got := tell(t, tt.q, log.String())
			if head != "" {
				at := time.Date(2026, 11, 25, 20, 51, 0, 0, time.UTC).Local().Format(time.DateTime) + " "
				got = strings.ReplaceAll(got, at, "")
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		}
	}
}

// TestBounceOfMany says of which messages a bounce may be, if there are several.
func TestBounceOfMany(t *testing.T) {
	var log strings.Builder
	for i := range 5 {
		fmt.Fprintf(&log, "9de744dac7b96679 mta delivery evpid=%08x0e866029 from=<s@x.example> to=<b@perm.example> result=\"PermFail\" stat=\"550\"\n", i+1)
	}
	log.WriteString("9de744e0175786b8 smtp connected address=local host=vm\n9de744e0175786b8 smtp envelope evpid=11ca2e6e5b46602e from=<> to=<s@x.example>\n")
	if got := tell(t, Query{Addresses: []string{"s@x.example"}}, log.String()); !strings.Contains(got, "perhaps the bounce of message 00000005 or 00000004 or 00000003\n") || strings.Contains(got, "returned") {
		t.Error(got)
	}
}

// TestBeginning finds messages and envelopes by the beginning of their ids.
func TestBeginning(t *testing.T) {
	for _, tt := range []struct {
		b     Beginning
		found string
		told  string
	}{
		{Beginning{"11ca", 0x11ca << 48, 0x11caffffffffffff}, "11ca2e6e", "perhaps the bounce of"},
		{Beginning{"1b4cfe9f61", 0x1b4cfe9f61 << 24, 0x1b4cfe9f61ffffff}, "1b4cfe9f6144e4fd", "could not be sent"},
		{Beginning{"1111", 0x1111 << 48, 0x1111ffffffffffff}, "", ""},
		{Beginning{"1", 0x1 << 60, 0x1fffffffffffffff}, "11ca2e6e 18c52a75 1b4cfe9f", ""},
	} {
		r := NewReader(Query{Begins: []Beginning{tt.b}})
		if err := r.Read(context.Background(), strings.NewReader(rejections), time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, s := range r.Stories() {
			for _, e := range s.Events {
				text.WriteString(e.Text() + "\n")
			}
		}
		if got := strings.Join(r.Found(0), " "); got != tt.found || !strings.Contains(text.String(), tt.told) {
			t.Errorf("%s: found %q, told %s", tt.b.Text, got, text.String())
		}
	}
}
