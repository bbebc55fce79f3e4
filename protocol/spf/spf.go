// Package spf finds the networks that may send mail for a domain, by walking
// its SPF records (RFC 7208).
package spf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Limits of RFC 7208, section 4.6.4.
const (
	maxLookups = 10 // terms that cause look-ups
	maxMX      = 10 // hosts of one mx
)

// A Walker walks the records of one domain after another.
type Walker struct {
	Resolver Resolver
	// Problem is called for what could not be followed. It may be nil.
	Problem func(domain string, err error)
}

// A walk is the walk of one domain that the user named.
type walk struct {
	*Walker
	ctx     context.Context
	domain  string
	lookups int
	active  []string // the records being read, to find cycles
	seen    map[netip.Prefix]bool
	found   func(netip.Prefix) bool
	stopped bool
	failed  error
}

// Walk calls found for each network that the domain's record lets send, in the
// order of the record, each once, until found returns false. It returns the
// last problem, or nil. Host bits are cleared.
func (w *Walker) Walk(ctx context.Context, domain string, found func(netip.Prefix) bool) error {
	domain = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(domain), "."))
	k := &walk{Walker: w, ctx: ctx, domain: domain, seen: map[netip.Prefix]bool{}, found: found}
	k.record(domain)
	return k.failed
}

func (k *walk) problem(err error) {
	if k.Problem != nil && !k.stopped {
		k.Problem(k.domain, err)
	}
	k.failed = fmt.Errorf("%s: %w", k.domain, err)
}

// lookup counts a term that causes a look-up and reports whether it may.
func (k *walk) lookup(term string) bool {
	if k.lookups++; k.lookups > maxLookups {
		if k.lookups == maxLookups+1 {
			k.problem(fmt.Errorf("more than %d look-ups, %q and what follows is left out", maxLookups, term))
		}
		return false
	}
	return true
}

// record walks the SPF record of a domain.
func (k *walk) record(domain string) {
	for _, d := range k.active {
		if d == domain {
			k.problem(fmt.Errorf("the record of %s includes itself", domain))
			return
		}
	}
	if k.ctx.Err() != nil {
		k.stopped = true
		k.failed = k.ctx.Err()
		return
	}
	k.active = append(k.active, domain)
	defer func() { k.active = k.active[:len(k.active)-1] }()
	text, err := k.spfText(domain)
	if err != nil {
		k.problem(err)
		return
	}
	redirect, all := "", false
	for _, term := range strings.Fields(text)[1:] {
		if k.stopped {
			return
		}
		if name, value, ok := strings.Cut(term, "="); ok && !strings.ContainsAny(name, ":/") {
			if strings.EqualFold(name, "redirect") {
				redirect = value
			}
			continue
		}
		all = k.mechanism(domain, term) || all
	}
	if redirect != "" && !all && k.plain("redirect=", redirect) && k.lookup("redirect="+redirect) {
		k.record(normal(redirect))
	}
}

// spfText returns the SPF record of a domain.
func (k *walk) spfText(domain string) (string, error) {
	texts, err := k.Resolver.LookupTXT(k.ctx, domain)
	if err != nil {
		return "", lookupError(domain, "TXT", err)
	}
	var records []string
	for _, t := range texts {
		if f := strings.Fields(t); len(f) > 0 && strings.EqualFold(f[0], "v=spf1") {
			records = append(records, t)
		}
	}
	switch len(records) {
	case 0:
		return "", fmt.Errorf("%s has no SPF record", domain)
	case 1:
		return records[0], nil
	}
	return "", fmt.Errorf("%s has %d SPF records, want one", domain, len(records))
}

// mechanism follows one mechanism, and reports whether it is all.
func (k *walk) mechanism(domain, term string) (all bool) {
	pass := true
	switch term[0] {
	case '-', '~':
		pass, term = false, term[1:]
	case '+', '?':
		term = term[1:]
	}
	name, arg := term, ""
	if i := strings.IndexAny(term, ":/"); i >= 0 {
		name, arg = term[:i], term[i:]
	}
	name = strings.ToLower(name)
	if name == "all" {
		return true
	}
	if !pass {
		return false
	}
	switch name {
	case "ip4", "ip6":
		k.network(name, strings.TrimPrefix(arg, ":"))
	case "a", "mx":
		k.hosts(domain, name, arg)
	case "include":
		target := strings.TrimPrefix(arg, ":")
		if k.plain("include:", target) && k.lookup(term) {
			k.record(normal(target))
		}
	case "exists", "ptr":
		k.lookup(term)
		k.problem(fmt.Errorf("%q gives no list of addresses", term))
	default:
		k.problem(fmt.Errorf("unknown mechanism %q", term))
	}
	return false
}

// normal returns a domain in lower case without its last dot.
func normal(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }

// plain reports whether a name can be looked up: it is there and has no macro.
func (k *walk) plain(what, name string) bool {
	switch {
	case name == "":
		k.problem(fmt.Errorf("%q without a domain", what))
	case strings.Contains(name, "%"):
		k.problem(fmt.Errorf("%q depends on the mail (a macro)", what+name))
	default:
		return true
	}
	return false
}

// network takes an address or network written in the record.
func (k *walk) network(name, text string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(text); err == nil {
			p, err = a.Prefix(a.BitLen())
		}
	}
	if err != nil || p.Addr().Is4() != (name == "ip4") {
		k.problem(fmt.Errorf("%q is no network", name+":"+text))
		return
	}
	k.add(p)
}

// hosts follows a and mx. arg is [:domain][/bits4][//bits6].
func (k *walk) hosts(domain, name, arg string) {
	target, bits4, bits6, err := parseTarget(arg)
	if err != nil {
		k.problem(fmt.Errorf("%q: %w", name+arg, err))
		return
	}
	if target == "" {
		target = domain
	}
	if !k.plain(name+":", target) || !k.lookup(name+arg) {
		return
	}
	target = normal(target)
	names := []string{target}
	if name == "mx" {
		mxs, err := k.Resolver.LookupMX(k.ctx, target)
		if err != nil && len(mxs) == 0 {
			k.problem(lookupError(target, "MX", err))
			return
		}
		names = names[:0]
		for _, mx := range mxs {
			if host := normal(mx.Host); host != "" {
				names = append(names, host)
			}
		}
		if len(names) > maxMX {
			k.problem(fmt.Errorf("%s has %d MX hosts, only %d are looked up", target, len(names), maxMX))
			names = names[:maxMX]
		}
	}
	for _, host := range names {
		addrs, err := k.Resolver.LookupNetIP(k.ctx, "ip", host)
		if err != nil {
			k.problem(lookupError(host, "addresses", err))
			continue
		}
		for _, a := range addrs {
			a = a.Unmap()
			bits := bits6
			if a.Is4() {
				bits = bits4
			}
			if p, err := a.WithZone("").Prefix(bits); err == nil {
				k.add(p)
			}
		}
	}
}

// parseTarget reads [:domain][/bits4][//bits6].
func parseTarget(arg string) (target string, bits4, bits6 int, err error) {
	bits4, bits6 = 32, 128
	target, cidr, ok := strings.Cut(strings.TrimPrefix(arg, ":"), "/")
	if !ok {
		return target, bits4, bits6, nil
	}
	four, six, dual := strings.Cut(cidr, "/")
	if dual && strings.HasPrefix(cidr, "/") {
		four, six = "", cidr[1:]
	} else if dual {
		six = strings.TrimPrefix(six, "/")
	}
	if four != "" || !dual {
		if bits4, err = prefixLen(four, 32); err != nil {
			return "", 0, 0, err
		}
	}
	if dual {
		if bits6, err = prefixLen(six, 128); err != nil {
			return "", 0, 0, err
		}
	}
	return target, bits4, bits6, nil
}

func prefixLen(s string, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) > most {
		return 0, fmt.Errorf("prefix length %q, want 0 to %d", s, most)
	}
	return int(n), nil
}

// add hands a network on, once.
func (k *walk) add(p netip.Prefix) {
	p = p.Masked()
	if k.stopped || k.seen[p] {
		return
	}
	k.seen[p] = true
	if !k.found(p) {
		k.stopped = true
	}
}

// lookupError words an error of the resolver.
func lookupError(name, kind string, err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		switch {
		case dns.IsNotFound:
			return fmt.Errorf("%s: no %s record found", name, kind)
		case dns.IsTimeout:
			return fmt.Errorf("%s: the name server did not answer", name)
		}
		return fmt.Errorf("%s: looking up %s: %s", name, kind, dns.Err)
	}
	return fmt.Errorf("%s: looking up %s: %w", name, kind, err)
}
