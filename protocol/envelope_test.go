package protocol

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
)

const sampleEnvelope = `version: 3
dispatcher: relay
tag: T
type: mta
smtpname: mx.example
helo: client.example
hostname: client.example
username: u
errorline: 451 4.3.0 a: b
sockaddr: [2001:db8::1]
sender: a@b@x.example
rcpt: @y.example
dest: user
ctime: 1700000000
last-try: 1700000100
last-bounce: 5
ttl: 0
retry: 7
flags: authenticated,internal
dsn-notify: 2
dsn-ret: FULL
dsn-envid: e
dsn-orcpt: o@z.example
esc-class: 4
esc-code: 3
x-later: something
`

func TestParseEnvelope(t *testing.T) {
	got, err := ParseEnvelope([]byte(sampleEnvelope))
	if err != nil {
		t.Fatal(err)
	}
	want := Envelope{
		Version: 3, Dispatcher: "relay", Tag: "T", Type: DeliverMTA, SMTPName: "mx.example", Helo: "client.example",
		Hostname: "client.example", Username: "u", ErrorLine: "451 4.3.0 a: b",
		Source: Source{Addr: netip.MustParseAddr("2001:db8::1")},
		Sender: Address{"a@b", "x.example"}, Rcpt: Address{"", "y.example"}, Dest: Address{"user", ""},
		Created: 1700000000, LastTry: 1700000100, LastBounce: 5, Retry: 7, Flags: FlagAuth | FlagInternal,
		DSNNotify: 2, DSNRet: "FULL", DSNEnvID: "e", DSNOrcpt: Address{"o", "z.example"}, ESCClass: 4, ESCCode: 3,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseEnvelopeErrors(t *testing.T) {
	for _, text := range []string{
		"", "version: 2\n", "type: mta\n", "version: x\n", "nonsense", "version: 3\ntype: smtp\n",
		"version: 3\nctime: -1\n", "version: 3\nctime: 99999999999999999999\n", "version: 3\nretry: 4294967296\n",
		"version: 3\nflags: odd\n", "version: 3\nsockaddr: here\n",
	} {
		if e, err := ParseEnvelope([]byte(text)); !errors.Is(err, ErrNotEnvelope) {
			t.Errorf("%q: %+v, %v, want ErrNotEnvelope", text, e, err)
		}
	}
}

func TestParseIDs(t *testing.T) {
	if id, err := ParseEnvelopeID("00000001ABCDEF00"); err != nil || id != 0x1abcdef00 || id.Msg() != 1 || id.String() != "00000001abcdef00" {
		t.Errorf("ParseEvpID: %v, %v", id, err)
	}
	for _, s := range []string{"", "1", "0000000000000000", "00000000ffffffff", "12345678", "1234567812345678 ", "+234567812345678", "123456781234567g", "12345678123456780"} {
		if id, err := ParseEnvelopeID(s); err == nil {
			t.Errorf("ParseEvpID(%q) = %v, want an error", s, id)
		}
	}
	for _, s := range []string{"", "00000000", "1234567", "123456789", "0x123456", "1234_678"} {
		if id, err := ParseMessageID(s); err == nil {
			t.Errorf("ParseMsgID(%q) = %v, want an error", s, id)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	seedFrames(f)
	f.Add([]byte(sampleEnvelope))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		e, err := ParseEnvelope(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			if !errors.Is(err, ErrNotEnvelope) {
				t.Fatalf("%v, want ErrNotEnvelope", err)
			}
			return
		}
		if e.Version != 3 || e.Retry < 0 || e.Created < 0 || len(e.ErrorLine) > len(data) {
			t.Fatalf("%+v", e)
		}
		_ = e.Source.Family()
	})
}

func BenchmarkParseEnvelope(b *testing.B) {
	text := []byte(sampleEnvelope)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEnvelope(text); err != nil {
			b.Fatal(err)
		}
	}
}
