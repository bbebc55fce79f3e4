// Package spf finds the networks that may send mail for a domain, by walking
// its SPF records (RFC 7208).
package spf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
)

// A Resolver looks up the records of a name, which has no last dot. It returns
// nothing and no error if there are none of that type. Its methods may be called
// by several goroutines at once.
type Resolver interface {
	TXT(ctx context.Context, name string) ([]string, error) // strings joined
	MX(ctx context.Context, name string) ([]string, error)  // hosts; "" is a null MX
	IPv4(ctx context.Context, name string) ([]netip.Addr, error)
	IPv6(ctx context.Context, name string) ([]netip.Addr, error)
}

// Limits of RFC 7208, section 4.6.4, at which mail servers give up. The walk
// says so and goes on, up to limits of its own.
const (
	maxLookups = 10 // terms that cause look-ups
	maxVoid    = 2  // look-ups that find nothing
	maxMX      = 10 // hosts of one mx

	giveUpLookups = 100     // of one domain
	giveUpFound   = 100_000 // networks of one domain
)

// A Network may send mail for a domain, or, if Err is set, says what is wrong
// with that domain's records.
type Network struct {
	Domain    string       // that was asked for
	Prefix    netip.Prefix // host bits are zero
	Record    string       // domain whose record has the mechanism
	Mechanism string       // as it stands in the record
	Err       error
	// Note says that Err takes nothing from the list: all that may be known is in
	// it.
	Note bool
}

// A Walker walks the records of domains.
type Walker struct {
	Resolver Resolver
	// NoName is what errors of the resolver wrap when a name does not exist.
	NoName error
	// Only4 and Only6 leave out the other family. Not both.
	Only4, Only6 bool
}

// domainsAtOnce is how many domains are walked at the same time.
const domainsAtOnce = 128

// Walk yields what the records of each domain let send: for one domain after
// another, in the order of its records, each network once. Domains are walked at
// the same time and share their look-ups. Yielded errors come with a domain; one
// of domains itself ends the walk and comes without.
func (w *Walker) Walk(ctx context.Context, domains iter.Seq2[string, error]) iter.Seq[Network] {
	return func(yield func(Network) bool) {
		ctx, cancel := context.WithCancel(ctx)
		c := newCache(w.Resolver)
		order := make(chan chan Network, domainsAtOnce)
		defer func() {
			cancel()
			for range order {
			}
			c.wg.Wait()
		}()
		c.wg.Go(func() {
			defer close(order)
			for domain, err := range domains {
				out := make(chan Network, 64)
				select {
				case order <- out:
				case <-ctx.Done():
					return
				}
				if err != nil {
					out <- Network{Err: err}
					close(out)
					return
				}
				c.wg.Go(func() {
					defer close(out)
					name := normal(domain)
					if name == "" {
						name = "." // so that the error names something
					}
					k := &walk{Walker: w, ctx: ctx, cache: c, out: out, domain: name, seen: map[netip.Prefix]bool{}}
					k.run()
				})
			}
		})
		for out := range order {
			for n := range out {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// A walk is the walk of one domain that the user named.
type walk struct {
	*Walker
	ctx     context.Context
	cache   *cache
	out     chan<- Network
	domain  string
	lookups int
	void    int
	active  []string // the records being read, to find cycles
	seen    map[netip.Prefix]bool
	stopped bool
}

func (k *walk) run() {
	if err := checkName(k.domain); err != nil {
		k.problem(err)
		return
	}
	k.record(k.domain)
}

// send hands something on, unless the walk has been given up.
func (k *walk) send(n Network) {
	n.Domain = k.domain
	select {
	case k.out <- n:
	case <-k.ctx.Done():
		k.stopped = true
	}
}

// problem reports that something could not be followed.
func (k *walk) problem(err error) { k.report(Network{Err: err}) }

// note reports what is worth knowing, though nothing is missing for it.
func (k *walk) note(err error) { k.report(Network{Err: err, Note: true}) }

func (k *walk) report(n Network) {
	if k.ctx.Err() == nil && !k.stopped {
		k.send(n)
	}
}

// gone reports whether an error of the resolver means that a name does not exist.
func (k *walk) gone(err error) bool { return err != nil && errors.Is(err, k.NoName) }

// lookup counts a term that causes a look-up and reports whether it may.
func (k *walk) lookup(term string) bool {
	switch k.lookups++; {
	case k.lookups == maxLookups+1:
		k.problem(fmt.Errorf("more than %d look-ups: mail servers give up at %q, what follows is listed all the same", maxLookups, term))
	case k.lookups > giveUpLookups:
		k.problem(fmt.Errorf("more than %d look-ups, %q and what follows is left out", giveUpLookups, term))
		k.stopped = true
	}
	return !k.stopped
}

// found handles the error of a look-up and counts those that find nothing. It
// reports whether there is anything.
func (k *walk) found(term, name, kind string, n int, err error) bool {
	switch {
	case n > 0:
		return true
	case err != nil && !k.gone(err):
		k.problem(fmt.Errorf("%q: %s of %s: %w", term, kind, name, err))
		return false
	case err != nil:
		k.note(fmt.Errorf("%q: %s does not exist", term, name))
	case kind == "addresses" && (k.Only4 || k.Only6):
		return false // the other family may have some
	default:
		k.note(fmt.Errorf("%q: %s has no %s", term, name, kind))
	}
	if k.void++; k.void == maxVoid+1 {
		k.problem(fmt.Errorf("more than %d look-ups find nothing: mail servers give up at %q, what follows is listed all the same", maxVoid, term))
	}
	return false
}

// voidRecord is what mail servers make of a record that breaks the grammar.
const voidRecord = "has an error of syntax: to mail servers that is a permanent error (permerror), and the whole record is void"

// record walks the SPF record of a domain.
func (k *walk) record(domain string) {
	if slices.Contains(k.active, domain) {
		k.problem(fmt.Errorf("the record of %s includes itself", domain))
		return
	}
	k.active = append(k.active, domain)
	defer func() { k.active = k.active[:len(k.active)-1] }()
	text, err := k.text(domain)
	if err != nil {
		k.problem(err)
		return
	}
	rec, wrong := parseRecord(domain, text)
	for _, err := range wrong {
		if len(k.active) > 1 {
			err = fmt.Errorf("in the record of %s: %w", domain, err)
		}
		k.problem(err)
	}
	if rec.void {
		k.note(fmt.Errorf("the record of %s %s", domain, voidRecord))
	}
	k.prefetch(&rec)
	for i := range rec.terms {
		t := &rec.terms[i]
		if k.stopped || k.ctx.Err() != nil {
			return
		}
		if t.name == "all" {
			// What follows is never looked at.
			if t.pass && t.text[0] != '?' {
				k.problem(fmt.Errorf("%q in the record of %s lets everybody send: no network is listed for it", t.text, domain))
			}
			break
		}
		k.mechanism(domain, t)
	}
	if rec.redirect != "" && !rec.all && !k.stopped && k.lookup("redirect="+rec.redirect) {
		k.record(rec.redirect)
	}
}

// text returns the SPF record of a domain.
func (k *walk) text(domain string) (string, error) {
	a := k.cache.get(k.ctx, "TXT", domain)
	if a.err != nil {
		if k.gone(a.err) {
			return "", fmt.Errorf("%s does not exist", domain)
		}
		return "", fmt.Errorf("TXT records of %s: %w", domain, a.err)
	}
	var records []string
	for _, t := range a.texts {
		if isRecord(t) {
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

// prefetch starts the look-ups that the terms of a record need, as far as the
// walk may get to them.
func (k *walk) prefetch(rec *record) {
	left := maxLookups - k.lookups
	start := func(kind, name string) {
		if left--; left >= 0 {
			k.cache.start(k.ctx, question{kind, name})
		}
	}
	for i := range rec.terms {
		t := &rec.terms[i]
		switch {
		case !t.pass:
		case t.name == "include":
			start("TXT", t.target)
		case t.name == "mx":
			start("MX", t.target)
		case t.name == "a":
			for _, kind := range k.families() {
				start(kind, t.target)
			}
		}
	}
	if rec.redirect != "" && !rec.all {
		start("TXT", rec.redirect)
	}
}

// mechanism follows one mechanism.
func (k *walk) mechanism(domain string, t *term) {
	network := t.name == "ip4" || t.name == "ip6"
	if !network && !k.lookup(t.text) || !t.pass {
		return
	}
	switch t.name {
	case "ip4", "ip6":
		k.add(domain, t, t.prefix)
	case "a":
		k.host(domain, t, t.target)
	case "mx":
		k.exchangers(domain, t)
	case "include":
		k.record(t.target)
	case "exists", "ptr":
		k.problem(fmt.Errorf("%q depends on the mail, so no list can be made of it", t.text))
	}
}

// add hands a network on, once.
func (k *walk) add(domain string, t *term, p netip.Prefix) {
	p = p.Masked()
	four := p.Addr().Is4()
	if k.stopped || k.seen[p] || k.Only4 && !four || k.Only6 && four {
		return
	}
	if len(k.seen) >= giveUpFound {
		k.problem(fmt.Errorf("more than %d networks, the rest is left out", giveUpFound))
		k.stopped = true
		return
	}
	k.seen[p] = true
	k.send(Network{Prefix: p, Record: domain, Mechanism: t.text})
}
