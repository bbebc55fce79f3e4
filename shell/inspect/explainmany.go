package inspect

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
	"smtpctl/shell/selector"
)

// A VerdictGroup says why several envelopes are still in the queue.
type VerdictGroup struct {
	Verdict string         `json:"verdict"`
	Count   int            `json:"count"`
	Reason  string         `json:"reason"`
	Command string         `json:"command,omitempty"` // that would help
	Notes   []string       `json:"notes,omitempty"`
	Example string         `json:"example"` // the id of one of them
	From    string         `json:"from,omitempty"`
	To      string         `json:"to,omitempty"`
	Oldest  render.Time    `json:"oldest,omitempty"`
	Next    render.Time    `json:"next_try,omitempty"` // the first of them all
	Domains map[string]int `json:"domains,omitempty"`  // the most frequent

	last     int64 // next try of them all
	domains  queue.Tops
	top      string // the most frequent domains for a person, once the group is complete
	expiring int    // that expire before they are tried again
}

// Limits for explaining many envelopes.
const (
	maxVerdicts      = 5000    // groups that are told apart; others count as one for each verdict
	maxVerdictPlaces = 20_000  // domains whose relaying is remembered
	maxVerdictTops   = 100_000 // domains that are counted, in all groups
	maxFolded        = 10_000  // error lines whose pattern is remembered
	maxShownDomains  = 5
	manyAtOnce       = 1000 // envelopes of a group that are better scheduled at a pace
	maxLookups       = 50   // domains whose hosts are looked up
	lookupsTimeout   = 4 * time.Second
)

// A judgement explains many envelopes from one set of answers of smtpd.
type judgement struct {
	c       *command.Call
	now     int64
	conf    *disk.ConfFacts
	all     *relaying
	places  map[placeKey]*place
	folded  map[string]string // patterns of error lines, which come again and again
	groups  map[string]*VerdictGroup
	words   []string // with which the user has selected the envelopes
	session bool     // which mean something in this session only, and not where they are read
	tops    int      // domains that are counted
	missing *disk.MissingFiles
	lookups lookups
}

// A placeKey identifies a place.
type placeKey struct {
	domain                 string
	blocked, network, asks bool
}

// lookups limits how many names are looked up.
type lookups struct {
	until time.Time
	done  int
	left  int // that were not looked up
}

// hosts is hostsOf within that limit.
func (l *lookups) hosts(ctx context.Context, names []string) ([]string, bool) {
	if l.done == 0 {
		l.until = time.Now().Add(lookupsTimeout)
	}
	if l.done++; l.done > maxLookups || time.Now().After(l.until) {
		l.left++
		return names, false
	}
	ctx, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	return hostsOf(ctx, names)
}

// checkExplain refuses arguments that cannot be explained, before anything is sent.
func checkExplain(c *command.Call) error {
	if err := queue.CheckUnsorted(c, "verdicts come by how many envelopes they are of"); err != nil {
		return err
	}
	return queue.CheckSelection(c)
}

// explainMany explains why the selected envelopes have not been delivered, grouped by
// reason.
func explainMany(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	args, limit := queue.SplitLimit(c.Args)
	j := &judgement{c: c, now: time.Now().Unix(), conf: disk.SmtpdConf(ctx, c), places: map[placeKey]*place{}, folded: map[string]string{},
		groups: map[string]*VerdictGroup{}, missing: disk.NewMissing(ctx, c)}
	for _, a := range args {
		j.words = append(j.words, grammar.Quote(a.Text))
		j.session = j.session || a.Text == command.LastListing && !c.Mode.Interactive()
	}
	if j.all, err = askRelaying(ctx, conn); err != nil {
		return err
	}
	n := 0
	var some []protocol.Envelope // whose files are looked at together
	err = queue.EachSelected(ctx, c, args, func(e *protocol.Envelope) (bool, error) {
		n++
		if !j.missing.Far() {
			j.take(ctx, e)
		} else if some = append(some, *e); len(some) == spool.AheadMost {
			some = j.takeAll(ctx, some)
		}
		return true, nil
	})
	j.takeAll(ctx, some)
	if err != nil && n == 0 {
		return err
	}
	if perr := c.PrintPart(j.part(limit)); perr != nil {
		return perr
	}
	if j.lookups.left > 0 {
		c.Warnf("smtpctl: %s disabled, perhaps to hosts of %s that were not looked up: show routes",
			render.Plural(len(j.all.disabled), "route is", "routes are"), render.Plural(j.lookups.left, "domain"))
	}
	if err == nil && len(args) == 0 && c.Seen() {
		disk.WarnUnlisted(ctx, c, conn, disk.UnlistedQueue, disk.DeepQueue)
	}
	return err
}

// takeAll is take for several envelopes, whose files are far away. It returns an empty
// slice.
func (j *judgement) takeAll(ctx context.Context, some []protocol.Envelope) []protocol.Envelope {
	if len(some) == 0 {
		return some
	}
	ids := make([]protocol.EnvelopeID, len(some))
	for i := range some {
		ids[i] = some[i].ID
	}
	j.missing.Ahead(ids)
	for i := range some {
		j.take(ctx, &some[i])
	}
	return some[:0]
}

// take finds the verdict for an envelope, and counts it.
func (j *judgement) take(ctx context.Context, e *protocol.Envelope) {
	f := &facts{place: nowhere, e: e, now: j.now, status: j.all.status, conf: j.conf}
	if e.Type != protocol.DeliverMDA {
		f.place = j.placeOf(ctx, e)
	}
	if j.missing.Is(e.ID) {
		f.missing = "its file"
	}
	v := f.decide()
	cause := j.cause(v, e)
	key := v.Verdict + "\x00" + cause
	g := j.groups[key]
	if g == nil && len(j.groups) >= maxVerdicts {
		cause, v.Command = queue.Others, ""
		key = v.Verdict + "\x00" + cause
		g = j.groups[key]
	}
	if g == nil {
		g = &VerdictGroup{Verdict: v.Verdict, Reason: strings.Clone(cause), Example: e.ID.String(), From: render.FormatAddress(e.Sender), To: render.FormatAddress(e.Dest),
			Oldest: render.Time(e.Created), domains: queue.Tops{}}
		if cause != queue.Others {
			g.Command = j.command(v, e)
		}
		g.Notes = groupNotes(f, v)
		j.groups[key] = g
	}
	g.count(j, f)
}

// count counts an envelope.
func (g *VerdictGroup) count(j *judgement, f *facts) {
	e := f.e
	g.Count++
	g.Oldest = min(g.Oldest, render.Time(e.Created))
	if e.Flags&protocol.FlagPending != 0 && e.Flags&protocol.FlagHold == 0 && e.NextTry > 0 {
		if g.Next == 0 || e.NextTry < int64(g.Next) {
			g.Next = render.Time(e.NextTry)
		}
		g.last = max(g.last, e.NextTry)
	}
	if f.expiresFirst() {
		g.expiring++
	}
	domain := foldName(e.Dest.Domain)
	if _, known := g.domains[domain]; !known && j.tops >= maxVerdictTops {
		domain = queue.Others
	}
	if _, known := g.domains[domain]; !known {
		j.tops++
		domain = strings.Clone(domain)
	}
	g.domains.Add(domain)
}

// placeOf returns what is known about the destination of an envelope.
func (j *judgement) placeOf(ctx context.Context, e *protocol.Envelope) *place {
	key := placeKey{domain: foldName(e.Dest.Domain), blocked: strings.Contains(e.ErrorLine, "blocked"), network: strings.HasPrefix(e.ErrorLine, networkError),
		// Names are looked up only where a route decides.
		asks: e.Flags&(protocol.FlagSuspend|protocol.FlagInflight) == 0 && !j.all.status.Paused(protocol.MTA)}
	p := j.places[key]
	if p == nil {
		if len(j.places) >= maxVerdictPlaces {
			clear(j.places)
		}
		hosts := j.lookups.hosts
		if !key.asks {
			hosts = func(_ context.Context, names []string) ([]string, bool) { return names, false }
		}
		key.domain = strings.Clone(key.domain)
		p = j.all.placeOf(ctx, key.domain, e.ErrorLine, hosts)
		j.places[key] = p
	}
	return p
}

// causes are the reasons for groups whose single reasons differ from envelope to
// envelope.
var causes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		verdictMissing:   "the file of their message is missing: no attempt can succeed without it",
		verdictSuspended: "they were suspended by an administrator",
		verdictHeld:      "they are on hold, because their relay is at its limit",
		verdictInflight:  "they are being delivered",
		verdictLimits:    "they are assigned to a relay that has reached its limits",
		verdictDNS:       "their relay has not connected yet: it is waiting for the name service",
		verdictScheduled: "they have no error yet, and wait for their next attempt",
		verdictDue:       "they are due: smtpd tries them at any moment",
	}
})

// cause returns the common reason of the envelopes of a group.
func (j *judgement) cause(v *Verdict, e *protocol.Envelope) string {
	if v.Verdict != verdictBackoff {
		return cmp.Or(causes()[v.Verdict], v.Reason)
	}
	text, known := j.folded[e.ErrorLine]
	if !known {
		if len(j.folded) >= maxFolded {
			clear(j.folded)
		}
		text = selector.ErrorPattern(e.ErrorLine)
		j.folded[strings.Clone(e.ErrorLine)] = text
	}
	return text
}

// command returns a command that would help all envelopes of a group.
func (j *judgement) command(v *Verdict, e *protocol.Envelope) string {
	selected := func(verb string, terms ...string) string {
		words := append([]string{verb}, j.words...)
		for _, t := range terms {
			words = append(words, grammar.Quote(t))
		}
		return strings.Join(words, " ")
	}
	switch v.Verdict {
	case verdictSuspended, verdictBackoff, verdictScheduled:
		if j.session {
			return ""
		}
	}
	switch v.Verdict {
	case verdictSuspended:
		return selected("resume envelope", "state=suspended")
	case verdictBackoff, verdictScheduled:
		return selected("schedule", append(selector.Find(selector.Grouped(), "error").GroupTerms(e), "state=pending")...)
	case verdictMissing:
		return "show spool"
	case verdictDNS, verdictHeld:
		return "show relays"
	}
	return v.Command // it is of the whole group: a pause, or a route
}

// groupNotes returns notes that apply to all envelopes with a verdict.
func groupNotes(f *facts, v *Verdict) []string {
	var out []string
	switch v.Verdict {
	case verdictSuspended, verdictMTA, verdictMDA, verdictBlocked:
		out = append(out, report.Forgetful)
	case verdictLimits:
		out = append(out, v.Notes...)
	case verdictRoute:
		if f.guess {
			out = append(out, "this is the only disabled route, and the last error was a network error")
		}
	}
	return out
}

// finish completes a group when all envelopes are counted.
func (g *VerdictGroup) finish(now int64, conf *disk.ConfFacts) {
	if g.Verdict == verdictBackoff {
		when := render.Age(max(int64(g.Next)-now, 0))
		if last := render.Age(max(g.last-now, 0)); last != when {
			when += " to " + last
		}
		g.Reason = fmt.Sprintf("tried and deferred, next attempts in %s: %s", when, g.Reason)
	}
	if g.expiring > 0 {
		by := "by " + conf.Path
		if !conf.Read {
			by = "if the ttl is the default of 4 days; smtpd.conf cannot be read here"
		}
		expire := map[bool]string{true: " expires before its next try", false: " expire before their next try"}[g.expiring == 1]
		g.Notes = append([]string{fmt.Sprintf("danger: %d of them%s, %s", g.expiring, expire, by)}, g.Notes...)
	}
	if strings.HasPrefix(g.Command, "schedule ") && g.Count > manyAtOnce {
		g.Command += " batch=50"
	}
	g.Domains = map[string]int{}
	for _, d := range g.domains.First(maxShownDomains) {
		g.Domains[d] = g.domains[d]
	}
	g.top, g.domains = g.domains.String(), nil
}

// part returns the groups, without those beyond the limit.
func (j *judgement) part(limit int) *verdictPart {
	p := &verdictPart{limit: limit}
	for _, g := range j.groups {
		p.verdicts = append(p.verdicts, &machineVerdict{c: j.c, group: g, now: j.now})
	}
	p.sort()
	if limit > 0 {
		p.cut(limit)
	}
	for _, v := range p.verdicts {
		v.group.finish(j.now, j.conf)
	}
	return p
}

// describeGroup prints a group for a person.
func describeGroup(d *description, g *VerdictGroup, first bool, now int64) error {
	if !first {
		d.b.WriteByte('\n')
	}
	d.verdict(fmt.Sprintf("%s, %s: %s", g.Verdict, render.Plural(g.Count, "envelope"), g.Reason))
	d.prose("to", g.top)
	d.prose("oldest", render.Age(now-int64(g.Oldest)))
	for _, n := range g.Notes {
		d.prose("note", n)
	}
	if g.Command != "" {
		d.command("do", g.Command)
	}
	d.command("example", "explain "+g.Example)
	return d.print()
}
