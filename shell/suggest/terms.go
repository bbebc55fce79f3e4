package suggest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// idsFirst is how many ids are offered where terms could stand as well.
const idsFirst = 20

// selectorWords returns what can stand where a selector is typed: ids, terms, and
// what else the kind of argument takes.
func (l *Live) selectorWords(kind string, path []string, prefix string) []completer.Suggestion {
	key, op, _, term := selector.Split(prefix)
	if term {
		return l.termValues(kind, path, key, op, prefix)
	}
	var out []completer.Suggestion
	switch kind {
	case "grouping":
		if len(path) == 3 || len(path) == 4 { // after show queue by, and one more
			for _, g := range selector.Grouped() {
				if len(path) == 3 || g.Name == "age" {
					out = append(out, completer.Suggestion{Text: g.Name, Description: g.Group.Doc})
				}
			}
		}
	case "condition":
		out = append(out, completer.Suggestion{Text: "for", Description: "how long to wait, such as for 60s"})
	default:
		ids := l.ids("selector", path, prefix)
		out = ids[:min(len(ids), idsFirst)]
		if len(prefix) >= queue.MinIDDigits {
			out = ids
		}
	}
	words := out
	if kind != "grouping" && kind != "condition" {
		words = nil // what there is fits already
	} else {
		out = nil
	}
	for _, k := range selector.Terms() {
		text := k.Name + k.Ops()[:1]
		if k.Named {
			text = k.Name + ":"
		}
		words = append(words, completer.Suggestion{Text: text, Description: k.Want + ": " + k.Doc, Open: true})
	}
	if kind == "scheduled" {
		words = append(words,
			completer.Suggestion{Text: "batch=", Description: "so many at a time, the next when these are through", Open: true},
			completer.Suggestion{Text: "rate=", Description: "so many in a time, such as 50/1m", Open: true},
			completer.Suggestion{Text: "stop=", Description: "stop when that share of the attempts fails, such as 50%", Open: true})
	}
	if kind == "query" {
		words = append(words,
			completer.Suggestion{Text: "sort=", Description: "order: " + strings.Join(queue.SortKeys(), ", ") + "; with - before it the reverse", Open: true},
			completer.Suggestion{Text: "limit=", Description: "show at most so many", Open: true})
	}
	for _, w := range words {
		if strings.HasPrefix(w.Text, prefix) {
			out = append(out, w)
		}
	}
	return out
}

// termValues returns what can stand after key= and the like, with the key.
func (l *Live) termValues(kind string, path []string, key, op, prefix string) []completer.Suggestion {
	var out []completer.Suggestion
	add := func(values []string) {
		for _, v := range values {
			out = append(out, completer.Suggestion{Text: key + op + v})
		}
	}
	switch f := selector.Find(selector.Terms(), key); {
	case kind == "query" && key == "sort":
		add(queue.SortKeys())
		for _, k := range queue.SortKeys() {
			if strings.Contains(prefix, "=-") {
				add([]string{"-" + k})
			}
		}
	case f == nil || strings.HasSuffix(op, "~"):
	case len(f.Values) > 0:
		add(f.Values)
	case len(f.Some) > 0:
		add(f.Some)
	case l.offers(path) != command.OffersNothing:
		live := l.get("term "+key, true, func(ctx context.Context, show func([]completer.Suggestion)) []completer.Suggestion {
			conn, err := l.dial(ctx)
			if err != nil {
				return nil
			}
			return countValues(ctx, conn, key, show)
		})
		for _, s := range live {
			s.Text = key + op + s.Text
			out = append(out, s)
		}
	}
	return completer.Rank(out, prefix)
}

// A valueCount counts envelopes by the values of a term that select them. Values
// that differ by the case of letters only are the same.
type valueCount struct {
	all, failed queue.Tops        // by folded value
	spelt       map[string]string // as the first of them is written
	lines       map[string]string // for error=, a line of each pattern
}

// maxOverlaps is how many patterns of errors are compared with each other.
const maxOverlaps = 2000

// add counts an envelope.
func (c *valueCount) add(key string, e *protocol.Envelope) {
	for _, v := range selector.Values(key, e) {
		spelt := v
		v = strings.Clone(selector.Fold(v))
		c.all.Add(v)
		if _, known := c.spelt[v]; !known && len(c.spelt) < queue.MaxTops {
			c.spelt[v] = strings.Clone(spelt)
		}
		if key == "error" {
			if _, known := c.lines[v]; !known && len(c.lines) <= maxOverlaps {
				c.lines[v] = strings.Clone(e.ErrorLine)
			}
		} else if e.ErrorLine != "" {
			c.failed.Add(v)
		}
	}
}

// count returns how many envelopes a value selects. A pattern of errors may match
// the lines of others too.
func (c *valueCount) count(value string) int {
	n := c.all[value]
	if len(c.lines) <= maxOverlaps {
		matches := selector.Glob(value)
		for other, line := range c.lines {
			if other != value && matches(line) {
				n += c.all[other]
			}
		}
	}
	return n
}

// suggestions returns the values that select the most envelopes.
func (c *valueCount) suggestions() []completer.Suggestion {
	var out []completer.Suggestion
	for _, v := range c.all.First(fetchItems) {
		spelt, ok := c.spelt[v]
		if !ok {
			continue // those beyond the bound, counted together
		}
		text := render.Plural(c.count(v), "envelope")
		if n := c.failed[v]; n > 0 {
			text += fmt.Sprintf(", %d with errors", n)
		}
		out = append(out, completer.Suggestion{Text: spelt, Description: text})
	}
	return out
}

// countValues looks through the queue for the values of a key, and returns those
// that come most often, as they are typed but for quotes.
func countValues(ctx context.Context, conn *protocol.Conn, key string, show func([]completer.Suggestion)) []completer.Suggestion {
	counts := valueCount{all: queue.Tops{}, failed: queue.Tops{}, spelt: map[string]string{}, lines: map[string]string{}}
	looked, shown := 0, time.Now()
	for e, err := range conn.Envelopes(ctx) {
		if err != nil {
			break
		}
		if looked++; looked > maxSearched {
			break
		}
		counts.add(key, e)
		if looked%256 == 0 && time.Since(shown) > showEvery {
			shown = time.Now()
			show(counts.suggestions())
		}
	}
	return counts.suggestions()
}
