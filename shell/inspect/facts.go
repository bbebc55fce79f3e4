package inspect

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/disk"
	"smtpctl/shell/report"
)

// A facts is all that smtpd says about an envelope and about what it waits for.
type facts struct {
	*place
	e       *protocol.Envelope
	now     int64
	status  protocol.Status
	missing string // the file of its message, if that is missing
	conf    *disk.ConfFacts
}

// A place is what smtpd says about the destination of mail.
type place struct {
	relays   []*report.Relay // of its domain, with their connectors
	routes   []*report.Route // to the hosts of its domain
	blocks   []*report.Block // for its domain, that keep its mail from going out
	idle     []*report.Block // for its domain, that have no effect on it
	last     *report.HostStat
	disabled []*report.Route // all that are
	guess    bool            // that the one disabled route is that of this envelope
	others   bool            // none of the disabled routes is its own: its hosts are known
}

// nowhere is the place of mail that is not relayed.
var nowhere = &place{}

// A relaying is smtpd's state of relaying, requested once.
type relaying struct {
	status   protocol.Status
	relays   []*report.Relay
	byDomain map[string][]*report.Relay // by the name that foldName returns
	smart    map[string]bool            // the names of all relays
	blocks   []*report.Block
	stats    map[string]*report.HostStat
	disabled []*report.Route
}

// foldName returns the form of a domain name in which equal names are equal.
func foldName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// askRelaying requests the state of relaying.
func askRelaying(ctx context.Context, conn *protocol.Conn) (*relaying, error) {
	r := &relaying{byDomain: map[string][]*report.Relay{}, smart: map[string]bool{}, stats: map[string]*report.HostStat{}}
	var err error
	if r.status, err = conn.Status(ctx); err != nil {
		return nil, err
	}
	if r.relays, err = report.ReadReport[report.Relay](ctx, conn, protocol.Relays); err != nil {
		return nil, err
	}
	routes, err := report.ReadReport[report.Route](ctx, conn, protocol.Routes)
	if err != nil {
		return nil, err
	}
	if r.blocks, err = report.ReadReport[report.Block](ctx, conn, protocol.PausedRoutes); err != nil {
		return nil, err
	}
	stats, err := report.ReadReport[report.HostStat](ctx, conn, protocol.HostStats)
	if err != nil {
		return nil, err
	}
	for _, relay := range r.relays {
		name := foldName(relay.Domain)
		r.byDomain[name] = append(r.byDomain[name], relay)
		if relay.Kind == "relay" {
			r.smart[relay.Domain] = true
		}
	}
	for _, s := range stats {
		r.stats[foldName(s.Domain)] = s
	}
	for _, route := range routes {
		if route.Disabled {
			r.disabled = append(r.disabled, route)
		}
	}
	return r, nil
}

// A lookup finds the addresses of the hosts that accept mail for domains, and reports
// whether these are all.
type lookup func(ctx context.Context, names []string) (addrs []string, all bool)

// placeOf selects what concerns a domain, and mail for it with the given last error.
func (r *relaying) placeOf(ctx context.Context, domain, errorLine string, hosts lookup) *place {
	p := &place{disabled: r.disabled, last: r.stats[foldName(domain)]}
	if domain != "" {
		p.relays = r.byDomain[foldName(domain)]
	}
	names := []string{domain}
	direct := len(p.relays) > 0
	if !direct && len(r.smart) == 1 {
		// All relayed mail goes through one host that smtpd.conf names.
		for name := range r.smart {
			names = append(names, name)
		}
		p.relays = r.relays
	}
	for _, b := range r.blocks {
		if b.Domain == "*" || strings.Contains(errorLine, "blocked") || slices.ContainsFunc(names, func(n string) bool { return report.SameName(b.Domain, n) }) {
			if b.Stops(p.relays, errorLine) {
				p.blocks = append(p.blocks, b)
			} else {
				p.idle = append(p.idle, b)
			}
		}
	}
	if len(r.disabled) == 0 {
		return p
	}
	addrs, all := hosts(ctx, names)
	// A relay for the domain itself uses the hosts of the domain. If there is no such
	// relay now, smtpd.conf may send the mail elsewhere.
	p.others = all && direct
	for _, route := range r.disabled {
		if slices.Contains(addrs, route.Destination) || slices.ContainsFunc(names, func(n string) bool { return report.SameName(n, route.Name) }) {
			p.routes = append(p.routes, route)
		}
	}
	if len(p.routes) == 0 && len(r.disabled) == 1 && strings.HasPrefix(errorLine, networkError) {
		p.routes, p.guess = r.disabled, true
	}
	return p
}

// networkError is the beginning of smtpd's error if it could not talk to any host.
const networkError = "Network error"

// gatherFacts requests everything that concerns an envelope.
func gatherFacts(ctx context.Context, conn *protocol.Conn, e *protocol.Envelope) (*facts, error) {
	f := &facts{place: nowhere, e: e, now: time.Now().Unix()}
	if e.Type == protocol.DeliverMDA {
		var err error
		f.status, err = conn.Status(ctx)
		return f, err
	}
	r, err := askRelaying(ctx, conn)
	if err != nil {
		return nil, err
	}
	f.status, f.place = r.status, r.placeOf(ctx, e.Dest.Domain, e.ErrorLine, hostsOf)
	return f, nil
}

// goResolver looks names up as the system does, but without libraries, which LockDown
// would not allow.
var goResolver = &net.Resolver{PreferGo: true}

// hostsOf returns the addresses of the hosts that accept mail for domains, and whether
// these are all: the system's resolver may not find them in time.
func hostsOf(ctx context.Context, names []string) (addrs []string, all bool) {
	ctx, cancel := context.WithTimeout(ctx, report.LookupTimeout)
	defer cancel()
	var out []string
	all = true
	failed := func(err error) bool {
		var dns *net.DNSError
		return err != nil && !(errors.As(err, &dns) && dns.IsNotFound)
	}
	for _, name := range names {
		out = append(out, name) // it may be an address
		if net.ParseIP(name) != nil {
			continue
		}
		hosts := []string{name}
		mxs, err := goResolver.LookupMX(ctx, name)
		all = all && !failed(err)
		for _, mx := range mxs {
			hosts = append(hosts, mx.Host)
		}
		found := 0
		for _, h := range hosts {
			addrs, err := goResolver.LookupHost(ctx, h)
			all = all && !failed(err)
			found += len(addrs)
			out = append(out, addrs...)
		}
		all = all && found > 0
	}
	return out, all
}
