package spf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A zone is a resolver with fixed answers, by name and type. A type of - makes the
// name fail.
type zone map[string][]string

var errNoName = errors.New("no such name")

func (z zone) get(name, kind string) ([]string, error) {
	if v, ok := z[name+" "+kind]; ok {
		return v, nil
	}
	for key := range z {
		if name+" -" == key {
			return nil, errors.New("broken")
		}
		if strings.HasPrefix(key, name+" ") {
			return nil, nil
		}
	}
	return nil, errNoName
}

func (z zone) TXT(_ context.Context, name string) ([]string, error) { return z.get(name, "TXT") }
func (z zone) MX(_ context.Context, name string) ([]string, error)  { return z.get(name, "MX") }
func (z zone) IPv4(_ context.Context, name string) ([]netip.Addr, error) {
	return addrs(z.get(name, "A"))
}
func (z zone) IPv6(_ context.Context, name string) ([]netip.Addr, error) {
	return addrs(z.get(name, "AAAA"))
}

func addrs(texts []string, err error) (out []netip.Addr, _ error) {
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out, err
}

func only(domains ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, d := range domains {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// walked returns the networks of domains, and what was said of them: notes begin
// with "note: ".
func walked(w Walker, domains ...string) (networks, said string) {
	var nets, texts []string
	for n := range w.Walk(context.Background(), only(domains...)) {
		switch {
		case n.Note && strings.HasSuffix(n.Err.Error(), voidRecord): // see TestGrammar
		case n.Note:
			texts = append(texts, "note: "+n.Err.Error())
		case n.Err != nil:
			texts = append(texts, n.Err.Error())
		default:
			nets = append(nets, n.Prefix.String())
		}
	}
	return strings.Join(nets, " "), strings.Join(texts, "\n")
}

func walker(z zone) Walker { return Walker{Resolver: z, NoName: errNoName} }

// appendixA is the zone of RFC 7208, appendix A.
var appendixA = zone{
	"example.com A":          {"192.0.2.10", "192.0.2.11"},
	"example.com MX":         {"mail-a.example.com", "mail-b.example.com"},
	"amy.example.com A":      {"192.0.2.65"},
	"bob.example.com A":      {"192.0.2.66"},
	"mail-a.example.com A":   {"192.0.2.129"},
	"mail-b.example.com A":   {"192.0.2.130"},
	"example.org MX":         {"mail-c.example.org"},
	"mail-c.example.org A":   {"192.0.2.140"},
	"example.net TXT":        {"v=spf1 ip4:192.0.2.200 -all"},
	"one.example.com TXT":    {"v=spf1 mx -all"},
	"one.example.com MX":     {"mail-a.example.com"},
	"org.example.org TXT":    {"v=spf1 include:one.example.com include:example.net -all"},
	"la.example.org TXT":     {"v=spf1 redirect=org.example.org"},
	"ny.example.org TXT":     {"v=spf1 redirect=org.example.org"},
	"multi.example.com TXT":  {"v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all"},
	"dnsbl.example.com TXT":  {"v=spf1 exists:%{l1r+}.%{d} -all"},
	"nested.example.com TXT": {"v=spf1 include:example.net ~all"},
}

// TestRFC7208 does the examples of RFC 7208, appendix A, and of its sections.
func TestRFC7208(t *testing.T) {
	for _, tt := range []struct{ record, want, said string }{
		// A.1
		{"v=spf1 +all", "", `"+all" in the record of example.com lets everybody send: no network is listed for it`},
		{"v=spf1 a -all", "192.0.2.10/32 192.0.2.11/32", ""},
		{"v=spf1 a:example.org -all", "", `note: "a:example.org": example.org has no addresses`},
		{"v=spf1 mx -all", "192.0.2.129/32 192.0.2.130/32", ""},
		{"v=spf1 mx:example.org -all", "192.0.2.140/32", ""},
		{"v=spf1 mx mx:example.org -all", "192.0.2.129/32 192.0.2.130/32 192.0.2.140/32", ""},
		{"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.128/30 192.0.2.140/30", ""},
		{"v=spf1 ptr -all", "", `"ptr" depends on the mail, so it cannot be listed`},
		{"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.128/28", ""},
		// 4.6.1, 4.6.3, 5.1, 6.1: order, qualifiers, all, redirect.
		{"v=spf1 -all ip4:192.0.2.1", "", ""},
		{"v=spf1 ip4:192.0.2.1 ?ip4:192.0.2.2 -ip4:192.0.2.3 ~ip4:192.0.2.4 ?all", "192.0.2.1/32 192.0.2.2/32", ""},
		{"v=spf1 redirect=example.net ip4:192.0.2.1", "192.0.2.1/32 192.0.2.200/32", ""},
		{"v=spf1 redirect=example.net ~all ip4:192.0.2.1", "", ""},
		{"v=spf1 redirect=example.net redirect=example.net", "192.0.2.200/32", "example.com has more than one redirect="},
		{"v=spf1 moo.cow-far_out=man:dog/cat ip4:192.0.2.1 exp=x.example -all", "192.0.2.1/32", ""},
		{"v=spf1 include:nested.example.com -all", "192.0.2.200/32", ""},
		{"V=SPF1 IP4:192.0.2.1 A:EXAMPLE.COM. -ALL", "192.0.2.1/32 192.0.2.10/32 192.0.2.11/32", ""},
		{"v=spf1   ip4:192.0.2.1  -all", "192.0.2.1/32", ""},
		{"v=spf1", "", ""},
		// 5.3, 5.4, 5.6: prefix lengths.
		{"v=spf1 a/24//48", "192.0.2.0/24", ""},
		{"v=spf1 a:amy.example.com//64", "192.0.2.65/32", ""},
		{"v=spf1 a/33", "", `"a/33": prefix length "33", expected 0 to 32`},
		{"v=spf1 a/024", "", `"a/024": prefix length "024", expected 0 to 32`},
		{"v=spf1 a//129", "", `"a//129": prefix length "129", expected 0 to 128`},
		{"v=spf1 mx/", "", `"mx/": prefix length "", expected 0 to 32`},
		{"v=spf1 a:example.com/24/64", "", `"a:example.com/24/64": prefix length "24/64", expected 0 to 32`},
		{"v=spf1 ip4:192.0.2.99/24 ip6:2001:DB8::1/32 ip6:::1", "192.0.2.0/24 2001:db8::/32 ::1/128", ""},
		{"v=spf1 ip4:192.0.2", "", `"ip4:192.0.2": not an IPv4 address or network`},
		{"v=spf1 ip4:2001:db8::1 ip6:192.0.2.1 ip6:fe80::1%lo", "", "\"ip4:2001:db8::1\": not an IPv4 address or network\n\"ip6:192.0.2.1\": not an IPv6 address or network\n\"ip6:fe80::1%lo\": not an IPv6 address or network"},
		// Syntax: what is wrong is said, and the rest is listed.
		{"v=spf1 a: -all", "", `"a:": expected a value after the colon`},
		{"v=spf1 include ip4:192.0.2.1", "192.0.2.1/32", `"include": expected a colon and a domain after it`},
		{"v=spf1 all:x ip4:192.0.2.1", "192.0.2.1/32", `"all:x": all takes no value`},
		{"v=spf1 moo ip4:192.0.2.1", "192.0.2.1/32", `"moo": unknown SPF mechanism`},
		{"v=spf1 a:museum a:abc.123 a:x.y- a:foo..bar", "", "\"a:museum\": invalid domain name: it has no dot\n\"a:abc.123\": invalid domain name: it ends in \"123\"\n\"a:x.y-\": invalid domain name: it ends in \"y-\"\n\"a:foo..bar\": no domain: each part has 1 to 63 bytes"},
		{"v=spf1 a:é.example ip4:192.0.2.1", "192.0.2.1/32", `"a:é.example": it holds 'é', expected visible ASCII characters`},
		// 7: macros, of which only the domain is known.
		{"v=spf1 include:%{i}._spf.%{d} ip4:192.0.2.1", "192.0.2.1/32", `"include:%{i}._spf.%{d}": it depends on the mail (a macro), so it cannot be listed`},
		{"v=spf1 a:mail-a.%{d} -all", "192.0.2.129/32", ""},
		{"v=spf1 exists:%{ir}.x.example exists:y.example ip4:192.0.2.1", "192.0.2.1/32", "\"exists:%{ir}.x.example\": it depends on the mail (a macro), so it cannot be listed\n\"exists:y.example\" depends on the mail, so it cannot be listed"},
		// 4.6.4: limits.
		{"v=spf1 " + strings.Repeat("mx:one.example.com ", 12) + "ip4:192.0.2.1 -all", "192.0.2.129/32 192.0.2.1/32", `more than 10 look-ups: mail servers give up at "mx:one.example.com", but the rest is listed here`},
		{"v=spf1 a:x1.example a:x2.example a:x3.example a -all", "192.0.2.10/32 192.0.2.11/32", "note: \"a:x1.example\": x1.example does not exist\nnote: \"a:x2.example\": x2.example does not exist\nnote: \"a:x3.example\": x3.example does not exist\nmore than 2 look-ups find nothing: mail servers give up at \"a:x3.example\", but the rest is listed here"},
		{"v=spf1 include:nowhere.example ip4:192.0.2.1", "192.0.2.1/32", "nowhere.example does not exist"},
		{"v=spf1 include:example.org ip4:192.0.2.1", "192.0.2.1/32", "example.org has no SPF record"},
		{"v=spf1 redirect=example.org", "", "example.org has no SPF record"},
	} {
		z := zone{"example.com TXT": {"v=spf10 -all", tt.record, "v=spf1-not"}}
		for k, v := range appendixA {
			z[k] = v
		}
		if got, said := walked(walker(z), "example.com"); got != tt.want || said != tt.said {
			t.Errorf("%q: %q\nwant %q\nsaid %s\nwant %s", tt.record, got, tt.want, said, tt.said)
		}
	}
	// A.2: several domains, by include and redirect; A.3 and A.4 depend on the mail.
	for domain, want := range map[string]string{
		"la.example.org": "192.0.2.129/32 192.0.2.200/32", "multi.example.com": "", "dnsbl.example.com": "",
	} {
		if got, said := walked(walker(appendixA), domain); got != want || (said == "") != (want != "") {
			t.Errorf("%s: %q, want %q; %s", domain, got, want, said)
		}
	}
}

var testZone = zone{
	"loop.example TXT":     {"v=spf1 include:loop2.example ip4:192.0.2.1"},
	"loop2.example TXT":    {"v=spf1 include:loop.example ip4:192.0.2.2"},
	"self.example TXT":     {"v=spf1 redirect=self.example"},
	"two.example TXT":      {"v=spf1 -all", "v=spf1 +all"},
	"nullmx.example TXT":   {"v=spf1 mx -all"},
	"nullmx.example MX":    {""},
	"badmx.example TXT":    {"v=spf1 mx -all"},
	"badmx.example MX":     {"a b.example", "mx1.example"},
	"mx1.example A":        {"203.0.113.9"},
	"broken.example TXT":   {"v=spf1 include:dead.example a:dead.example mx:dead.example ip4:192.0.2.1"},
	"dead.example -":       nil,
	"both.example TXT":     {"v=spf1 mx a/24//64 ip4:192.0.2.1 ip6:2001:db8::1"},
	"both.example A":       {"203.0.113.77"},
	"both.example AAAA":    {"2001:db8:2::77"},
	"both.example MX":      {"mx1.example"},
	"many.example MX":      slices.Repeat([]string{"mx1.example"}, 12),
	"many.example TXT":     {"v=spf1 mx"},
	"endless.example TXT":  {"v=spf1 " + strings.Repeat("include:e2.example ", 60)},
	"e2.example TXT":       {"v=spf1 " + strings.Repeat("include:e3.example ", 60)},
	"e3.example TXT":       {"v=spf1 ip4:192.0.2.1"},
	"xn--bcher-kva.de TXT": {"v=spf1 ip4:192.0.2.7"},
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct{ domain, want, said string }{
		{"loop.example", "192.0.2.2/32 192.0.2.1/32", "the record of loop.example includes itself"},
		{"self.example", "", "the record of self.example includes itself"},
		{"two.example", "", "two.example has 2 SPF records, expected one"},
		{"none.example", "", "none.example does not exist"},
		{"mx1.example", "", "mx1.example has no SPF record"},
		{"nullmx.example", "", ""},
		{"badmx.example", "203.0.113.9/32", `"mx": mail exchanger "a b.example": invalid domain name: it contains ' '`},
		{"broken.example", "192.0.2.1/32", "TXT records of dead.example: broken\n\"a:dead.example\": addresses of dead.example: broken\n\"mx:dead.example\": mail exchangers of dead.example: broken"},
		{"both.example", "203.0.113.9/32 203.0.113.0/24 2001:db8:2::/64 192.0.2.1/32 2001:db8::1/128", ""},
		{"many.example", "203.0.113.9/32", `"mx": many.example has 12 mail exchangers, mail servers check only 10, and so does this list`},
		{"endless.example", "192.0.2.1/32", "more than 10 look-ups: mail servers give up at \"include:e3.example\", but the rest is listed here\nmore than 100 look-ups, \"include:e3.example\" and the rest is left out"},
		{"", "", "no domain: each part has 1 to 63 bytes"},
		{".", "", "no domain: each part has 1 to 63 bytes"},
		{"a b", "", "invalid domain name: it contains ' '"},
		{"XN--Bcher-KVA.de.", "192.0.2.7/32", ""},
	} {
		if got, said := walked(walker(testZone), tt.domain); got != tt.want || said != tt.said {
			t.Errorf("%q: %q\nwant %q\nsaid %s\nwant %s", tt.domain, got, tt.want, said, tt.said)
		}
	}
	w := walker(testZone)
	w.Only4 = true
	if got, said := walked(w, "both.example"); got != "203.0.113.9/32 203.0.113.0/24 192.0.2.1/32" || said != "" {
		t.Errorf("only IPv4: %q, %s", got, said)
	}
	w.Only4, w.Only6 = false, true
	if got, said := walked(w, "both.example"); got != "2001:db8:2::/64 2001:db8::1/128" || said != "" {
		t.Errorf("only IPv6: %q, %s", got, said)
	}
}

// TestDomainsAreApart walks many domains with the same bare terms: none loses what
// another has shown, and all come in order.
func TestDomainsAreApart(t *testing.T) {
	var domains []string
	for range 1000 {
		domains = append(domains, "both.example", "loop.example")
	}
	at, n := 0, 0
	for got := range (&Walker{Resolver: testZone, NoName: errNoName}).Walk(context.Background(), only(domains...)) {
		for domains[at] != got.Domain {
			at++
			n = 0
		}
		if n++; n > 5 {
			t.Fatalf("too many for number %d", at)
		}
	}
	if at != len(domains)-1 || n != 3 {
		t.Errorf("ended at %d of %d with %d", at, len(domains), n)
	}
}

// TestWalkStops leaves the walk early, and cancels it.
func TestWalkStops(t *testing.T) {
	endless := func(yield func(string, error) bool) {
		for yield("both.example", nil) {
		}
	}
	n := 0
	for range (&Walker{Resolver: testZone}).Walk(context.Background(), endless) {
		if n++; n == 20 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range (&Walker{Resolver: testZone}).Walk(ctx, endless) {
		cancel()
	}
	failing := func(yield func(string, error) bool) {
		_ = yield("both.example", nil) && yield("", errors.New("standard input broke")) && yield("both.example", nil)
	}
	var last Network
	n = 0
	for last = range (&Walker{Resolver: testZone}).Walk(context.Background(), failing) {
		n++
	}
	if n != 6 || last.Domain != "" || last.Err == nil {
		t.Errorf("%d networks, the last %+v", n, last)
	}
}

func FuzzRecord(f *testing.F) {
	for _, z := range []zone{testZone, appendixA} {
		for name, v := range z {
			if strings.HasSuffix(name, " TXT") {
				f.Add(v[0], "mx1.example")
			}
		}
	}
	f.Add("v=spf1 a:%{d}/0//0 ip6:::/0 exists:%%", "\x00")
	f.Fuzz(func(t *testing.T, record, host string) {
		z := zone{"x.example TXT": {record}, "x.example A": {"192.0.2.1"}, "x.example MX": {host}, "y.example TXT": {"v=spf1 a include:x.example"}}
		for n := range (&Walker{Resolver: named{z, t}, NoName: errNoName}).Walk(context.Background(), only("x.example")) {
			if n.Err == nil && (n.Prefix != n.Prefix.Masked() || !n.Prefix.IsValid() || n.Mechanism == "") {
				t.Fatalf("%+v", n)
			}
			_ = fmt.Sprint(n.Err)
		}
	})
}

// named is a zone that checks the names it is asked for.
type named struct {
	zone
	t *testing.T
}

func (n named) TXT(ctx context.Context, name string) ([]string, error) {
	if err := checkLabels(name); err != nil {
		n.t.Errorf("asked for %q: %v", name, err)
	}
	return n.zone.TXT(ctx, name)
}
