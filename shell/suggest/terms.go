package suggest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// idsFirst is how many ids are offered at most where terms may be typed as well.
const idsFirst = 20

// selectorWords returns the words with which a selector can continue: terms, ids, and the
// other words of this kind of argument.
func (l *Live) selectorWords(kind string, path []string, prefix string) completer.Found {
	key, op, value, term := selector.Split(prefix)
	switch {
	case term:
		return l.termValues(kind, path, key, op, value)
	case len(path) > 0 && path[len(path)-1] == "for" && kind == "condition":
		return completer.Found{List: completer.Rank(waits, prefix)}
	}
	var out completer.Found
	words := append(l.termWords(kind, path), l.lastListing(kind, path)...)
	if kind != "held" && strings.HasPrefix(prefix, "@") {
		words = append(words, l.Selections...)
	}
	for _, w := range words {
		if w.Class = completer.Term; strings.HasPrefix(w.Text, prefix) {
			out.List = append(out.List, w)
		}
	}
	if name, ok := strings.CutPrefix(prefix, "header:"); ok && kind != "held" {
		out.List = append(out.List, headerNames(name)...)
	}
	if kind == "grouping" || kind == "condition" || kind == "held" {
		return out
	}
	ids := l.ids("selector", path, prefix)
	if over := len(ids.List) - idsFirst; over > 0 && len(prefix) < queue.MinIDDigits {
		ids.List = ids.List[:idsFirst]
		if ids.More >= 0 {
			ids.More += over
		}
	}
	out.List, out.More = append(out.List, ids.List...), ids.More
	return out
}

// lastListing returns the word that stands for the last listing, if it is allowed here.
func (l *Live) lastListing(kind string, path []string) []completer.Suggestion {
	if l.Last == nil || kind == "held" || kind == "logged" || kind == "grouping" && len(path) == 3 || slices.Contains(path, command.LastListing) ||
		l.offers(path) == command.OffersUnlisted || l.offers(path) == command.OffersNothing {
		return nil
	}
	last := l.Last()
	if _, err := last.IDs(); err != nil {
		return nil
	}
	return []completer.Suggestion{{Text: command.LastListing, Description: "the " + render.Plural(last.Count(), "envelope") + " that " + last.Name() + " showed"}}
}

// waits are suggested times after the word for.
var waits = []completer.Suggestion{{Text: "60s"}, {Text: "5m"}, {Text: "10m"}, {Text: "1h"}, {Text: "12h"}}

// waitFor is the word for, which comes before a time.
var waitFor = completer.Suggestion{Text: "for", Description: "how long to wait, such as for 60s", Class: completer.Term}

// settings returns the words NAME=VALUE that are no terms, of the command that begins with path
// and goes on with this kind of argument.
func (l *Live) settings(kind string, path []string) []*command.Setting {
	if l.Settings == nil {
		return nil
	}
	return l.Settings(kind, path)
}

// setting returns the setting with a name, nil if there is none.
func (l *Live) setting(kind string, path []string, name string) *command.Setting {
	for _, s := range l.settings(kind, path) {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// termWords returns the beginnings of terms, and the other words that this kind of argument
// takes in the same place.
func (l *Live) termWords(kind string, path []string) []completer.Suggestion {
	var words []completer.Suggestion
	switch kind {
	case "grouping":
		if len(path) == 3 || len(path) == 4 { // after show queue by, or one word later
			for _, g := range selector.Grouped() {
				if len(path) == 3 || g.Name == "age" || g.Group.Server {
					words = append(words, completer.Suggestion{Text: g.Name, Description: g.Group.Doc})
				}
			}
		}
	case "condition":
		words = append(words, waitFor)
	}
	var settings []completer.Suggestion
	for _, s := range l.settings(kind, path) {
		if s.Fits(path) {
			settings = append(settings, completer.Suggestion{Text: s.Word(), Description: s.Doc, Open: true})
		}
	}
	if kind == "query" {
		words, settings = append(words, settings...), nil
	}
	for _, k := range selector.Terms() {
		if kind == "held" && k.OfMail() {
			continue
		}
		text := k.Name + k.Ops()[:1]
		if k.Named {
			text = k.Name + ":"
		}
		words = append(words, completer.Suggestion{Text: text, Description: k.Want + ": " + k.Doc, Open: true})
	}
	return append(words, settings...)
}

// termValues returns the terms that begin with key, op and value, one for each known value.
func (l *Live) termValues(kind string, path []string, key, op, value string) completer.Found {
	var found completer.Found
	add := func(values []string) {
		for _, v := range values {
			found.List = append(found.List, completer.Suggestion{Text: v})
		}
	}
	regex := strings.HasSuffix(op, "~")
	setting := l.setting(kind, path, key)
	switch f := selector.Find(selector.Terms(), key); {
	case setting != nil && op == "=":
		for _, c := range setting.Offered(value) {
			found.List = append(found.List, completer.Suggestion{Text: c.Word, Description: c.Summary})
		}
	case f == nil || regex && !f.Regex:
	case len(f.Values) > 0:
		add(f.Values)
	case len(f.Some) > 0:
		add(f.Some)
	case l.offers(path) != command.OffersNothing:
		found = l.counted(path, key)
		if key == "dispatcher" && kind != "selector" && kind != "scheduled" {
			found = l.withActions(found)
		}
	}
	list := slices.Clone(found.List)
	for i := range list {
		if regex {
			list[i].Text = selector.Regexp(list[i].Text)
		}
	}
	list = completer.RankValues(list, value)
	for i := range list {
		list[i].Text, list[i].Class = key+op+list[i].Text, completer.Value
	}
	return completer.Found{List: list, More: found.More}
}

// headers are the names of header fields that are searched most often.
var headers = []string{
	"Authentication-Results", "Auto-Submitted", "Cc", "Content-Type", "Date", "DKIM-Signature", "Errors-To", "From", "In-Reply-To", "List-Id", "List-Unsubscribe",
	"Message-ID", "Precedence", "Received", "References", "Reply-To", "Return-Path", "Sender", "Subject", "To", "User-Agent", "X-Mailer", "X-Originating-IP",
	"X-PHP-Originating-Script", "X-Spam-Flag", "X-Spam-Status",
}

// headerNames returns the beginnings of terms for the header fields that begin with typed,
// ignoring case.
func headerNames(typed string) []completer.Suggestion {
	var out []completer.Suggestion
	for _, h := range headers {
		if len(typed) <= len(h) && strings.EqualFold(h[:len(typed)], typed) {
			out = append(out, completer.Suggestion{Text: "header:" + h + "~", Description: "what a " + h + " field of the message holds", Class: completer.Term, Open: true})
		}
	}
	return out
}

// withActions adds the actions of smtpd.conf to the values of dispatcher= that the queue has.
// A user may wait for, hold or search mail of an action before the queue has any.
func (l *Live) withActions(found completer.Found) completer.Found {
	if l.elsewhere() {
		return found
	}
	list := slices.Clone(found.List)
	for _, name := range slices.Sorted(maps.Keys(disk.ReadConf(l.conf()).Actions)) {
		text := selector.EscapeGlob(name)
		known := slices.ContainsFunc(found.List, func(s completer.Suggestion) bool { return selector.Fold(s.Text) == selector.Fold(text) })
		if known || name == "" || name != render.Safe(name) || strings.HasPrefix(name, "$") || len(list) >= valueItems {
			continue
		}
		list = append(list, completer.Suggestion{Text: text, Description: "action of smtpd.conf, no envelope has it"})
	}
	return completer.Found{List: list, More: found.More}
}

// counted returns the values of a key in the envelopes that match the terms in path.
func (l *Live) counted(path []string, key string) completer.Found {
	terms := termsIn(path)
	return l.get("term "+key+" "+terms.String(), true, func(ctx context.Context, host string, show func(completer.Found)) completer.Found {
		conn, err := l.dial(ctx, host)
		if err != nil {
			return completer.Found{}
		}
		return l.countValues(ctx, conn, key, terms, show)
	})
}

// termsIn returns the terms in path, except those that need the message itself and not only
// the envelope.
func termsIn(path []string) selector.Selector {
	var terms selector.Selector
	for _, w := range path {
		if t, err := selector.Parse(w); err == nil && !t.NeedsMail() {
			terms = append(terms, t)
		}
	}
	return terms
}

// A valueCount counts envelopes by the values of one key. Values that differ only in case are
// one value.
type valueCount struct {
	most        int               // how many values are told apart; the rest counts as one
	all, failed queue.Tops        // all envelopes and those with an error, by value in folded case
	spelt       map[string]string // the spelling of each value that came first
	lines       map[string]string // for the key error, one error line for each pattern
}

// maxOverlaps is how many patterns of errors are compared with each other at most.
const maxOverlaps = 2000

// add counts an envelope under each of its values of the key.
func (c *valueCount) add(key string, e *protocol.Envelope) {
	for _, v := range selector.Values(key, e) {
		spelt := v
		v = strings.Clone(selector.Fold(v))
		if _, known := c.all[v]; !known && len(c.all) >= c.most {
			v = queue.Others
		}
		c.all.Add(v)
		if _, known := c.spelt[v]; !known && len(c.spelt) < c.most && v != queue.Others {
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

// count returns how many envelopes a term with this value matches. A pattern of errors may
// also match lines that were counted under other patterns.
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

// How many values of a term are remembered and compared with the typed text. For errors it is
// fewer, since each pattern is compared with all others.
const (
	valueItems = 2000
	errorItems = fetchItems
)

// suggestions returns the values that match the most envelopes.
func (c *valueCount) suggestions() completer.Found {
	most := valueItems
	if len(c.lines) > 0 {
		most = errorItems
	}
	found := completer.Found{More: max(len(c.all)-most, 0)}
	for _, v := range c.all.First(most) {
		spelt, ok := c.spelt[v]
		if !ok {
			continue // the values beyond most, which are counted together
		}
		text := render.Plural(c.count(v), "envelope")
		if n := c.failed[v]; n > 0 {
			text += fmt.Sprintf(", %d with errors", n)
		}
		found.List = append(found.List, completer.Suggestion{Text: spelt, Description: text})
	}
	return found
}

// countValues looks through at most maxSearched envelopes of the queue, and returns the most
// frequent values of a key in those that match terms. Meanwhile it calls show with what it has
// so far. The values are escaped for a term, but not quoted.
func (l *Live) countValues(ctx context.Context, conn *protocol.Conn, key string, terms selector.Selector, show func(completer.Found)) completer.Found {
	counts := valueCount{most: queue.MaxTops / len(l.servers()), all: queue.Tops{}, failed: queue.Tops{}, spelt: map[string]string{}, lines: map[string]string{}}
	looked, shown := 0, time.Now()
	now := shown.Unix()
	for e, err := range conn.Envelopes(ctx) {
		if err != nil {
			break
		}
		if looked++; looked > maxSearched {
			break
		}
		if terms.Match(e, now) {
			counts.add(key, e)
		}
		if looked%256 == 0 && time.Since(shown) > showEvery {
			shown = time.Now()
			show(counts.suggestions())
		}
	}
	return counts.suggestions()
}
