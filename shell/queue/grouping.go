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

// A grouping is a field that show queue by tells envelopes apart by, under the name
// that was asked for.
type grouping struct {
	Name  string
	field *selector.Field
}

// is reports whether the grouping is by the field of a name.
func (g *grouping) is(name string) bool { return g.field.Name == name }

// A grouper puts envelopes into groups.
type grouper struct {
	by     *grouping
	now    int64
	most   int               // groups that are told apart
	groups map[string]*group // by what their envelopes have in common
	folded map[string]string // error lines, which come again and again, as patterns
	mail   *mailReader
}

// newGrouper returns a grouper for a grouping, which tells so many groups apart.
func newGrouper(ctx context.Context, c *command.Call, by *grouping, most int) *grouper {
	return &grouper{by: by, now: time.Now().Unix(), most: most, groups: map[string]*group{}, folded: map[string]string{}, mail: newMailReader(ctx, c)}
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

// add takes an envelope in.
func (g *grouper) add(e *protocol.Envelope) error {
	text := g.pattern(e)
	name, terms := text, []string(nil)
	switch grouping := g.by.field.Group; {
	case grouping.Mail != nil:
		var err error
		if name, terms, err = grouping.Mail(g.mail, e); err != nil {
			g.mail.failed(err)
			return g.mail.err
		}
	case !g.by.is("error"):
		name = grouping.Of(e, g.now)
	}
	g.find(e, name, terms).take(e, text, g.now)
	return nil
}

// find returns the group of a name that an envelope belongs to. The terms select it,
// if there are any.
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
		made.terms = g.by.field.Group.Terms(e)
	}
	g.groups[strings.Clone(key)] = made
	return made
}

// take counts an envelope, whose error has this pattern.
func (g *group) take(e *protocol.Envelope, text string, now int64) {
	g.count++
	g.oldest = min(g.oldest, e.Created)
	g.tries = max(g.tries, e.Retry)
	if text != "" && (len(g.errors) < maxGroupErrors || g.errors[text] > 0) {
		g.errors.Add(text)
	}
	g.ages[selector.AgeBucket(now-e.Created)]++
}

// sorted returns the groups, the largest first, or the oldest of ages.
func (g *grouper) sorted() []*group {
	sorted := make([]*group, 0, len(g.groups))
	for _, group := range g.groups {
		sorted = append(sorted, group)
	}
	slices.SortFunc(sorted, func(a, b *group) int {
		if g.by.is("age") {
			return cmp.Compare(b.oldest, a.oldest)
		}
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return sorted
}
