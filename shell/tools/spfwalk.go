package tools

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"go4.org/netipx"
	"golang.org/x/net/idna"

	"smtpctl/protocol/spf"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/tools/resolve"
)

// maxDNSTry is the time limit for one query to one name server; a shorter --timeout
// lowers it.
const maxDNSTry = 3 * time.Second

// A NetworkJSON is the JSON form of a network. Only Network is set after --aggregate,
// because a merged network can have several sources.
type NetworkJSON struct {
	Network   string `json:"network"`
	Domain    string `json:"domain,omitempty"`
	Record    string `json:"record,omitempty"`
	Mechanism string `json:"mechanism,omitempty"`
}

// checkSPFWalk checks the options of spf walk and the domains among its arguments.
func checkSPFWalk(c *command.Call) error {
	if c.Opts.Only4 && c.Opts.Only6 {
		return command.Usagef("spf walk: -4 and -6 exclude each other: give one of them")
	}
	if c.Opts.Resolver != "" {
		if _, err := resolve.At(c.Opts.Resolver, maxDNSTry); err != nil {
			return command.Usagef("spf walk: --resolver %q: %w", c.Opts.Resolver, err)
		}
	}
	for _, a := range c.Args {
		if _, err := asciiDomain(a.Text); err != nil {
			return command.Usagef("spf walk: %q: %w", a.Text, err)
		}
	}
	return nil
}

// findResolver returns the client for the name servers to use.
func findResolver(c *command.Call) (*resolve.Client, error) {
	try := min(c.Opts.Timeout, maxDNSTry)
	if c.Opts.Resolver != "" {
		return resolve.At(c.Opts.Resolver, try)
	}
	return resolve.System(try)
}

// prepareSPFWalk finds the name servers before the sandbox hides resolv.conf, and returns
// their ports, to which the sandbox has to allow connections.
func prepareSPFWalk(c *command.Call) (ports []uint16, err error) {
	client, err := findResolver(c)
	if err != nil {
		return nil, fmt.Errorf("spf walk: %w", command.FileError(err))
	}
	c.Prepared = client
	for _, srv := range client.Servers {
		ports = append(ports, srv.Port())
	}
	return ports, nil
}

// runSPFWalk prints the networks that may send for some domains, given as
// arguments or on standard input, one a line.
func runSPFWalk(ctx context.Context, c *command.Call) error {
	client, ok := c.Prepared.(*resolve.Client)
	if !ok {
		var err error
		if client, err = findResolver(c); err != nil {
			return fmt.Errorf("spf walk: %w", command.FileError(err))
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &networkPrinter{c: c}
	w := spf.Walker{Resolver: client, NoName: resolve.ErrNoName, Only4: c.Opts.Only4, Only6: c.Opts.Only6}
	bad, last := 0, "" // the number of domains with problems, and the last such domain
	var err error
	for n := range w.Walk(ctx, domainsOf(ctx, c)) {
		switch {
		case n.Err != nil && n.Domain == "":
			err = fmt.Errorf("spf walk: %w", n.Err)
		case n.Err != nil:
			c.Warnf("smtpctl: spf walk: %s", render.Safe(fmt.Sprintf("%s: %v", n.Domain, n.Err)))
			if !n.Note && (bad == 0 || n.Domain != last) {
				bad, last = bad+1, n.Domain // problems of one domain follow each other
			}
		default:
			err = p.add(n)
		}
		if err != nil {
			cancel()
			break
		}
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("spf walk: %s had problems, see above", render.Plural(bad, "domain"))
	}
	return nil
}

// domainsOf yields the domains to walk: the arguments or, if there are none, the lines of
// standard input, in which # begins a comment.
func domainsOf(ctx context.Context, c *command.Call) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, a := range c.Args {
			domain, err := asciiDomain(a.Text)
			if !yield(domain, err) {
				return
			}
		}
		if len(c.Args) > 0 {
			return
		}
		for line, err := range lines(ctx, c.In) {
			line, _, _ = strings.Cut(strings.TrimPrefix(line, command.ByteOrderMark), "#")
			if line = strings.TrimSpace(line); line == "" && err == nil {
				continue
			}
			domain := line
			if ascii, aerr := asciiDomain(line); err == nil && aerr == nil {
				domain = ascii // otherwise the walk reports what is wrong with the domain
			}
			if !yield(domain, err) {
				return
			}
		}
	}
}

// idnaProfile converts internationalised domains to their form in the DNS.
var idnaProfile = sync.OnceValue(func() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
})

// asciiDomain returns the form in the DNS of a domain. It does not check ASCII text.
func asciiDomain(text string) (string, error) {
	for _, r := range text {
		if r >= 0x80 {
			ascii, err := idnaProfile().ToASCII(text)
			if err != nil {
				return "", errors.New("not a domain that can be looked up")
			}
			return ascii, nil
		}
	}
	return text, nil
}

// maxNetworks is how many networks are held in memory to be sorted or merged.
const maxNetworks = 2_000_000

// A networkPrinter prints networks as they are found or, with --sort and --aggregate, all
// of them at the end.
type networkPrinter struct {
	c    *command.Call
	n    int // how many networks are held until the end
	held []spf.Network
	set  netipx.IPSetBuilder
}

func (p *networkPrinter) add(n spf.Network) error {
	switch {
	case !p.c.Opts.Aggregate && !p.c.Opts.Sort:
		return p.print(n, false)
	case p.n >= maxNetworks:
		return fmt.Errorf("spf walk: more than %d networks to sort: name fewer domains", maxNetworks)
	}
	p.n++
	switch {
	case p.c.Opts.Aggregate:
		p.set.AddPrefix(n.Prefix)
		return nil
	case p.c.Opts.Sort:
		p.held = append(p.held, n)
		return nil
	}
	return p.print(n, false)
}

// end prints the networks that add has held.
func (p *networkPrinter) end() error {
	if p.c.Opts.Aggregate {
		set, err := p.set.IPSet()
		if err != nil {
			return fmt.Errorf("spf walk: %w", err)
		}
		for _, prefix := range set.Prefixes() {
			p.held = append(p.held, spf.Network{Prefix: prefix})
		}
	}
	slices.SortStableFunc(p.held, func(a, b spf.Network) int { return a.Prefix.Compare(b.Prefix) })
	for i, n := range p.held {
		// Plain text lists a network of several domains once.
		again := i > 0 && n.Prefix == p.held[i-1].Prefix
		if err := p.print(n, again); err != nil {
			return err
		}
	}
	return nil
}

// print prints a network. again says that the network before was the same.
func (p *networkPrinter) print(n spf.Network, again bool) error {
	text := networkText(n.Prefix)
	err := p.c.Print(command.Record{JSON: NetworkJSON{text, n.Domain, n.Record, n.Mechanism}, Text: text + "\n", Again: again})
	if err != nil || !command.IsTerminal(p.c.In) {
		return err
	}
	return p.c.Out.Flush() // the user who types domains waits for the result
}

// networkText formats a network for packet filters such as pf: a single address has no
// prefix length.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
