package inspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
)

// A Verdict is why an envelope is still in the queue.
type Verdict struct {
	ID      string      `json:"id"`
	Verdict string      `json:"verdict"`
	Reason  string      `json:"reason"`
	Command string      `json:"command,omitempty"` // that would help
	Notes   []string    `json:"notes,omitempty"`
	From    string      `json:"from,omitempty"`
	To      string      `json:"to,omitempty"`
	Created render.Time `json:"created,omitempty"`
	Next    render.Time `json:"next_try,omitempty"`
	Expires render.Time `json:"expires,omitempty"` // by smtpd.conf
	Tries   int         `json:"tries"`
	Error   string      `json:"error,omitempty"`
}

// The verdicts.
const (
	verdictGone      = "gone"
	verdictUnknown   = "undiscovered"
	verdictRefused   = "refused"
	verdictMissing   = "message-missing"
	verdictDNS       = "dns"
	verdictSuspended = "suspended"
	verdictHeld      = "held"
	verdictInflight  = "inflight"
	verdictLimits    = "relay-limits"
	verdictRoute     = "route-disabled"
	verdictBlocked   = "blocked"
	verdictMTA       = "mta-paused"
	verdictMDA       = "mda-paused"
	verdictBackoff   = "backoff"
	verdictScheduled = "scheduled"
	verdictDue       = "due"
)

// runExplain says why an envelope has not been delivered yet.
func runExplain(ctx context.Context, c *command.Call) error {
	id, err := queue.ResolveEnvelope(ctx, c, queue.ArgID(c, 0))
	if errors.Is(err, queue.ErrNoSuchID) {
		id, err = resolveUnlisted(ctx, c, queue.ArgID(c, 0))
	}
	if err != nil {
		return err
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	e, err := lookTwice(ctx, conn, id)
	if err != nil {
		return err
	}
	if e == nil {
		v := explainGone(ctx, c, conn, id)
		if err := printVerdict(c, v); err != nil {
			return err
		}
		if v.Verdict == verdictGone {
			return fmt.Errorf("%s: %w", command.PathOf(c), queue.ErrNoSuchID)
		}
		return fmt.Errorf("%s: %w", command.PathOf(c), disk.ErrNotListed)
	}
	f, err := gatherFacts(ctx, conn, e)
	if err != nil {
		return err
	}
	if disk.MessageMissing(ctx, c, e.ID) {
		// It may have been delivered just now.
		if again, err := queue.LookUp(ctx, conn, id); err == nil && again != nil && disk.MessageMissing(ctx, c, e.ID) {
			f.missing = disk.OpenSpool(ctx, c).MessagePath(e.ID.Msg())
		}
	}
	f.conf = disk.SmtpdConf(c)
	v := f.judge()
	v.ID, v.From, v.To = e.ID.String(), render.FormatAddress(e.Sender), render.FormatAddress(e.Dest)
	v.Created, v.Tries, v.Error = render.Time(e.Created), e.Retry, e.ErrorLine
	if e.Flags&protocol.FlagPending != 0 {
		v.Next = render.Time(e.NextTry)
	}
	if expires, sure := f.expires(); sure {
		v.Expires = render.Time(expires)
	}
	if e.Retry > 0 {
		if try := maillog.LastTry(ctx, maillog.Dir, e.ID); try != nil {
			v.Notes = append(v.Notes, "the log tells of its last try: "+try.Text())
		}
	}
	return printVerdict(c, v)
}

// facts are all that smtpd says about an envelope and what it waits for.
type facts struct {
	e        *protocol.Envelope
	now      int64
	status   protocol.Status
	relays   []*report.Relay // of its domain, with their connectors
	routes   []*report.Route // to the hosts of its domain
	blocks   []*report.Block // for its domain, that keep its mail from going out
	idle     []*report.Block // for its domain, that have no effect on it
	last     *report.HostStat
	disabled []*report.Route // all that are
	guess    bool            // that the one disabled route is that of this envelope
	others   bool            // none of the disabled routes is its own: its hosts are known
	missing  string          // the file of its message, if that is missing
	conf     *disk.ConfFacts
}

// gatherFacts asks for all of it.
func gatherFacts(ctx context.Context, conn *protocol.Conn, e *protocol.Envelope) (*facts, error) {
	f := &facts{e: e, now: time.Now().Unix()}
	var err error
	if f.status, err = conn.Status(ctx); err != nil || e.Type == protocol.DeliverMDA {
		return f, err
	}
	relays, err := report.ReadReport[report.Relay](ctx, conn, protocol.Relays)
	if err != nil {
		return nil, err
	}
	routes, err := report.ReadReport[report.Route](ctx, conn, protocol.Routes)
	if err != nil {
		return nil, err
	}
	blocks, err := report.ReadReport[report.Block](ctx, conn, protocol.Blocks)
	if err != nil {
		return nil, err
	}
	stats, err := report.ReadReport[report.HostStat](ctx, conn, protocol.HostStats)
	if err != nil {
		return nil, err
	}
	domain := e.Dest.Domain
	smart := map[string]bool{} // relays by the host that smtpd.conf names for them
	for _, r := range relays {
		switch {
		case report.SameName(r.Domain, domain):
			f.relays = append(f.relays, r)
		case r.Kind == "relay":
			smart[r.Domain] = true
		}
	}
	names := []string{domain}
	direct := len(f.relays) > 0
	if len(f.relays) == 0 && len(smart) == 1 {
		// All that is relayed goes through one host.
		for name := range smart {
			names = append(names, name)
		}
		f.relays = relays
	}
	for _, b := range blocks {
		if b.Domain == "*" || strings.Contains(e.ErrorLine, "blocked") || slices.ContainsFunc(names, func(n string) bool { return report.SameName(b.Domain, n) }) {
			if b.Stops(f.relays, e.ErrorLine) {
				f.blocks = append(f.blocks, b)
			} else {
				f.idle = append(f.idle, b)
			}
		}
	}
	for _, s := range stats {
		if report.SameName(s.Domain, domain) {
			f.last = s
		}
	}
	for _, r := range routes {
		if r.Disabled {
			f.disabled = append(f.disabled, r)
		}
	}
	if len(f.disabled) > 0 {
		addrs, all := hostsOf(ctx, names)
		// A relay for the domain itself goes to the hosts that its names have. If
		// there is none now, smtpd.conf may send the mail elsewhere.
		f.others = all && direct
		for _, r := range f.disabled {
			if slices.Contains(addrs, r.Destination) || slices.ContainsFunc(names, func(n string) bool { return report.SameName(n, r.Name) }) {
				f.routes = append(f.routes, r)
			}
		}
		if len(f.routes) == 0 && len(f.disabled) == 1 && strings.HasPrefix(e.ErrorLine, "Network error") {
			f.routes, f.guess = f.disabled, true
		}
	}
	return f, nil
}

// goResolver looks names up as the system does, but opens no libraries for it,
// which lockDown would not allow.
var goResolver = &net.Resolver{PreferGo: true}

// hostsOf returns the addresses of the hosts that take mail for domains, and
// whether they are all: the system's resolver may not find them in time.
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

// printVerdict prints a verdict.
func printVerdict(c *command.Call, v *Verdict) error {
	return c.Print(command.Record{JSON: v, Lines: func() error { return describeVerdict(c, v) }})
}

// describeVerdict prints a verdict for a person.
func describeVerdict(c *command.Call, v *Verdict) error {
	style := c.Out.Style
	var b strings.Builder
	line := func(name, text string) { fmt.Fprintf(&b, "%-10s%s\n", name+":", render.Safe(text)) }
	what := v.ID
	if v.Created != 0 {
		from := v.From
		if from == "" {
			from = "<>"
		}
		what += fmt.Sprintf(", %s to %s, %s old, %s", from, v.To, render.Age(time.Now().Unix()-int64(v.Created)), render.Tries(v.Tries))
	}
	line("envelope", what)
	fmt.Fprintf(&b, "%s\n", style.Bold(fmt.Sprintf("%-10s%s", "verdict:", v.Verdict+": "+render.Safe(v.Reason))))
	for _, n := range v.Notes {
		line("note", n)
	}
	if v.Command != "" {
		line("do", "smtpctl "+v.Command)
	}
	_, err := c.Out.WriteStyled([]byte(b.String()))
	return err
}
