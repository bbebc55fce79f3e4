package spf

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// A zone is a resolver with fixed answers.
type zone map[string][]string

func (z zone) get(name, kind string) ([]string, error) {
	if v := z[name+" "+kind]; len(v) > 0 {
		return v, nil
	}
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) { return z.get(name, "TXT") }

func (z zone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	v, err := z.get(name, "MX")
	var out []*net.MX
	for _, h := range v {
		out = append(out, &net.MX{Host: h})
	}
	return out, err
}

func (z zone) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	v, err := z.get(name, "A")
	var out []netip.Addr
	for _, a := range v {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, err
}

var testZone = zone{
	"a.example TXT":      {"v=spf1 ip4:192.0.2.1 ip4:198.51.100.7/24 ip6:2001:db8::1/32 a mx include:inc.example -all"},
	"a.example A":        {"203.0.113.5", "2001:db8:1::5"},
	"a.example MX":       {"mx1.example.", "mx2.example."},
	"mx1.example A":      {"203.0.113.9"},
	"mx2.example A":      {"203.0.113.10"},
	"inc.example TXT":    {"some other text", "v=SPF1 IP4:192.0.2.1 ?ip4:192.0.2.2 -ip4:192.0.2.3 ~all"},
	"cidr.example TXT":   {"v=spf1 a/24 mx/28//64 a:a.example//48"},
	"cidr.example A":     {"203.0.113.77", "2001:db8:2::77"},
	"cidr.example MX":    {"mx1.example"},
	"red.example TXT":    {"v=spf1 ip4:192.0.2.9 redirect=inc.example"},
	"redall.example TXT": {"v=spf1 ip4:192.0.2.9 redirect=inc.example -all"},
	"loop.example TXT":   {"v=spf1 include:loop2.example ip4:192.0.2.1"},
	"loop2.example TXT":  {"v=spf1 include:loop.example ip4:192.0.2.2"},
	"macro.example TXT":  {"v=spf1 exists:%{i}.x.example include:%{d}.y.example ptr ip4:192.0.2.1"},
	"two.example TXT":    {"v=spf1 -all", "v=spf1 +all"},
	"bad.example TXT":    {"v=spf1 ip4:2001:db8::1 ip4:192.0.2.1/33 a/x frobnicate ip4:192.0.2.8"},
	"nullmx.example TXT": {"v=spf1 mx -all"},
	"nullmx.example MX":  {"."},
	"many.example TXT":   {"v=spf1 " + strings.Repeat("a:mx1.example ", 12) + "ip4:192.0.2.1"},
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct{ domain, want, problem string }{
		{"a.example", "192.0.2.1/32 198.51.100.0/24 2001:db8::/32 203.0.113.5/32 2001:db8:1::5/128 203.0.113.9/32 203.0.113.10/32 192.0.2.2/32", ""},
		{" A.Example.\r", "192.0.2.1/32 198.51.100.0/24 2001:db8::/32 203.0.113.5/32 2001:db8:1::5/128 203.0.113.9/32 203.0.113.10/32 192.0.2.2/32", ""},
		{"cidr.example", "203.0.113.0/24 2001:db8:2::77/128 203.0.113.0/28 203.0.113.5/32 2001:db8:1::/48", ""},
		{"red.example", "192.0.2.9/32 192.0.2.1/32 192.0.2.2/32", ""},
		{"redall.example", "192.0.2.9/32", ""},
		{"loop.example", "192.0.2.2/32 192.0.2.1/32", "includes itself"},
		{"macro.example", "192.0.2.1/32", "macro"},
		{"two.example", "", "2 SPF records"},
		{"bad.example", "192.0.2.8/32", "no network"},
		{"none.example", "", "no TXT record"},
		{"nullmx.example", "", ""},
		{"many.example", "203.0.113.9/32 192.0.2.1/32", "more than 10 look-ups"},
	} {
		var got, problems []string
		w := Walker{Resolver: testZone, Problem: func(_ string, err error) { problems = append(problems, err.Error()) }}
		err := w.Walk(context.Background(), tt.domain, func(p netip.Prefix) bool {
			got = append(got, p.String())
			return true
		})
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q\nwant %q", tt.domain, strings.Join(got, " "), tt.want)
		}
		if (err != nil) != (tt.problem != "") || !strings.Contains(strings.Join(problems, "\n"), tt.problem) {
			t.Errorf("%q: %v, problems %q, want %q", tt.domain, err, problems, tt.problem)
		}
	}
}

// TestDomainsAreApart walks two domains with the same bare terms: the second
// must not lose what the first has shown.
func TestDomainsAreApart(t *testing.T) {
	w := Walker{Resolver: testZone}
	n := 0
	for range 2 {
		w.Walk(context.Background(), "a.example", func(netip.Prefix) bool { n++; return true })
	}
	if n != 16 {
		t.Errorf("%d networks, want 8 twice", n)
	}
}

func FuzzRecord(f *testing.F) {
	for name, v := range testZone {
		if strings.HasSuffix(name, " TXT") {
			f.Add(v[0])
		}
	}
	f.Fuzz(func(t *testing.T, record string) {
		w := Walker{Resolver: zone{"x.example TXT": {record}, "x.example A": {"192.0.2.1"}}, Problem: func(_ string, err error) { _ = fmt.Sprint(err) }}
		w.Walk(context.Background(), "x.example", func(p netip.Prefix) bool {
			if p != p.Masked() || !p.IsValid() {
				t.Fatalf("%v", p)
			}
			return true
		})
	})
}
