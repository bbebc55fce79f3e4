package spf

import (
	"fmt"
	"net/netip"
)

// families are the types of addresses that are wanted.
func (k *walk) families() []string {
	switch {
	case k.Only4:
		return []string{"A"}
	case k.Only6:
		return []string{"AAAA"}
	}
	return []string{"A", "AAAA"}
}

// exchangers adds the addresses of the mail exchangers that an mx means.
func (k *walk) exchangers(domain string, t *term) {
	a := k.cache.get(k.ctx, "MX", t.target)
	if !k.found(t.text, t.target, "mail exchangers", len(a.texts), a.err) {
		return
	}
	var hosts []string
	for _, host := range a.texts {
		host = normal(host)
		if host == "" {
			continue // a null MX (RFC 7505): it takes no mail
		}
		if err := checkName(host); err != nil {
			k.problem(fmt.Errorf("%q: mail exchanger %q: %w", t.text, host, err))
			continue
		}
		hosts = append(hosts, host)
	}
	if len(hosts) > maxMX {
		k.problem(fmt.Errorf("%q: %s has %d mail exchangers, mail servers look at %d: so does this list", t.text, t.target, len(hosts), maxMX))
		hosts = hosts[:maxMX]
	}
	for _, host := range hosts {
		for _, kind := range k.families() {
			k.cache.start(k.ctx, question{kind, host})
		}
	}
	for _, host := range hosts {
		k.host(domain, t, host)
	}
}

// host adds the addresses of a host.
func (k *walk) host(domain string, t *term, host string) {
	var addrs []netip.Addr
	var err error
	for _, kind := range k.families() {
		a := k.cache.get(k.ctx, kind, host)
		addrs = append(addrs, a.addrs...)
		if err == nil || k.gone(err) {
			err = a.err
		}
	}
	if len(addrs) > 0 && err != nil {
		// One family answered, the other did not.
		k.problem(fmt.Errorf("%q: addresses of %s: %w", t.text, host, err))
	}
	if !k.found(t.text, host, "addresses", len(addrs), err) {
		return
	}
	for _, a := range addrs {
		bits := t.bits6
		if a.Is4() {
			bits = t.bits4
		}
		if p, err := a.Prefix(bits); err == nil {
			k.add(domain, t, p)
		}
	}
}
