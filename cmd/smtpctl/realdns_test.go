package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/tools/resolve/dnstest"
)

// TestRealDNS relays to hosts of names, with a name server that has hosts at which
// nobody listens, and that never answers for one domain. smtpd looks up addresses
// only where the machine has one that is not 127.0.0.1.
func TestRealDNS(t *testing.T) {
	const nameserver = "127.0.0.77"
	d := realsmtpd.Start(t, realsmtpd.Config{
		Conf: "listen on 127.0.0.1 port 2525 hostname mx.here.example\naction \"relay\" relay helo mx.here.example\n" +
			"action \"one\" relay host smtp://mx.one.example:1\naction \"two\" relay host smtp://mx.two.example:1\n" +
			"match from any for domain one.example action \"one\"\nmatch from any for domain two.example action \"two\"\n" +
			"match from any for any action \"relay\"\n",
		Before: func() {
			s := dnstest.Start(t, nameserver+":53", "mx.one.example. A 127.0.0.2\nmx.two.example. A 127.0.0.3\n")
			s.Fail("silent.example", dns.RcodeSuccess)
		},
		Nameserver: nameserver,
	})
	// smtpd waits for the name server, and delivers nothing meanwhile.
	d.Send(realsmtpd.Mail{From: "s@sender.example", To: []string{"a@silent.example"}})
	explained(t, d, firstID(t, d, "to=a@silent.example"), "dns", "")

	// Both hosts refuse, so both routes are disabled. This machine's own name server
	// does not know the domain, so whose they are cannot be known.
	for _, domain := range []string{"one.example", "two.example"} {
		d.Send(realsmtpd.Mail{From: "s@sender.example", To: []string{"b@" + domain}})
	}
	id := firstID(t, d, "to=b@one.example", "tries=1-")
	realsmtpd.WaitFor(t, 30*time.Second, "two disabled routes", func() error {
		routes := ours(t, d, "", "show", "routes").stdout
		if strings.Count(routes, "D") < 2 {
			return fmt.Errorf("%s\n%s", routes, d.Log())
		}
		return nil
	})
	r := ours(t, d, "", "explain", id)
	if !strings.Contains(r.stdout, "2 routes are disabled, perhaps the one that this envelope needs") || strings.Contains(r.stdout, "other hosts") {
		t.Errorf("%v\n%s", r, ours(t, d, "", "show", "routes").stdout)
	}
}
