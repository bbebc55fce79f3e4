// Package report parses the reports that smtpd's mta sends as text: hosts, relays,
// routes, and pauses of relaying.
package report

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Forgetful is the warning for every pause.
const Forgetful = "smtpd keeps pauses in memory only: a restart forgets them"

// Idle says why a pause has no effect according to relays, which are the relays and
// their connectors, or returns "" if it has an effect.
func (b *Block) Idle(relays []*Relay) string {
	var here []string // sources that the relays of the domain use
	for _, r := range relays {
		if r.Kind != "connector" {
			continue
		}
		ofDomain := b.Domain == "*" || SameName(b.Domain, r.Domain)
		switch {
		case r.Source == b.Source:
			if ofDomain {
				return ""
			}
		case ofDomain && !slices.Contains(here, r.Source):
			here = append(here, r.Source)
		}
	}
	switch {
	case len(here) == 1 && here[0] == "":
		return fmt.Sprintf("it has no effect now: mail for %s is relayed without a source address, since its action in smtpd.conf has no src", b.Domain)
	case len(here) > 0:
		return fmt.Sprintf("it has no effect now: mail for %s is relayed from %s", b.Domain, sourceList(here))
	case slices.ContainsFunc(relays, func(r *Relay) bool { return r.Kind == "connector" && r.Source == b.Source }):
		return "" // nothing is relayed to the domain now, but the address is one that is used
	}
	return fmt.Sprintf("no relay and no connector has the source %s now: only actions with src in smtpd.conf have one, and for others it has no effect", b.Source)
}

// sourceList names source addresses, the first few of them.
func sourceList(sources []string) string {
	const most = 5
	var names []string
	for _, s := range sources[:min(most, len(sources))] {
		if s == "" {
			s = "no source address"
		}
		names = append(names, s)
	}
	if more := len(sources) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d others", more))
	}
	return strings.Join(names, ", ")
}

// BlockWarning returns a warning about a pause of relaying that smtpd has just
// accepted, or "".
func BlockWarning(ctx context.Context, conn *protocol.Conn, b *Block) string {
	relays, err := ReadReport[Relay](ctx, conn, protocol.Relays)
	if err != nil {
		return fmt.Sprintf("cannot tell whether a relay has the source %s: %v", b.Source, err)
	}
	return b.Idle(relays)
}

// WarnIdle warns that a pause has no effect.
func WarnIdle(c *command.Call, b *Block, reason string) {
	c.Warnf("%s", render.Safe(fmt.Sprintf("pause mta from %s for %s: %s", b.Source, grammar.Quote(b.Domain), reason)))
}

// Stops reports whether a pause keeps the mail of a domain's relays in the queue: one
// of their connectors has its source, or there is no connector now and smtpd said so of
// the last attempt.
func (b *Block) Stops(relays []*Relay, errorLine string) bool {
	connectors := 0
	for _, r := range relays {
		if r.Kind != "connector" {
			continue
		}
		if r.Source == b.Source {
			return true
		}
		connectors++
	}
	return connectors == 0 && strings.Contains(errorLine, "blocked")
}
