package queue

import (
	"fmt"
	"strconv"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// A groupPart is the groups of one machine or, once parts have been joined, those of several.
// It implements command.Part.
type groupPart struct {
	by      []*grouping
	servers bool // each machine has groups of its own
	limit   int  // how many groups are shown, 0 for all
	groups  *grouper
	listed  []*listedGroups // of each machine
}

// Join implements command.Part: groups of the same envelopes are added up.
func (p *groupPart) Join(other command.Part) {
	o := other.(*groupPart)
	if p.servers {
		p.byServer()
		o.byServer()
	}
	p.listed = append(p.listed, o.listed...)
	into := p.groups.groups
	for key, g := range o.groups.groups {
		known := into[key]
		switch {
		case known != nil:
			known.join(g)
		case len(into) >= p.groups.most:
			rest := into[Others]
			if rest == nil {
				rest = sumGroups(Others, nil)
				into[Others] = rest
			}
			rest.join(g)
			rest.name, rest.terms, rest.server = Others, nil, ""
		default:
			into[key] = g
		}
	}
}

// byServer makes the name of the machine a part of the keys of its groups.
func (p *groupPart) byServer() {
	keyed := make(map[string]*group, len(p.groups.groups))
	for key, g := range p.groups.groups {
		if before := g.server + "\x00"; g.server != "" && !strings.HasPrefix(key, before) {
			key = before + key
		}
		keyed[key] = g
	}
	p.groups.groups = keyed
}

// join adds a group of envelopes that are alike in the same way. Of two spellings of the
// name the one that comes first in the alphabet stays.
func (g *group) join(o *group) {
	if g.count == 0 || o.oldest < g.oldest {
		g.oldest = o.oldest
	}
	if o.name < g.name {
		g.name, g.terms = o.name, o.terms
	}
	o.into = g
	g.count += o.count
	g.tries = max(g.tries, o.tries)
	for i, n := range o.ages {
		g.ages[i] += n
	}
	for text, n := range o.errors {
		if len(g.errors) < maxGroupErrors || g.errors[text] > 0 {
			g.errors[text] += n
		}
	}
}

// Print implements command.Part.
func (p *groupPart) Print(c *command.Call) error {
	sorted := p.groups.sorted()
	shown := sorted
	if p.limit > 0 && p.limit < len(sorted) {
		shown = sorted[:p.limit]
	}
	rest := sumGroups("", sorted[len(shown):])
	rest.name = fmt.Sprintf("(and %s)", render.Plural(len(sorted)-len(shown), "more group"))
	for _, l := range p.listed {
		l.done(shown)
	}
	return printGroups(c, p, shown, len(sorted)-len(shown), rest)
}

// A GroupJSON is a group in JSON. The name of the grouping is a key of its own.
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

// A ServerGroupJSON is a group of one machine in JSON, where each has groups of its own.
type ServerGroupJSON struct {
	Server string `json:"server"`
	GroupJSON
}

// record returns a group as a result.
func (g *group) record(p *groupPart) command.Record {
	by := p.by
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
	r := command.Record{JSON: j, Text: strings.Join(fields, "|") + "\n"}
	if p.servers {
		r.JSON = ServerGroupJSON{g.server, j}
		r.Text = g.server + ":" + r.Text
	}
	return r
}
