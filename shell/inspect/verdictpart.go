package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// maxVerdictsAcross is how many groups of all machines together are kept.
const maxVerdictsAcross = maxVerdicts

// A verdictPart is what explain finds on one machine or, once parts have been joined, on
// several. It implements command.Part.
type verdictPart struct {
	limit    int // how many groups are shown, 0 for all
	verdicts []*machineVerdict
	left     int // groups beyond the limit
	leftOf   int // envelopes that those are of
}

// A machineVerdict is a result of one machine: of an envelope or of a group.
type machineVerdict struct {
	c     *command.Call // of the machine
	one   *Verdict      // nil if there is none
	gone  error         // that the machine does not have the envelope; nil if it has
	group *VerdictGroup
	now   int64 // on which the group is based
}

// newVerdictPart returns the verdict of one envelope, or that the machine of a call does not
// have it.
func newVerdictPart(c *command.Call, v *Verdict, gone error) *verdictPart {
	return &verdictPart{verdicts: []*machineVerdict{{c: c, one: v, gone: gone}}}
}

// Join implements command.Part.
func (p *verdictPart) Join(other command.Part) {
	o := other.(*verdictPart)
	p.verdicts, p.left, p.leftOf = append(p.verdicts, o.verdicts...), p.left+o.left, p.leftOf+o.leftOf
	if len(p.verdicts) > 2*maxVerdictsAcross {
		p.sort()
		p.cut(maxVerdictsAcross)
	}
}

// sort puts groups in the order in which they are shown, the largest first.
func (p *verdictPart) sort() {
	slices.SortStableFunc(p.verdicts, func(a, b *machineVerdict) int {
		if a.group == nil || b.group == nil {
			return 0
		}
		return cmp.Or(cmp.Compare(b.group.Count, a.group.Count), cmp.Compare(a.group.Verdict, b.group.Verdict), cmp.Compare(a.group.Reason, b.group.Reason))
	})
}

// cut leaves out all groups but the first.
func (p *verdictPart) cut(most int) {
	for _, v := range p.verdicts[min(most, len(p.verdicts)):] {
		if v.group != nil {
			p.left, p.leftOf = p.left+1, p.leftOf+v.group.Count
		}
	}
	p.verdicts = p.verdicts[:min(most, len(p.verdicts))]
}

// Print implements command.Part. Of several machines each line of text has the name of one
// before it. An envelope is one that a machine does not have only if no machine has it.
func (p *verdictPart) Print(c *command.Call) error {
	hosts := strings.Split(c.Opts.Host, ",")
	var g *command.Gatherer
	if len(hosts) > 1 {
		g = command.NewGatherer(c, "server")
	}
	slices.SortStableFunc(p.verdicts, func(a, b *machineVerdict) int {
		return cmp.Compare(slices.Index(hosts, a.c.Server()), slices.Index(hosts, b.c.Server()))
	})
	p.sort()
	if p.limit > 0 {
		p.cut(p.limit)
	}
	gone := p.gone(g != nil)
	for i, v := range p.verdicts {
		if v.group == nil && v.one == nil || gone == nil && v.gone != nil {
			continue
		}
		if err := v.print(c, g, i == 0); err != nil {
			return err
		}
	}
	if g != nil {
		if err := g.EndRecords(); err != nil {
			return err
		}
	}
	if p.left > 0 {
		c.Warnf("smtpctl: limit= leaves out %s, of %s", render.Plural(p.left, "verdict"), render.Plural(p.leftOf, "envelope"))
	}
	if len(p.verdicts) == 0 && p.left == 0 {
		c.Warnf("smtpctl: no envelope in the queue is selected: there is nothing to explain")
	}
	return gone
}

// gone returns the error for an envelope that none of the machines which could say has, or nil.
// If there may be several, the error names them.
func (p *verdictPart) gone(several bool) error {
	var names []string
	for _, v := range p.verdicts {
		if v.gone == nil {
			return nil
		}
		names = append(names, v.c.Server())
	}
	switch {
	case len(names) == 0:
		return nil
	case !several:
		return p.verdicts[0].gone
	}
	return fmt.Errorf("%s: %w of %s", command.PathOf(p.verdicts[0].c), queue.ErrNoSuchID, command.BoundNames(names))
}

// print prints a verdict, into the list of all machines if g is not nil.
func (v *machineVerdict) print(c *command.Call, g *command.Gatherer, first bool) error {
	r := command.Record{JSON: v.one, Lines: func() error { return describeVerdict(newDescription(c, v.c), v.one) }}
	if v.group != nil {
		r = command.Record{JSON: v.group, Lines: func() error { return describeGroup(newDescription(c, v.c), v.group, first, v.now) }}
	}
	if g != nil {
		return g.Record(v.c.Server(), r)
	}
	return c.Print(r)
}
