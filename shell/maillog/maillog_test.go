package maillog

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
)

// sample is a log as smtpd 6.8 to 7.9 writes it, without the heads of its lines.
const sample = `info: OpenSMTPD 7.9.0-portable starting
1bae6736acb018f4 smtp connected address=192.0.2.7 host=client.example
1bae6736acb018f4 smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256
1bae6736acb018f4 smtp authentication user=alice result=ok
1bae6736acb018f4 smtp message msgid=623fb1b6 size=251 nrcpt=2 proto=ESMTP
1bae6736acb018f4 smtp envelope evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@temp.example>
1bae6736acb018f4 smtp envelope evpid=623fb1b6fd8c25a4 from=<s@x.example> to=<B@Other.Example>
1bae67382c91270a smtp connected address=192.0.2.8 host=<unknown>
1bae67382c91270a smtp message msgid=295e2011 size=99 nrcpt=1 proto=ESMTP
1bae67382c91270a smtp envelope evpid=295e2011e6a56f21 from=<t@y.example> to=<c@temp.example>
1bae6736acb018f4 smtp disconnected reason=quit
1bae673b72d6a93b mta connecting address=smtp://198.51.100.2:25 host=mx.temp.example
1bae673b72d6a93b mta connected
1bae673b72d6a93b mta tls ciphers=TLSv1.2:AES128:128
1bae673b72d6a93b mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@temp.example> rcpt=<-> source="192.0.2.1" relay="198.51.100.2 (mx.temp.example)" delay=0s result="TempFail" stat="451 4.3.0 come "back" later = \ please"
1bae673b72d6a93b mta disconnected reason=quit messages=0
1bae673b72d6a93c mta connecting address=smtp://198.51.100.3:25 host=mx.other.example
1bae673b72d6a93c mta error reason=Connection closed: 554 go away
1bae673b72d6a93c mta disconnected reason=error messages=0
0000000000000000 mta delivery evpid=623fb1b6fd8c25a4 from=<s@x.example> to=<B@Other.Example> rcpt=<-> source="-" relay="other.example" delay=3s result="TempFail" stat="Network error on destination MXs"
1bae673b72d6a93d mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@temp.example> rcpt=<-> source="192.0.2.1" relay="198.51.100.2 (mx.temp.example)" delay=6m40s result="Ok" stat="250 2.0.0 taken"
1bae673b72d6a93e mda delivery evpid=295e2011e6a56f21 from=<t@y.example> to=<c@temp.example> rcpt=<c@temp.example> user=carol delay=1s result=Ok stat=Delivered
relay: Remove for 623fb1b6fd8c25a4: from=<s@x.example>, to=<B@Other.Example>, rcpt=<->, delay=4s, stat=Removed by administrator
relay: Expire for 295e2011e6a56f99: from=<t@y.example>, to=<d@temp.example>, rcpt=<->, delay=4d, stat=Envelope expired
`

// tell returns the stories of a query, one event a line.
func tell(t *testing.T, q Query, log string) string {
	t.Helper()
	r := NewReader(q)
	if err := r.Read(context.Background(), strings.NewReader(log), time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range r.Stories() {
		fmt.Fprintln(&b, "message", s.Message)
		for _, e := range s.Events {
			fmt.Fprintln(&b, e.Text())
		}
	}
	return b.String()
}

// TestStories tells the stories of an address, of ids and of a domain, with every head
// that a line may have.
func TestStories(t *testing.T) {
	const story = `message 623fb1b6
accepted from <s@x.example>, 251 bytes, by client 192.0.2.7 (client.example), as user alice, TLS TLSv1.3:TLS_AES_256_GCM_SHA384:256
623fb1b6fd8c25a3 for <a@temp.example>
623fb1b6fd8c25a3 to <a@temp.example> put off by 198.51.100.2 (mx.temp.example) after 0s, TLS TLSv1.2:AES128:128: 451 4.3.0 come "back" later = \ please
623fb1b6fd8c25a3 to <a@temp.example> delivered by 198.51.100.2 (mx.temp.example) after 6m40s: 250 2.0.0 taken
`
	const other = `623fb1b6fd8c25a4 for <B@Other.Example>
623fb1b6fd8c25a4 to <B@Other.Example> put off by other.example after 3s: Network error on destination MXs; sessions that had failed just before, perhaps why: smtp://198.51.100.3:25 (mx.other.example): Connection closed: 554 go away
623fb1b6fd8c25a4 to <B@Other.Example> removed: Removed by administrator
`
	const second = `message 295e2011
accepted from <t@y.example>, 99 bytes, by client 192.0.2.8
295e2011e6a56f21 for <c@temp.example>
295e2011e6a56f21 to <c@temp.example> delivered for user carol after 1s: Delivered
`
	const expired = "295e2011e6a56f99 to <d@temp.example> expired: Envelope expired\n"
	one, two := protocol.EnvelopeID(0x623fb1b6fd8c25a3), protocol.MessageID(0x295e2011)
	for _, head := range []string{"", "Nov 25 20:51:00 mx smtpd[123]: ", "2026-11-25T20:51:00.123456+01:00 mx smtpd[123]: ", "2026-11-25T20:51:00+0100 mx smtpd[1]: "} {
		var log strings.Builder
		for line := range strings.Lines(sample) {
			log.WriteString(head + line + "Nov 25 20:51:00 mx sshd[1]: 1bae6736acb018f4 no mail\n")
		}
		for _, tt := range []struct {
			name string
			q    Query
			want string
		}{
			{"recipient", Query{Addresses: []string{"a@temp.example"}}, story},
			{"envelope", Query{Envelopes: map[protocol.EnvelopeID]bool{one: true}}, story},
			{"recipient in another case", Query{Addresses: []string{"b@other.example"}}, strings.Join(strings.SplitAfterN(story, "\n", 3)[:2], "") + other},
			{"message", Query{Messages: map[protocol.MessageID]bool{two: true}}, second + expired},
			{"sender", Query{Addresses: []string{"t@y.example"}}, second + expired},
			{"nobody", Query{Addresses: []string{"x@nowhere.example", ""}}, ""},
		} {
			got := tell(t, tt.q, log.String())
			if head != "" {
				lines := strings.SplitAfter(got, "\n")
				for i, l := range lines {
					if !strings.HasPrefix(l, "message ") && l != "" {
						lines[i] = l[len("2026-11-25 20:51:00 "):]
					}
				}
				got = strings.Join(lines, "")
			}
			if got != tt.want {
				t.Errorf("%q, %s: got\n%swant\n%s", head, tt.name, got, tt.want)
			}
		}
		if got := tell(t, Query{Addresses: []string{"@temp.example"}}, log.String()); strings.Count(got, "\n") != strings.Count(story+second+expired, "\n") {
			t.Errorf("%q: the domain: %s", head, got)
		}
	}
}

// TestTimes reads times without a year, of a log that ended at the beginning of one.
func TestTimes(t *testing.T) {
	c := &clock{time.Date(2027, 1, 2, 12, 0, 0, 0, time.Local), time.Local}
	for text, want := range map[string]time.Time{
		"Jan  2 11:59:00 mx": time.Date(2027, 1, 2, 11, 59, 0, 0, time.Local), "Dec 31 23:59:59 mx": time.Date(2026, 12, 31, 23, 59, 59, 0, time.Local),
		"2026-12-31T23:59:59Z mx": time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), "2026-12-31T23:59:59+0100 mx": time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC),
		"": {}, "nonsense of some length": {}, "2026-99-31T23:59:59Z mx": {},
	} {
		if got := c.time([]byte(text)); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestFiles finds a log and its rotated files, of each kind, the oldest first.
func TestFiles(t *testing.T) {
	for _, tt := range []struct{ have, want string }{
		{"maillog maillog.0.gz maillog.1.gz maillog.10.gz maillog.2.gz maillog.bak", "maillog.10.gz maillog.2.gz maillog.1.gz maillog.0.gz maillog"},
		{"mail.log mail.log.1 mail.log.2.gz syslog", "mail.log.2.gz mail.log.1 mail.log"},
		{"mail.log mail.log.1 mail.log.2.xz mail.log.3.zst mail.log.4.bz2 mail.log.1.swp", "mail.log.4.bz2 mail.log.3.zst mail.log.2.xz mail.log.1 mail.log"},
		{"maillog maillog-20261108 maillog-20261101.gz maillog-20261115", "maillog-20261101.gz maillog-20261108 maillog-20261115 maillog"},
		{"syslog", "syslog"}, {"mail.log! syslog", "syslog"}, {"mail.log! syslog!", "mail.log"},
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(tt.have) {
			text := []byte("x")
			if name, empty := strings.CutSuffix(name, "!"); empty {
				os.WriteFile(filepath.Join(dir, name), nil, 0o600)
				continue
			}
			os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		got, err := Files(dir)
		for i := range got {
			got[i] = filepath.Base(got[i])
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, %v", tt.have, got, err)
		}
	}
	if _, err := Files(t.TempDir()); err != ErrNone {
		t.Error(err)
	}
}

// TestReadFile reads compressed files, and those that are damaged or no files.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(sample))
	w.Close()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	q := Query{Addresses: []string{"a@temp.example"}}
	for _, path := range []string{write("plain", []byte(sample)), write("packed.gz", z.Bytes())} {
		r := NewReader(q)
		if err := r.ReadFile(context.Background(), path, nil); err != nil || len(r.Stories()) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{write("cut.gz", z.Bytes()[:z.Len()/2]), dir, filepath.Join(dir, "nothing")} {
		if err := NewReader(q).ReadFile(context.Background(), path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := NewReader(q).ReadFile(ctx, write("large", bytes.Repeat([]byte(sample), 1000)), nil); err == nil {
		t.Error("not cancelled")
	}
}

// TestLastTry looks for the last attempt at the end of a log.
func TestLastTry(t *testing.T) {
	dir := t.TempDir()
	id := protocol.EnvelopeID(0x623fb1b6fd8c25a4)
	if LastTry(context.Background(), dir, id) != nil {
		t.Error("a try without a log")
	}
	os.WriteFile(filepath.Join(dir, "maillog"), append(bytes.Repeat([]byte(strings.Repeat("x", 199)+"\n"), tail/100), sample...), 0o600)
	if e := LastTry(context.Background(), dir, id); e == nil || e.Kind != PutOff || len(e.Perhaps) != 1 {
		t.Errorf("%+v", e)
	}
	if e := LastTry(context.Background(), dir, id+10); e != nil {
		t.Errorf("%+v", e)
	}
	os.Remove(filepath.Join(dir, "maillog"))
	os.Mkdir(filepath.Join(dir, "maillog"), 0o700)
	if e := LastTry(context.Background(), dir, id); e != nil {
		t.Errorf("%+v", e)
	}
}

// TestBounds reads a log that tells more than is held: how it begins and its newest events
// are told, and how many were left out between.
func TestBounds(t *testing.T) {
	r := NewReader(Query{Addresses: []string{"@x.example"}})
	c := &clock{time.Now(), time.Local}
	const messages = 60_000
	for i := range messages {
		id := i + 1
		if i%2 == 1 {
			id = 1 // one message has events all over the log
		}
		for _, text := range []string{"%016[2]x smtp connected address=192.0.2.1 host=h", "%016[2]x smtp envelope evpid=%08[3]x%08[2]x from=<a@x.example> to=<b@y.example>", "%016[2]x mta error reason=x"} {
			if l, ok := c.parse(fmt.Appendf(nil, "2026-11-25T20:%02d:00Z mx smtpd[1]: "+text, i/1000, i+1, id)); ok {
				r.take(&l)
			}
		}
	}
	n, from, to := r.Left()
	stories := r.Stories()
	told := 0
	for _, s := range stories {
		told += len(s.Events)
	}
	first, last := stories[0], stories[len(stories)-1]
	if n == 0 || told+n != 2*messages || from == 0 || from >= to || len(r.sessions) > maxSessions || len(r.errors) > maxErrors {
		t.Errorf("%d left from %v to %v, %d told, %d sessions", n, from, to, told, len(r.sessions))
	}
	if first.Message != "00000001" || last.Message != fmt.Sprintf("%08x", messages-1) || first.Left == 0 || first.LeftAt == 0 || first.LeftAt >= len(first.Events) {
		t.Errorf("first %s, %d left at %d of %d; last %s", first.Message, first.Left, first.LeftAt, len(first.Events), last.Message)
	}
	if at := first.Events; at[first.LeftAt-1].Time > from || at[first.LeftAt].Time < to {
		t.Errorf("left out at the wrong place")
	}
}

// FuzzParse parses anything.
func FuzzParse(f *testing.F) {
	for line := range strings.Lines(sample) {
		f.Add([]byte(line))
		f.Add([]byte("Nov 25 20:51:00 mx smtpd[123]: " + line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader(Query{Addresses: []string{"@x.example"}})
		c := &clock{time.Now(), time.Local}
		for range 2 {
			if l, ok := c.parse(slices.Clone(text)); ok {
				r.take(&l)
			}
		}
		for _, s := range r.Stories() {
			for _, e := range s.Events {
				_ = e.Text()
			}
		}
	})
}

// BenchmarkRead reads a log in which one message of a thousand is asked for.
func BenchmarkRead(b *testing.B) {
	var log bytes.Buffer
	for i := range 20_000 {
		for line := range strings.Lines(sample) {
			if i%1000 != 0 {
				line = strings.NewReplacer("temp.example", "else.example", "x.example", "w.example").Replace(line)
			}
			log.WriteString("Nov 25 20:51:00 mx smtpd[123]: " + line)
		}
	}
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(Query{Addresses: []string{"@temp.example"}})
		if err := r.Read(context.Background(), bytes.NewReader(log.Bytes()), time.Now(), nil); err != nil || len(r.Stories()) == 0 {
			b.Fatal(err)
		}
	}
}
