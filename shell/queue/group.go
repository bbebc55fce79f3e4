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

// groupWords are the words of groupings, for completion.
func groupWords() []grammar.Candidate {
	var out []grammar.Candidate
	for _, g := range selector.Grouped() {
		out = append(out, grammar.Candidate{Word: g.Name, Summary: g.Group.Doc})
	}
	return out
}

// groupNames lists the names of groupings for a sentence.
func groupNames() string {
	names := selector.Names(selector.Grouped())
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// parseGrouping reads one word after show queue by: a grouping, or one of a
// selector.
func parseGrouping(word string) (any, error) {
	if _, _, _, term := selector.Split(word); term || word == "-" || protocol.IsHex(word) && len(word) >= 8 {
		return parseQuery(word)
	}
	fields := selector.Grouped()
	if f := selector.Find(fields, word); f != nil {
		return &grouping{word, f}, nil
	}
	c, err := grammar.Pick(word, groupWords())
	if err != nil {
		return nil, fmt.Errorf("want %s, and then terms", groupNames())
	}
	return &grouping{c.Word, selector.Find(fields, c.Word)}, nil
}

// groupingsOf returns by what the arguments of a call group.
func groupingsOf(c *command.Call) []*grouping {
	var out []*grouping
	for _, a := range c.Args {
		if g, ok := a.Value.(*grouping); ok {
			out = append(out, g)
		}
	}
	return out
}

// checkGroups refuses groupings that are not made.
func checkGroups(c *command.Call) error {
	by := groupingsOf(c)
	switch {
	case len(by) == 0:
		return command.Usagef("%s: want %s first", command.PathOf(c), groupNames())
	case len(by) > 2 || len(by) == 2 && (!by[1].is("age") || by[0].is("age")):
		return command.Usagef("%s: want one grouping, or age after another for a table of ages", command.PathOf(c))
	}
	if c.Flag(followFlag) != "" {
		return command.Usagef("%s: --follow goes with show queue without by", command.PathOf(c))
	}
	if err := CheckUnsorted(c, "groups come by their size"); err != nil {
		return err
	}
	return CheckSelection(c)
}

// A group is what envelopes that are alike have in common.
type group struct {
	name   string
	terms  []string // that select it
	count  int
	oldest int64 // when it was created
	tries  int   // most
	errors Tops
	ages   []int // by bucket
}

// maxGroups bounds how many groups are told apart.
const maxGroups = 100_000

// maxGroupErrors bounds how many kinds of error are told apart in one group.
const maxGroupErrors = 50

// runShowGroups summarises the queue, or what is selected of it.
func runShowGroups(ctx context.Context, c *command.Call) error {
	by := groupingsOf(c)
	sel := selectionIn(c)
	limit := sel.limit
	sel.limit = 0
	groups := newGrouper(ctx, c, by[0], maxGroups)
	n, err := eachSelected(ctx, c, sel, groups.now, func(e *protocol.Envelope, _ bool) (bool, error) {
		err := groups.add(e)
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
	sorted := groups.sorted()
	shown := sorted
	if limit > 0 && limit < len(sorted) {
		shown = sorted[:limit]
	}
	rest := sumGroups("", sorted[len(shown):])
	rest.name = fmt.Sprintf("(and %s)", render.Plural(len(sorted)-len(shown), "more group"))
	if perr := printGroups(c, by, shown, len(sorted)-len(shown), rest, groups.now); perr != nil {
		return perr
	}
	return err
}

// sumGroups adds groups up to one.
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

// A GroupJSON is a group as JSON shows it. The name of the grouping is a key of
// its own.
type GroupJSON struct {
	By     string         `json:"by"`
	Name   string         `json:"name"`
	Count  int            `json:"count"`
	Oldest render.Time    `json:"oldest,omitempty"`
	Tries  int            `json:"tries"`
	Errors map[string]int `json:"errors,omitempty"`
	Ages   map[string]int `json:"ages,omitempty"`
	Select string         `json:"select,omitempty"` // terms that select the group, as they are typed
}

// printGroups prints groups. Those that limit= leaves out, as many as left, are
// summed up in rest: in a table by a row, else on standard error, since a line of
// the results is a group.
func printGroups(c *command.Call, by []*grouping, groups []*group, left int, rest *group, now int64) error {
	all := command.Record{
		Parts: func(yield func(command.Record, error) bool) {
			for _, g := range groups {
				if !yield(g.record(by), nil) {
					return
				}
			}
		},
		Table: func() error {
			if left > 0 {
				groups = append(groups[:len(groups):len(groups)], rest)
			}
			return tableGroups(c, by, groups, now)
		},
	}
	if left > 0 {
		all.Omitted = fmt.Sprintf("smtpctl: limit= leaves out %s, of %s", render.Plural(left, "group"), render.Plural(rest.count, "envelope"))
	}
	return c.Print(all)
}

// record returns a group as a result.
func (g *group) record(by []*grouping) command.Record {
	j := GroupJSON{By: by[0].Name, Name: g.name, Select: g.selection(), Count: g.count, Oldest: render.Time(g.oldest), Tries: g.tries}
	fields := []string{strconv.Itoa(g.count), strconv.FormatInt(g.oldest, 10), strconv.Itoa(g.tries), g.plain()}
	single := by[0].is("error") // each group has one error then
	if !single && len(g.errors) > 0 {
		j.Errors = g.errors
	}
	switch {
	case len(by) == 2:
		j.Ages = map[string]int{}
		fields = []string{strconv.Itoa(g.count)}
		for i, b := range selector.AgeBuckets {
			j.Ages[b.Name] = g.ages[i]
			fields = append(fields, strconv.Itoa(g.ages[i]))
		}
		fields = append(fields, g.plain())
	case !single:
		for _, text := range g.errors.First(1) {
			fields = append(fields, strconv.Itoa(g.errors[text]), plainField(text))
		}
	}
	return command.Record{JSON: j, Text: strings.Join(fields, "|") + "\n"}
}

// plain returns the name in a line of fields: what can be given after the = of a
// term to select the group, if one term does that.
func (g *group) plain() string {
	if len(g.terms) == 1 {
		if _, op, value, ok := selector.Split(g.terms[0]); ok && op == "=" {
			return plainField(value)
		}
	}
	return plainField(selector.EscapeGlob(g.name))
}

// plainField returns a pattern for a line of fields that are split by |.
func plainField(pattern string) string { return strings.ReplaceAll(pattern, "|", `\x7c`) }

// selection returns the terms that select the group as they are typed on a line.
func (g *group) selection() string {
	words := make([]string, len(g.terms))
	for i, t := range g.terms {
		words[i] = grammar.Quote(t)
	}
	return strings.Join(words, " ")
}

// maxFitted is by how many groups the widths of columns are chosen.
const maxFitted = 1000

// tableGroups prints groups as a table with their sum.
func tableGroups(c *command.Call, by []*grouping, groups []*group, now int64) error {
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
	t := render.NewTable(style, c.Width(), cols)
	sum := sumGroups("total", groups)
	row := func(g *group) []string {
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
