package maillog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
)

// TestAddressNamesField reads lines whose addresses look like the field of the reply:
// smtpd allows = in them.
func TestAddressNamesField(t *testing.T) {
	const log = `1bae673b72d6a93d mta delivery evpid=623fb1b6fd8c25a3 from=<stat=x@x.example> to=<xstat=y@y.example> rcpt=<-> source="-" relay="mx" delay=1s result="TempFail" stat="451 later"
1bae673b72d6a93e mda delivery evpid=623fb1b6fd8c25a4 from=<result=Ok@x.example> to=<stat=z@y.example> user=u delay=1s result=PermFail stat=no space left
`
	got := tell(t, Query{Messages: map[protocol.MessageID]bool{0x623fb1b6: true}}, log)
	for _, want := range []string{"put off by mx after 1s: 451 later\n", "failed for user u after 1s: no space left\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestAuthentication names who had authenticated only if that had succeeded, whatever a
// client calls itself.
func TestAuthentication(t *testing.T) {
	for said, user := range map[string]string{
		"user=boss result=ok": "boss", "user=boss result=permfail": "", "user=boss result=tempfail": "",
		"user=boss result=ok result=permfail": "", "user=a b result=ok": "a b",
		"user=boss result=permfail\n1bae6736acb018f4 smtp authentication user=me result=ok": "me",
	} {
		r := NewReader(Query{Addresses: []string{"s@x.example"}})
		log := "1bae6736acb018f4 smtp connected address=192.0.2.7 host=h\n1bae6736acb018f4 smtp authentication " + said +
			"\n1bae6736acb018f4 smtp envelope evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@y.example>\n"
		if err := r.Read(context.Background(), strings.NewReader(log), time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		if got := r.Stories()[0].Events[0].User; got != user {
			t.Errorf("%q: user %q, want %q", said, got, user)
		}
	}
}

// TestErrorAfterMessages takes in the failure of a session that had sent messages, of
// which smtpd writes in another form (mta_error in mta_session.c).
func TestErrorAfterMessages(t *testing.T) {
	const log = `1bae673b72d6a93b mta connecting address=smtp://198.51.100.2:25 host=mx.y.example
smtp-out: Error on session 1bae673b72d6a93b after 2 messages sent: Connection closed unexpectedly
0000000000000000 mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@y.example> rcpt=<-> source="-" relay="y.example" delay=3s result="TempFail" stat="Network error on destination MXs"
`
	const want = "perhaps why: smtp://198.51.100.2:25 (mx.y.example): Connection closed unexpectedly\n"
	for _, head := range []string{"", "Nov 25 20:51:00 mx smtpd[123]: "} {
		var b strings.Builder
		for line := range strings.Lines(log) {
			b.WriteString(head + line)
		}
		if got := tell(t, Query{Addresses: []string{"a@y.example"}}, b.String()); !strings.HasSuffix(got, want) {
			t.Errorf("%q: %s", head, got)
		}
	}
}

// TestLeapDay reads the 29th of February in a log that ended in a year without one.
func TestLeapDay(t *testing.T) {
	c := &clock{time.Date(2029, 1, 2, 12, 0, 0, 0, time.Local), time.Local}
	want := time.Date(2028, 2, 29, 1, 2, 3, 0, time.Local)
	if got := c.time([]byte("Feb 29 01:02:03 mx")); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReadFiles reads what can be read of a log of which files are damaged or gone.
func TestReadFiles(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(sample))
	w.Close()
	dir := t.TempDir()
	cut, gone, whole := filepath.Join(dir, "maillog.1.gz"), filepath.Join(dir, "maillog.0"), filepath.Join(dir, "maillog")
	os.WriteFile(cut, z.Bytes()[:z.Len()-20], 0o600)
	os.WriteFile(whole, []byte(sample), 0o600)
	r := NewReader(Query{Envelopes: map[protocol.EnvelopeID]bool{0x623fb1b6fd8c25a4: true}})
	failed := r.ReadFiles(context.Background(), []string{cut, gone, whole}, nil)
	if len(failed) != 2 || !strings.Contains(failed[0].Error(), cut) || !errors.Is(failed[1], fs.ErrNotExist) || len(r.Stories()) != 1 {
		t.Errorf("%v, %d stories", failed, len(r.Stories()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if failed := r.ReadFiles(ctx, []string{gone, gone}, nil); len(failed) != 1 {
		t.Errorf("goes on after the end: %v", failed)
	}
}

// TestBytesBound holds no more of long replies than of short ones.
func TestBytesBound(t *testing.T) {
	r := NewReader(Query{Addresses: []string{"@x.example"}})
	c := &clock{time.Now(), time.Local}
	reply := strings.Repeat("x", 32<<10)
	for i := range 2 * maxBytes / len(reply) {
		if l, ok := c.parse(fmt.Appendf(nil, `%016x mta delivery evpid=0000000100000001 from=<a@x.example> to=<b@y.example> result="TempFail" stat="%s"`, i+1, reply)); ok {
			r.take(&l)
		}
	}
	n, _, _ := r.Left()
	if held := len(r.Stories()[0].Events) * len(reply); n == 0 || held > maxBytes+len(reply) {
		t.Errorf("left %d, %d bytes held", n, held)
	}
}

// TestCompressions reads a file of bzip2, and says what reads those that are not read here.
func TestCompressions(t *testing.T) {
	const delivered = "1bae673b72d6a93b mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@y.example> result=\"Ok\" stat=\"250 taken\"\n"
	bz := exec.Command("bzip2")
	bz.Stdin = strings.NewReader(delivered)
	if packed, err := bz.Output(); err == nil { // where there is bzip2
		if got := tell(t, Query{Addresses: []string{"a@y.example"}}, string(packed)); !strings.Contains(got, "delivered") {
			t.Error(got)
		}
	}
	for magic, want := range map[string]string{"\xfd7zXZ\x00": "xzcat FILE | smtpctl show log --log - WHAT", "\x28\xb5\x2f\xfd": "zstdcat FILE |"} {
		path := filepath.Join(t.TempDir(), "maillog.1")
		os.WriteFile(path, []byte(magic+delivered), 0o600)
		if err := NewReader(Query{}).ReadFile(context.Background(), path, nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
	}
}
