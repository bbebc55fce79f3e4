package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"smtpctl/shell/tools/resolve/dnstest"
)

const zone = `
a.example.      TXT   "one" " two"
a.example.      TXT   "three"
a.example.      MX    20 mx2.example.
a.example.      MX    10 MX1.example.
a.example.      A     192.0.2.1
a.example.      AAAA  2001:db8::1
null.example.   MX    0 .
empty.example.  TXT   "x"
www.example.    CNAME w2.example.
w2.example.     CNAME a.example.
loop.example.   CNAME pool.example.
pool.example.   CNAME loop.example.
dead.example.   CNAME gone.example.
localhost.      A     192.0.2.99
`

func TestLookups(t *testing.T) {
	var big strings.Builder
	for i := range 100 {
		fmt.Fprintf(&big, "big.example. TXT \"%s %d\"\n", strings.Repeat("x", 200), i)
	}
	s := dnstest.Start(t, "127.0.0.1:0", zone+big.String())
	s.Fail("broken.example", dns.RcodeServerFailure)
	s.Fail("refused.example", dns.RcodeRefused)
	s.Fail("silent.example", dns.RcodeSuccess)
	c, err := At(s.Addr, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ kind, name, want, err string }{
		{"TXT", "a.example", "[one two three]", ""},
		{"TXT", "A.Example.", "[one two three]", ""},
		{"MX", "a.example", "[mx2.example MX1.example]", ""},
		{"MX", "null.example", "[]", ""},
		{"A", "a.example", "[192.0.2.1]", ""},
		{"AAAA", "a.example", "[2001:db8::1]", ""},
		{"A", "www.example", "[192.0.2.1]", ""},
		{"A", "localhost", "[192.0.2.99]", ""}, // /etc/hosts has another
		{"A", "empty.example", "[]", ""},
		{"MX", "a.a.example", "[]", "no such name"},
		{"A", "loop.example", "[]", "too many aliases"},
		{"A", "dead.example", "[]", "no such name"},
		{"A", "broken.example", "[]", "the name server failed"},
		{"A", "refused.example", "[]", "refused"},
		{"A", "silent.example", "[]", "does not answer"},
		{"A", strings.Repeat("x", 64) + ".example", "[]", "too long"},
		{"A", strings.Repeat("x.", 130), "[]", "is not a valid name"},
	} {
		var got any
		var err error
		switch tt.kind {
		case "TXT":
			got, err = c.TXT(context.Background(), tt.name)
		case "MX":
			got, err = c.MX(context.Background(), tt.name)
		case "A":
			got, err = c.IPv4(context.Background(), tt.name)
		case "AAAA":
			got, err = c.IPv6(context.Background(), tt.name)
		}
		if fmt.Sprint(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s %s: %v, %v, want %s %q", tt.kind, tt.name, got, err, tt.want, tt.err)
		}
	}
	if got, err := c.TXT(context.Background(), "big.example"); len(got) != 100 || err != nil {
		t.Errorf("a large answer: %d texts, %v", len(got), err)
	}
	if _, err := c.TXT(context.Background(), "nowhere.example"); !errors.Is(err, ErrNoName) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := c.TXT(ctx, "silent.example"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNoEDNS asks a server that knows no EDNS, by UDP and for an answer that needs TCP.
func TestNoEDNS(t *testing.T) {
	var big strings.Builder
	for i := range 100 {
		fmt.Fprintf(&big, "big.example. TXT \"%s %d\"\n", strings.Repeat("x", 200), i)
	}
	s := dnstest.Start(t, "127.0.0.1:0", zone+big.String())
	s.NoEDNS.Store(true)
	c, err := At(s.Addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"a.example": 2, "big.example": 100} {
		if got, err := c.TXT(context.Background(), name); len(got) != want || err != nil {
			t.Errorf("%s: %d texts, %v, want %d", name, len(got), err, want)
		}
	}
}

// TestSecondServer has a first server that nobody runs.
func TestSecondServer(t *testing.T) {
	s := dnstest.Start(t, "127.0.0.1:0", zone)
	c := &Client{Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort(s.Addr)}, Timeout: time.Second}
	if got, err := c.IPv4(context.Background(), "a.example"); len(got) != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	c.Servers = c.Servers[:1]
	if _, err := c.IPv4(context.Background(), "a.example"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1: ") {
		t.Errorf("%v", err)
	}
}

// TestForgedAnswers sends answers to other questions before the right one.
func TestForgedAnswers(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go func() {
		buf := make([]byte, 2000)
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		q.Unpack(buf[:n])
		reply := func(name string, id uint16, addr string) {
			m := new(dns.Msg)
			m.SetReply(q)
			m.Id, m.Question[0].Name = id, name
			rr, _ := dns.NewRR(name + " A " + addr)
			m.Answer = []dns.RR{rr}
			raw, _ := m.Pack()
			pc.WriteTo(raw, from)
		}
		pc.WriteTo([]byte("junk"), from)
		reply("a.example.", q.Id+1, "203.0.113.1")
		reply("b.example.", q.Id, "203.0.113.2")
		reply("A.example.", q.Id, "192.0.2.1")
	}()
	c, _ := At(pc.LocalAddr().String(), 2*time.Second)
	if got, err := c.IPv4(context.Background(), "a.example"); fmt.Sprint(got) != "[192.0.2.1]" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestServers(t *testing.T) {
	for text, want := range map[string]string{
		"": "[127.0.0.1:53]", "search x\n# nameserver 1.2.3.4\nnameserver nonsense\n": "[127.0.0.1:53]",
		"nameserver 192.0.2.1\nnameserver 2001:db8::1 \noptions edns0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n": "[192.0.2.1:53 [2001:db8::1]:53 192.0.2.3:53]",
	} {
		if got := fmt.Sprint(servers(strings.NewReader(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:53", "192.0.2.1:5353": "192.0.2.1:5353", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:54": "[::1]:54",
	} {
		if c, err := At(addr, time.Second); err != nil || c.Servers[0].String() != want {
			t.Errorf("%q: %v, %v", addr, c, err)
		}
	}
	for _, addr := range []string{"", "dns.example", "192.0.2.1:x", "192.0.2.1:99999"} {
		if _, err := At(addr, time.Second); err == nil {
			t.Errorf("%q is taken", addr)
		}
	}
}
