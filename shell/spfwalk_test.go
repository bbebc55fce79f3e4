package shell

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/command"
	"smtpctl/shell/tools/resolve/dnstest"
)

const spfZone = `
a.example.            TXT  "v=spf1 mx a/24 include:inc.example -all"
a.example.            A    192.0.2.77
a.example.            MX   10 mx.a.example.
mx.a.example.         A    198.51.100.9
mx.a.example.         AAAA 2001:db8::9
inc.example.          TXT  "v=spf1 ip4:192.0.2.128/25 ip4:203.0.113.4 ip4:203.0.113.5 " "ip6:2001:db8::/32 ?all"
b.example.            TXT  "v=spf1 mx ip4:203.0.113.4 -all"
b.example.            MX   10 mx.a.example.
xn--bcher-kva.example. CNAME b.example.
macro.example.        TXT  "v=spf1 include:%{l}.example ip4:203.0.113.6 ptr -all"
`

// spfWalk runs a command line with some input.
func spfWalk(t testing.TB, s *dnstest.Server, input string, line string) (out, said string, status int) {
	t.Helper()
	opts := command.DefaultOptions()
	opts.Resolver = s.Addr
	var o, e realsmtpd.LockedBuffer
	session := NewSession(opts, IO{In: strings.NewReader(input), Out: &o, Err: &e, Env: func(string) string { return "" }})
	defer session.Close()
	session.mode = command.FromFile
	status = printError(session.err, session.style, session.Eval(context.Background(), line))
	return o.String(), e.String(), status
}

func TestSPFWalk(t *testing.T) {
	srv := dnstest.Start(t, "127.0.0.1:0", spfZone)
	for _, tt := range []struct {
		line, input, want, said string
		status                  int
	}{
		{line: "spf walk a.example", want: "198.51.100.9 2001:db8::9 192.0.2.0/24 192.0.2.128/25 203.0.113.4 203.0.113.5 2001:db8::/32"},
		{line: "spf walk", input: "# ours\r\n\r\n B.example. # theirs\r\na.example", want: "198.51.100.9 2001:db8::9 203.0.113.4 198.51.100.9 2001:db8::9 192.0.2.0/24 192.0.2.128/25 203.0.113.4 203.0.113.5 2001:db8::/32"},
		{line: "spf walk -4 b.example a.example", want: "198.51.100.9 203.0.113.4 198.51.100.9 192.0.2.0/24 192.0.2.128/25 203.0.113.4 203.0.113.5"},
		{line: "spf walk -6 a.example", want: "2001:db8::9 2001:db8::/32"},
		{line: "spf walk --sort a.example b.example", want: "192.0.2.0/24 192.0.2.128/25 198.51.100.9 203.0.113.4 203.0.113.5 2001:db8::/32 2001:db8::9"},
		{line: "spf walk --aggregate a.example b.example", want: "192.0.2.0/24 198.51.100.9 203.0.113.4/31 2001:db8::/32"},
		{line: "spf walk -j b.example", want: `{"network":"198.51.100.9","domain":"b.example","record":"b.example","mechanism":"mx"} ` +
			`{"network":"2001:db8::9","domain":"b.example","record":"b.example","mechanism":"mx"} {"network":"203.0.113.4","domain":"b.example","record":"b.example","mechanism":"ip4:203.0.113.4"}`},
		{line: "spf walk -j --aggregate -4 b.example", want: `{"network":"198.51.100.9"} {"network":"203.0.113.4"}`},
		{line: "spf walk BÜCHER.example", want: "198.51.100.9 2001:db8::9 203.0.113.4"},
		{line: "spf walk macro.example", want: "203.0.113.6", said: `macro.example: "ptr" depends on the mail`, status: 1},
		{line: "spf walk", input: "none.example\nb.example\n", want: "198.51.100.9 2001:db8::9 203.0.113.4", said: "none.example: none.example does not exist\nsmtpctl: spf walk: 1 domain had problems", status: 1},
		{line: "spf walk", input: "a\x1b[2J.example\n", said: `contains '\x1b'`, status: 1},
		{line: "spf walk -4 -6 a.example", said: "-4 and -6 exclude each other", status: 2},
		{line: "spf walk --resolver dns.example a.example", said: `--resolver "dns.example": expected an address`, status: 2},
		{line: "show status -4", said: "-4 works only with spf walk", status: 2},
	} {
		out, said, status := spfWalk(t, srv, tt.input, tt.line)
		out = strings.TrimSpace(strings.ReplaceAll(out, "\n", " "))
		if out != tt.want || status != tt.status || !strings.Contains(said, tt.said) || tt.said == "" && said != "" {
			t.Errorf("%s: status %d\n%s\nwant %s\nsaid %s", tt.line, status, out, tt.want, said)
		}
	}
}

// manyDomains is a zone of domains with records as they are usual, each look-up of
// which has its own answer.
func manyDomains(n int) (zone, input string) {
	var z, in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "d%d.example\n", i)
		fmt.Fprintf(&z, "d%d.example. TXT \"v=spf1 mx a:out.d%[1]d.example include:inc%[1]d.example -all\"\n"+
			"d%[1]d.example. MX 10 mx.d%[1]d.example.\nmx.d%[1]d.example. A 192.0.2.%d\nout.d%[1]d.example. A 198.51.100.%[2]d\n"+
			"inc%[1]d.example. TXT \"v=spf1 ip4:203.0.113.%[2]d include:deep%[1]d.example ?all\"\ndeep%[1]d.example. TXT \"v=spf1 ip6:2001:db8::%[1]d\"\n", i, i%256)
	}
	return z.String(), in.String()
}

// TestSPFWalkAtOnce walks many domains: all networks come, in order.
func TestSPFWalkAtOnce(t *testing.T) {
	t.Parallel()
	n := fulltest.Of(500, 200)
	zone, input := manyDomains(n)
	srv := dnstest.Start(t, "127.0.0.1:0", zone)
	out, said, status := spfWalk(t, srv, input, "spf walk")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4*n || lines[0] != "192.0.2.0" || lines[4*n-1] != fmt.Sprint("2001:db8::", n-1) || status != 0 || said != "" {
		t.Errorf("%d lines, status %d, %s", len(lines), status, said)
	}
}

// BenchmarkSPFWalk500 walks 500 domains with a name server that takes 100 ms for
// each answer.
func BenchmarkSPFWalk500(b *testing.B) {
	zone, input := manyDomains(500)
	srv := dnstest.Start(b, "127.0.0.1:0", zone)
	srv.Delay = 100 * time.Millisecond
	for b.Loop() {
		if out, said, status := spfWalk(b, srv, input, "spf walk"); strings.Count(out, "\n") != 2000 || status != 0 {
			b.Fatalf("%d lines, status %d, %s", strings.Count(out, "\n"), status, said)
		}
	}
}
