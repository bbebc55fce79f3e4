package spf

import (
	"fmt"
	"net/netip"
)

// families returns the types of address records to look up.
func (w *walk) families() []string {
	switch {
	case w.Only4:
		return []string{"A"}
	case w.Only6:
		return []string{"AAAA"}
	}
	return []string{"A", "AAAA"}
}

// addMX adds the addresses of the mail exchangers for an mx mechanism.
func (w *walk) addMX(domain string, t *term) {
	a := w.cache.get(w.ctx, "MX", t.target)
	if !w.checkFound(t.text, t.target, "mail exchangers", len(a.texts), a.err) {
		return
	}
	var hosts []string
	for _, host := range a.texts {
		host = normal(host)
		if host == "" {
			continue // a null MX (RFC 7505): it takes no mail
		}
		if err := checkName(host); err != nil {
			w.reportError(fmt.Errorf("%q: mail exchanger %q: %w", t.text, host, err))
			continue
		}
		hosts = append(hosts, host)
	}
	if len(hosts) > maxMX {
		w.reportError(fmt.Errorf("%q: %s has %d mail exchangers, mail servers check only %d, and so does this list", t.text, t.target, len(hosts), maxMX))
		hosts = hosts[:maxMX]
	}
	for _, host := range hosts {
		for _, kind := range w.families() {
			w.cache.start(w.ctx, question{kind, host})
		}
	}
	for _, host := range hosts {
		w.host(domain, t, host)
	}
}

// host adds the addresses of a host.
func (w *walk) host(domain string, t *term, host string) {
	var addrs []netip.Addr
	var err error
	for _, kind := range w.families() {
		a := w.cache.get(w.ctx, kind, host)
		addrs = append(addrs, a.addrs...)
		if err == nil || w.isNXDOMAIN(err) {
			err = a.err
		}
	}
	if len(addrs) > 0 && err != nil {
		// One family was answered, the other was not.
		w.reportError(fmt.Errorf("%q: addresses of %s: %w", t.text, host, err))
	}
	if !w.checkFound(t.text, host, "addresses", len(addrs), err) {
		return
	}
	for _, a := range addrs {
		bits := t.bits6
		if a.Is4() {
			bits = t.bits4
		}
		if p, err := a.Prefix(bits); err == nil {
			w.add(domain, t, p)
		}
	}
}
