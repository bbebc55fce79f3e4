package shell

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"smtpctl/protocol/spf"
	"smtpctl/shell/render"
)

// runSPFWalk prints the networks that may send for some domains, given as
// arguments or on standard input, one a line.
func runSPFWalk(ctx context.Context, c *Call) error {
	failed := 0
	walk := func(domain string) error {
		w := spf.Walker{Resolver: net.DefaultResolver, Problem: func(domain string, err error) {
			c.warnf("smtpctl: spf walk: %s", render.Safe(fmt.Sprintf("%s: %v", domain, err)))
		}}
		err := w.Walk(ctx, domain, func(p netip.Prefix) bool {
			_, werr := fmt.Fprintln(c.out(), networkText(p))
			return werr == nil
		})
		if err != nil {
			failed++
		}
		return ctx.Err()
	}
	for _, a := range c.args {
		if err := walk(a.Text); err != nil {
			return err
		}
	}
	if len(c.args) == 0 {
		for line, err := range lines(ctx, c.in()) {
			if err != nil {
				return fmt.Errorf("spf walk: %w", err)
			}
			if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) == "" {
				continue
			}
			if err := walk(line); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("spf walk: %s had problems, see above", count(failed, "domain"))
	}
	return nil
}

// networkText writes a network as pf and others want it: a single address
// without its length.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
