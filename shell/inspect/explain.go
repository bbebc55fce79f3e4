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
	v.ID, v.From, v.To = e.ID.String(), render.AddressText(e.Sender), render.AddressText(e.Dest)
	v.Created, v.Tries, v.Error = render.Time(e.Created), e.Retry, e.ErrorLine
	if e.Flags&protocol.FlagPending != 0 {
		v.Next = render.Time(e.NextTry)
	}
	if expires, sure := f.expires(); sure {
		v.Expires = render.Time(expires)
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

// judge decides on the one thing that keeps the envelope.
func (f *facts) judge() *Verdict {
	e := f.e
	has := func(flag protocol.Flags) bool { return e.Flags&flag != 0 }
	domain := e.Dest.Domain
	mta := e.Type == protocol.DeliverMTA
	var v *Verdict
	switch {
	case f.missing != "":
		v = &Verdict{Verdict: verdictMissing, Reason: fmt.Sprintf("the file of its message is missing: %s; no attempt can succeed without it", f.missing)}
	case has(protocol.FlagSuspend):
		v = &Verdict{Verdict: verdictSuspended, Reason: "it was paused by an administrator", Command: "resume envelope " + e.ID.String()}
	case has(protocol.FlagInflight) && f.limited() != "":
		v = &Verdict{Verdict: verdictLimits, Reason: "it is with the relay, which waits for its limits: " + f.limited(),
			Notes: []string{"limits are set by mta limit in smtpd.conf"}}
	case has(protocol.FlagInflight) && f.waiting() != "":
		v = &Verdict{Verdict: verdictDNS, Reason: fmt.Sprintf("it is with the relay, which has not connected yet: it waits for %s, since %s", f.waiting(), render.Age(f.now-e.NextTry)),
			Notes: []string{"show relays says what each relay waits for; host -t mx " + domain + " asks what smtpd asks"}}
	case has(protocol.FlagInflight):
		v = &Verdict{Verdict: verdictInflight, Reason: fmt.Sprintf("it is being delivered, since %s", render.Age(f.now-e.NextTry))}
	case mta && f.status.Paused(protocol.MTA):
		v = &Verdict{Verdict: verdictMTA, Reason: "relaying is paused", Command: "resume mta"}
	case e.Type == protocol.DeliverMDA && f.status.Paused(protocol.MDA):
		v = &Verdict{Verdict: verdictMDA, Reason: "local delivery is paused", Command: "resume mda"}
	case mta && len(f.blocks) > 0:
		b := f.blocks[0]
		v = &Verdict{Verdict: verdictBlocked, Reason: fmt.Sprintf("relaying to %s from %s is paused", b.Domain, orAny(b.Source)),
			Command: fmt.Sprintf("resume mta from %s for %s", b.Source, b.Domain)}
	case mta && len(f.routes) > 0:
		r := f.routes[0]
		v = &Verdict{Verdict: verdictRoute, Reason: fmt.Sprintf("the route to %s is disabled after errors, penalty %d%s", r.Destination, r.Penalty, f.until(r)),
			Command: fmt.Sprintf("resume route %d", r.ID)}
	case has(protocol.FlagHold):
		v = &Verdict{Verdict: verdictHeld, Reason: "it is held back, since the relay has as much to do as it may: " + f.busy()}
	case e.NextTry > f.now+protocol.DueMargin && e.ErrorLine != "":
		v = &Verdict{Verdict: verdictBackoff, Reason: fmt.Sprintf("%s failed%s: %s", render.Tries(e.Retry), f.lastTry(", the last "), e.ErrorLine),
			Command: "schedule " + e.ID.String()}
	case e.NextTry > f.now+protocol.DueMargin:
		v = &Verdict{Verdict: verdictScheduled, Reason: fmt.Sprintf("its next attempt is in %s, after %s", render.Age(e.NextTry-f.now), render.Tries(e.Retry)),
			Command: "schedule " + e.ID.String()}
	default:
		v = &Verdict{Verdict: verdictDue, Reason: "it is due: smtpd takes it up at any moment"}
	}
	f.note(v, domain)
	return v
}

// note adds what else is worth knowing.
func (f *facts) note(v *Verdict, domain string) {
	e := f.e
	add := func(format string, args ...any) { v.Notes = append(v.Notes, fmt.Sprintf(format, args...)) }
	f.noteExpiry(add)
	pending := e.Flags&protocol.FlagPending != 0 && e.Flags&protocol.FlagHold == 0
	if pending && e.NextTry > f.now+protocol.DueMargin && v.Verdict != verdictScheduled {
		add("next attempt in %s", render.Age(e.NextTry-f.now))
	}
	if e.ErrorLine != "" && v.Verdict != verdictBackoff {
		add("last error%s: %s", f.lastTry(", "), e.ErrorLine)
	}
	if f.last != nil {
		add("%s said last, %s: %s", domain, report.Since(int64(f.last.Time), f.now), f.last.Status)
	}
	switch v.Verdict {
	case verdictSuspended, verdictMTA, verdictMDA, verdictBlocked:
		add("%s", report.Forgetful)
	}
	for _, b := range f.idle[:min(3, len(f.idle))] {
		add("pause mta from %s for %s stands, but no connector of its relay has that source: it does not stop this mail", b.Source, b.Domain)
	}
	if v.Verdict != verdictRoute && len(f.routes) == 0 && len(f.disabled) > 0 {
		if f.others {
			add("%s disabled, to other hosts: show routes", render.Plural(len(f.disabled), "route is", "routes are"))
		} else {
			add("%s disabled, and it cannot be told whether its own is among them: show routes", render.Plural(len(f.disabled), "route is", "routes are"))
		}
	}
	if v.Verdict != verdictMTA && e.Type == protocol.DeliverMTA && f.status.Paused(protocol.MTA) {
		add("relaying is paused too: resume mta")
	}
	if v.Verdict == verdictRoute && f.guess {
		add("it is the only route that is disabled, and the last error was one of the network")
	}
	if v.Verdict == verdictRoute || v.Verdict == verdictBlocked {
		add("then: schedule %v", e.ID)
	}
}

// lastTry says when the last attempt was, after some words, if that is known.
func (f *facts) lastTry(words string) string {
	if f.e.LastTry == 0 {
		return ""
	}
	return words + report.Since(f.e.LastTry, f.now)
}

// limited says what keeps the relay of the envelope from opening another
// connection, if something does. smtpd marks a connector that has reached one of
// its limits, or must let some time pass between two connections, with WAIT, and
// looks again some seconds later (mta.c, mta_connect).
func (f *facts) limited() string {
	tasks, conns := 0, 0
	var why []string
	for _, r := range f.relays {
		if r.Kind == "relay" {
			tasks += r.Tasks
			conns += r.Connections
		}
		if slices.Contains(r.Waits, "limits") || slices.Contains(r.Flags, "WAIT") {
			why = append(why, "connections, or the time between two")
		}
		for _, flag := range r.Flags {
			if what, ok := strings.CutPrefix(flag, "LIMIT_"); ok {
				why = append(why, "connections to one "+strings.ToLower(what))
			}
		}
	}
	if tasks <= conns || len(why) == 0 {
		return ""
	}
	slices.Sort(why)
	return fmt.Sprintf("%s; it has %s and %s", strings.Join(slices.Compact(why), ", "), render.Plural(tasks, "task"), render.Plural(conns, "connection"))
}

// busy says how much the relay of the envelope has to do.
func (f *facts) busy() string {
	tasks, conns := 0, 0
	for _, r := range f.relays {
		if r.Kind == "relay" {
			tasks += r.Tasks
			conns += r.Connections
		}
	}
	return fmt.Sprintf("%s, %s", render.Plural(tasks, "task"), render.Plural(conns, "connection"))
}

// until says when smtpd enables a route again.
func (f *facts) until(r *report.Route) string {
	if r.Timeout == nil {
		return ""
	}
	return ", for another " + render.Age(*r.Timeout)
}

func orAny(addr string) string {
	if addr == "" {
		return "any address"
	}
	return addr
}

// printVerdict prints a verdict.
func printVerdict(c *command.Call, v *Verdict) error {
	if c.Format() == command.FormatJSON {
		return c.PrintJSON(v)
	}
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
