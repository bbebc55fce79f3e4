package queue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// A grouping is a field by which show queue by groups envelopes, with the name that the
// user typed.
type grouping struct {
	Name  string
	field *selector.Field
}

// is reports whether the grouping uses the field of that name.
func (g *grouping) is(name string) bool { return g.field.Name == name }

// A grouper sorts envelopes into groups.
type grouper struct {
	by     *grouping
	server string // machine whose smtpd lists the envelopes
	now    int64
	most   int               // groups that are told apart
	groups map[string]*group // by what their envelopes have in common
	folded map[string]string // error lines, which come again and again, as patterns
	mail   *mailReader
}

// newGrouper returns a grouper that counts at most the given number of groups
// separately.
func newGrouper(ctx context.Context, c *command.Call, by *grouping, most int) *grouper {
	return &grouper{by: by, server: c.Server(), now: time.Now().Unix(), most: most, groups: map[string]*group{}, folded: map[string]string{}, mail: newMailReader(ctx, c)}
}

// pattern returns the pattern for the error line of an envelope.
func (g *grouper) pattern(e *protocol.Envelope) string {
	text, known := g.folded[e.ErrorLine]
	if !known {
		if len(g.folded) >= g.most {
			clear(g.folded)
		}
		text = selector.ErrorPattern(e.ErrorLine)
		g.folded[strings.Clone(e.ErrorLine)] = text
	}
	return text
}

// add takes an envelope in, and returns its group, nil if what its message holds is not
// known.
func (g *grouper) add(e *protocol.Envelope) (*group, error) {
	text := g.pattern(e)
	name, terms := text, []string(nil)
	switch grouping := g.by.field.Group; {
	case grouping.Mail != nil:
		var err error
		if name, terms, err = grouping.Mail(g.mail, e); err != nil {
			g.mail.failed(err)
			return nil, g.mail.err
		}
	case grouping.Server:
		name = g.server
	case !g.by.is("error"):
		name = grouping.Of(e, g.now)
	}
	found := g.find(e, name, terms)
	found.take(e, text, g.now)
	return found, nil
}

// find returns the group of that name for an envelope. terms, if any, select the group.
func (g *grouper) find(e *protocol.Envelope, name string, terms []string) *group {
	key := selector.Fold(g.by.field.Group.Key(e, name))
	if found := g.groups[key]; found != nil {
		return found
	}
	if len(g.groups) >= g.most {
		name, key = Others, Others
		if found := g.groups[key]; found != nil {
			return found
		}
	}
	made := &group{name: strings.Clone(name), oldest: e.Created, errors: Tops{}, ages: make([]int, len(selector.AgeBuckets))}
	switch {
	case name == Others:
	case terms != nil:
		made.terms = terms
	default:
		made.terms = g.by.field.GroupTerms(e)
	}
	g.groups[strings.Clone(key)] = made
	return made
}

// take counts an envelope whose error has the given pattern.
func (g *group) take(e *protocol.Envelope, text string, now int64) {
	g.count++
	g.oldest = min(g.oldest, e.Created)
	g.tries = max(g.tries, e.Retry)
	if text != "" && (len(g.errors) < maxGroupErrors || g.errors[text] > 0) {
		g.errors.Add(text)
	}
	g.ages[selector.AgeBucket(now-e.Created)]++
}

// sorted returns the groups, the largest first; groups of ages come by age.
func (g *grouper) sorted() []*group {
	sorted := make([]*group, 0, len(g.groups))
	for _, group := range g.groups {
		sorted = append(sorted, group)
	}
	slices.SortFunc(sorted, func(a, b *group) int {
		if g.by.is("age") {
			return cmp.Or(cmp.Compare(ageOf(a), ageOf(b)), cmp.Compare(a.server, b.server))
		}
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name), cmp.Compare(a.server, b.server))
	})
	return sorted
}

// ageOf returns the index of the age by which a group is named.
func ageOf(g *group) int {
	return slices.IndexFunc(g.ages, func(n int) bool { return n > 0 })
}
