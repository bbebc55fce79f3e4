package shell

import (
	"fmt"
	"strings"
	"testing"

	"smtpctl/shell/report"
)

// TestBlockIdle says of every kind of connector whether a pause from an address
// reaches it: to the same domain or another, from the same address, another or
// none, IPv4 and IPv6, and where there is no relay at all.
func TestBlockIdle(t *testing.T) {
	t.Parallel()
	const domain, other = "d.example", "other.example"
	for _, src := range []string{"192.0.2.1", "2001:db8::1"} {
		relays := func(pairs ...string) []*report.Relay {
			parse := report.RelayParser()
			var out []*report.Relay
			for i := 0; i < len(pairs); i += 2 {
				addr := pairs[i+1]
				if strings.Contains(addr, ":") || addr == "" {
					addr = "[" + addr + "]"
				}
				out = append(out, parse(fmt.Sprintf("[relay:%s,mx] refcount=2 ntask=0 nconn=1 lastconn=0s timeout=- wait=connector", pairs[i])).(*report.Relay),
					parse(fmt.Sprintf("  connector %s refcount=0 nconn=1 lastconn=0s timeout=- flags=", addr)).(*report.Relay))
			}
			return out
		}
		for _, tt := range []struct {
			name   string
			domain string
			relays []*report.Relay
			warns  string // a part of it, or nothing
			stops  bool   // mail of these relays
		}{
			{"nothing is relayed", domain, nil, "no relay and no connector", false},
			{"same", domain, relays(domain, src), "", true},
			{"same, in other letters", domain, relays("D.Example.", src), "", true},
			{"without src", domain, relays(domain, ""), "has no src", false},
			{"another address", domain, relays(domain, "198.51.100.7"), "is relayed from 198.51.100.7", false},
			{"both addresses", domain, relays(domain, "198.51.100.7", domain, src), "", true},
			{"without src, and another", domain, relays(domain, "", domain, "198.51.100.7"), "from no source address, 198.51.100.7", false},
			{"idle domain, address in use", domain, relays(other, src), "", true},
			{"idle domain, no address", domain, relays(other, ""), "no relay and no connector", false},
			{"every domain", "*", relays(other, src), "", true},
			{"every domain, no address", "*", relays(other, ""), "has no src", false},
		} {
			b := &report.Block{Source: src, Domain: tt.domain}
			got := b.Idle(tt.relays)
			if (got == "") != (tt.warns == "") || !strings.Contains(got, tt.warns) {
				t.Errorf("%s, %s: says %q, want %q", src, tt.name, got, tt.warns)
			}
			if got := b.Stops(tt.relays, ""); got != tt.stops {
				t.Errorf("%s, %s: stops mail: %v, want %v", src, tt.name, got, tt.stops)
			}
			if got, want := b.Stops(tt.relays, "All routes to destination blocked"), tt.stops || tt.relays == nil; got != want {
				t.Errorf("%s, %s: stops mail that smtpd calls blocked: %v, want %v", src, tt.name, got, want)
			}
		}
	}
}
