package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// groupWords returns the names of groupings for completion.
func groupWords() []grammar.Candidate {
	var out []grammar.Candidate
	for _, g := range selector.Grouped() {
		out = append(out, grammar.Candidate{Word: g.Name, Summary: g.Group.Doc})
	}
	return out
}

// groupNames lists the names of groupings for a sentence.
func groupNames() string { return render.AnyOf(selector.Names(selector.Grouped())) }

// parseGrouping parses one word after show queue by: a grouping or a term.
func parseGrouping(word string) (any, error) {
	if _, _, _, term := selector.Split(word); term || word == "-" || isLast(word) || CarriesHost(word) || protocol.IsHex(word) && len(word) >= 8 {
		return parseQuery(word)
	}
	fields := selector.Grouped()
	if f := selector.Find(fields, word); f != nil {
		return &grouping{word, f}, nil
	}
	c, err := grammar.Pick(word, groupWords())
	if err != nil {
		return nil, fmt.Errorf("expected %s, and then terms", groupNames())
	}
	return &grouping{c.Word, selector.Find(fields, c.Word)}, nil
}

// groupingsOf returns the groupings among the arguments of a call.
func groupingsOf(c *command.Call) []*grouping {
	var out []*grouping
	for _, a := range c.Args {
		if g, ok := a.Value.(*grouping); ok {
			out = append(out, g)
		}
	}
	return out
}

// checkGroups refuses combinations of groupings that are not supported.
func checkGroups(c *command.Call) error {
	by, _ := groupedBy(c)
	switch {
	case len(by) == 0:
		return command.Usagef("%s: expected %s first", command.PathOf(c), groupNames())
	case len(by) > 2 || len(by) == 2 && (!by[1].is("age") || by[0].is("age")):
		return command.Usagef("%s: expected one grouping, or age after another for a table of ages; server may come last, for a group of each machine", command.PathOf(c))
	}
	if c.Flag(followFlag) != "" {
		return command.Usagef("%s: --follow works only with show queue, without by", command.PathOf(c))
	}
	if err := CheckUnsorted(c, "groups come by their size"); err != nil {
		return err
	}
	return CheckSelection(c)
}

// groupedBy returns the groupings by which a call groups; servers says that server comes
// after them, so that each machine has groups of its own.
func groupedBy(c *command.Call) (by []*grouping, servers bool) {
	by = groupingsOf(c)
	if last := len(by) - 1; last > 0 && by[last].field.Group.Server && !by[0].field.Group.Server {
		return by[:last], true
	}
	return by, false
}

// A group counts envelopes that are alike in the grouping.
type group struct {
	name   string
	server string   // the machine that it is of, where each has groups of its own
	terms  []string // that select it
	into   *group   // the group of several machines that it was joined with
	count  int
	oldest int64 // when it was created
	tries  int   // most
	errors Tops
	ages   []int // by bucket
}

// maxGroups is how many groups are counted separately.
const maxGroups = 100_000

// maxGroupErrors is how many kinds of error are counted separately in one group.
const maxGroupErrors = 50

// runShowGroups counts the selected envelopes by group.
func runShowGroups(ctx context.Context, c *command.Call) error {
	ctx = withAhead(ctx, c)
	by, servers := groupedBy(c)
	sel := selectionIn(c)
	limit := sel.limit
	sel.limit = 0
	groups := newGrouper(ctx, c, by[0], maxGroups)
	listed := &listedGroups{limited: limit > 0, listing: c.Listing}
	n, err := eachSelected(ctx, c, sel, groups.now, func(e *protocol.Envelope, _ bool) (bool, error) {
		group, err := groups.add(e)
		if group != nil && c.Listing != nil {
			listed.take(e.ID, group)
		}
		return err == nil, err
	})
	if err == nil {
		if err = groups.mail.finish(ctx, c.Linked()); err != nil {
			return fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
	}
	if err != nil && n == 0 {
		return err
	}
	if servers {
		for _, g := range groups.groups {
			g.server = groups.server
		}
	}
	part := &groupPart{by: by, servers: servers, limit: limit, groups: groups, listed: []*listedGroups{listed}}
	if perr := c.PrintPart(part); perr != nil {
		return perr
	}
	return err
}

// sumGroups adds up groups.
func sumGroups(name string, groups []*group) *group {
	sum := &group{name: name, errors: Tops{}, ages: make([]int, len(selector.AgeBuckets))}
	for _, g := range groups {
		if sum.count == 0 || g.oldest < sum.oldest {
			sum.oldest = g.oldest
		}
		sum.count += g.count
		sum.tries = max(sum.tries, g.tries)
		for i, n := range g.ages {
			sum.ages[i] += n
		}
	}
	return sum
}

// printGroups prints groups. The left groups that limit= leaves out are summed up in
// rest: a table shows them as a row; other formats report them on standard error,
// because each line of results is one group.
func printGroups(c *command.Call, p *groupPart, groups []*group, left int, rest *group) error {
	all := command.Record{
		Parts: func(yield func(command.Record, error) bool) {
			for _, g := range groups {
				if !yield(g.record(p), nil) {
					return
				}
			}
		},
		Table: func() error {
			if left > 0 {
				groups = append(groups[:len(groups):len(groups)], rest)
			}
			return tableGroups(c, p, groups)
		},
	}
	if left > 0 {
		all.Omitted = fmt.Sprintf("smtpctl: limit= leaves out %s, of %s", render.Plural(left, "group"), render.Plural(rest.count, "envelope"))
	}
	return c.Print(all)
}

// plain returns the name of the group in a line of fields: the value for the term that
// selects the group, if one term does so.
func (g *group) plain() string {
	if len(g.terms) == 1 {
		if _, op, value, ok := selector.Split(g.terms[0]); ok && op == "=" {
			return plainField(value)
		}
	}
	return plainField(selector.EscapeGlob(g.name))
}

// plainField returns a pattern for a line of fields that are separated by |.
func plainField(pattern string) string { return strings.ReplaceAll(pattern, "|", `\x7c`) }

// selection returns the terms that select the group, as they can be typed on a line.
func (g *group) selection() string {
	words := make([]string, len(g.terms))
	for i, t := range g.terms {
		words[i] = grammar.Quote(t)
	}
	return strings.Join(words, " ")
}

// maxFitted is how many groups determine the widths of columns.
const maxFitted = 1000

// tableGroups prints groups as a table with their total.
func tableGroups(c *command.Call, p *groupPart, groups []*group) error {
	by, now := p.by, p.groups.now
	style := c.Out.Style
	name := render.Column{Head: strings.ToUpper(by[0].Name), Cut: render.CutAddress}
	if by[0].is("error") {
		name.Cut = render.CutText
	}
	cols := []render.Column{{Head: "COUNT", Right: true}, {Head: "OLDEST", Right: true}, {Head: "TRIES", Right: true}, name}
	if len(by) == 2 {
		cols = []render.Column{name, {Head: "TOTAL", Right: true}}
		for _, b := range selector.AgeBuckets {
			cols = append(cols, render.Column{Head: b.Name, Right: true})
		}
	} else if !by[0].is("error") {
		cols = append(cols, render.Column{Head: "MOST FREQUENT ERROR", Cut: render.CutText,
			Paint: func(style render.Style, _ string) func(string) string { return style.Bad }})
	}
	if p.servers {
		cols = append([]render.Column{{Head: "SERVER", Cut: render.CutNever}}, cols...)
	}
	t := render.NewTable(style, c.Width(), cols)
	sum := sumGroups("total", groups)
	own := func(g *group) []string {
		if len(by) == 2 {
			cells := []string{g.name, strconv.Itoa(g.count)}
			for _, n := range g.ages {
				cells = append(cells, strconv.Itoa(n))
			}
			return cells
		}
		oldest := ""
		if g.count > 0 {
			oldest = render.Age(now - g.oldest)
		}
		name := g.name
		if name == "" {
			name = by[0].field.Group.None
		}
		cells := []string{strconv.Itoa(g.count), oldest, strconv.Itoa(g.tries), name}
		if !by[0].is("error") {
			cells = append(cells, strings.Join(g.errors.First(1), ""))
		}
		return cells
	}
	row := func(g *group) []string {
		if p.servers {
			return append([]string{g.server}, own(g)...)
		}
		return own(g)
	}
	fitted := [][]string{row(sum)}
	for _, g := range groups[:min(len(groups), maxFitted)] {
		fitted = append(fitted, row(g))
	}
	t.Fit(fitted)
	b := t.AppendHeader(nil)
	for _, g := range groups {
		b = t.AppendRow(b, row(g), nil)
	}
	b = t.AppendRow(b, row(sum), style.Bold)
	_, err := c.Out.WriteStyled(b)
	return err
}
