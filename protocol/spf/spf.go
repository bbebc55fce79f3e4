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

// A Resolver looks up the records of a name, which has no trailing dot. If there are no
// records of the type, it returns nothing and no error. Its methods may be called by
// several goroutines at once.
type Resolver interface {
	TXT(ctx context.Context, name string) ([]string, error) // strings joined
	MX(ctx context.Context, name string) ([]string, error)  // hosts; "" is a null MX
	IPv4(ctx context.Context, name string) ([]netip.Addr, error)
	IPv6(ctx context.Context, name string) ([]netip.Addr, error)
}

// The limits of RFC 7208, section 4.6.4, at which mail servers give up. A walk reports
// them and continues up to limits of its own.
const (
	maxLookups = 10 // terms that cause look-ups
	maxVoid    = 2  // look-ups that find nothing
	maxMX      = 10 // hosts of one mx

	giveUpLookups = 100     // of one domain
	giveUpFound   = 100_000 // networks of one domain
)

// A Network is a network that may send mail for a domain or, if Err is set, a problem
// with that domain's records.
type Network struct {
	Domain    string       // that was asked for
	Prefix    netip.Prefix // host bits are zero
	Record    string       // domain whose record has the mechanism
	Mechanism string       // as it stands in the record
	Err       error
	// Note says that the list is complete in spite of Err.
	Note bool
}

// A Walker walks the records of domains.
type Walker struct {
	Resolver Resolver
	// NoName is the error that the resolver's errors wrap if a name does not exist.
	NoName error
	// Only4 and Only6 leave out the other address family. At most one of them may be
	// set.
	Only4, Only6 bool
}

// domainsAtOnce is how many domains are walked at the same time.
const domainsAtOnce = 128

// Walk yields the networks that the records of each domain allow to send, domain by
// domain and in the order of the records, each network once. Domains are walked at the
// same time and share their look-ups. An error of a record comes as a Network with its
// domain. An error of domains ends the walk and comes as a Network without a domain.
// domains must return when ctx ends, because Walk waits for it.
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

func (w *walk) run() {
	if err := checkName(w.domain); err != nil {
		w.reportError(err)
		return
	}
	w.record(w.domain)
}

// send passes on a result, unless the walk has been given up.
func (w *walk) send(n Network) {
	n.Domain = w.domain
	select {
	case w.out <- n:
	case <-w.ctx.Done():
		w.stopped = true
	}
}

// reportError reports a term that could not be followed, so that the list is incomplete.
func (w *walk) reportError(err error) { w.report(Network{Err: err}) }

// reportNote reports a problem that takes nothing from the list.
func (w *walk) reportNote(err error) { w.report(Network{Err: err, Note: true}) }

func (w *walk) report(n Network) {
	if w.ctx.Err() == nil && !w.stopped {
		w.send(n)
	}
}

// isNXDOMAIN reports whether an error of the resolver means that a name does not exist.
func (w *walk) isNXDOMAIN(err error) bool { return err != nil && errors.Is(err, w.NoName) }

// lookup counts a term that needs a look-up, and reports whether the look-up is
// allowed.
func (w *walk) lookup(term string) bool {
	switch w.lookups++; {
	case w.lookups == maxLookups+1:
		w.reportError(fmt.Errorf("more than %d look-ups: mail servers give up at %q, but the rest is listed here", maxLookups, term))
	case w.lookups > giveUpLookups:
		w.reportError(fmt.Errorf("more than %d look-ups, %q and the rest is left out", giveUpLookups, term))
		w.stopped = true
	}
	return !w.stopped
}

// checkFound handles the error of a look-up and counts the look-ups that find nothing.
// It reports whether there is any record.
func (w *walk) checkFound(term, name, kind string, n int, err error) bool {
	switch {
	case n > 0:
		return true
	case err != nil && !w.isNXDOMAIN(err):
		w.reportError(fmt.Errorf("%q: %s of %s: %w", term, kind, name, err))
		return false
	case err != nil:
		w.reportNote(fmt.Errorf("%q: %s does not exist", term, name))
	case kind == "addresses" && (w.Only4 || w.Only6):
		return false // the other family may have some
	default:
		w.reportNote(fmt.Errorf("%q: %s has no %s", term, name, kind))
	}
	if w.void++; w.void == maxVoid+1 {
		w.reportError(fmt.Errorf("more than %d look-ups find nothing: mail servers give up at %q, but the rest is listed here", maxVoid, term))
	}
	return false
}

// voidRecord says what mail servers do with a record that has an error of syntax.
const voidRecord = "has an error of syntax: to mail servers that is a permanent error (permerror), and the whole record is void"

// record walks the SPF record of a domain.
func (w *walk) record(domain string) {
	if slices.Contains(w.active, domain) {
		w.reportError(fmt.Errorf("the record of %s includes itself", domain))
		return
	}
	w.active = append(w.active, domain)
	defer func() { w.active = w.active[:len(w.active)-1] }()
	text, err := w.text(domain)
	if err != nil {
		w.reportError(err)
		return
	}
	rec, wrong := parseRecord(domain, text)
	for _, err := range wrong {
		if len(w.active) > 1 {
			err = fmt.Errorf("in the record of %s: %w", domain, err)
		}
		w.reportError(err)
	}
	if rec.void {
		w.reportNote(fmt.Errorf("the record of %s %s", domain, voidRecord))
	}
	w.prefetch(&rec)
	for i := range rec.terms {
		t := &rec.terms[i]
		if w.stopped || w.ctx.Err() != nil {
			return
		}
		if t.name == "all" {
			// Mail servers never reach the terms after it.
			if t.pass && t.text[0] != '?' {
				w.reportError(fmt.Errorf("%q in the record of %s lets everybody send: no network is listed for it", t.text, domain))
			}
			break
		}
		w.mechanism(domain, t)
	}
	if rec.redirect != "" && !rec.all && !w.stopped && w.lookup("redirect="+rec.redirect) {
		w.record(rec.redirect)
	}
}

// text returns the SPF record of a domain.
func (w *walk) text(domain string) (string, error) {
	a := w.cache.get(w.ctx, "TXT", domain)
	if a.err != nil {
		if w.isNXDOMAIN(a.err) {
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
	return "", fmt.Errorf("%s has %d SPF records, expected one", domain, len(records))
}

// prefetch starts the look-ups that the terms of a record need, as far as the walk may
// get to them.
func (w *walk) prefetch(rec *record) {
	left := maxLookups - w.lookups
	start := func(kind, name string) {
		if left--; left >= 0 {
			w.cache.start(w.ctx, question{kind, name})
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
			for _, kind := range w.families() {
				start(kind, t.target)
			}
		}
	}
	if rec.redirect != "" && !rec.all {
		start("TXT", rec.redirect)
	}
}

// mechanism follows one mechanism.
func (w *walk) mechanism(domain string, t *term) {
	network := t.name == "ip4" || t.name == "ip6"
	if !network && !w.lookup(t.text) || !t.pass {
		return
	}
	switch t.name {
	case "ip4", "ip6":
		w.add(domain, t, t.prefix)
	case "a":
		w.host(domain, t, t.target)
	case "mx":
		w.addMX(domain, t)
	case "include":
		w.record(t.target)
	case "exists", "ptr":
		w.reportError(fmt.Errorf("%q depends on the mail, so it cannot be listed", t.text))
	}
}

// add passes on a network, once.
func (w *walk) add(domain string, t *term, p netip.Prefix) {
	p = p.Masked()
	four := p.Addr().Is4()
	if w.stopped || w.seen[p] || w.Only4 && !four || w.Only6 && four {
		return
	}
	if len(w.seen) >= giveUpFound {
		w.reportError(fmt.Errorf("more than %d networks, the rest is left out", giveUpFound))
		w.stopped = true
		return
	}
	w.seen[p] = true
	w.send(Network{Prefix: p, Record: domain, Mechanism: t.text})
}
