package shell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// idsFirst is how many ids are offered where terms could stand as well.
const idsFirst = 20

// selectorWords returns what can stand where a selector is typed: ids, terms, and
// what else the kind of argument takes.
func (l *live) selectorWords(kind string, path []string, prefix string) []completer.Suggestion {
	key, op, _, term := selector.Split(prefix)
	if term {
		return l.termValues(kind, key, op, prefix)
	}
	var out []completer.Suggestion
	switch kind {
	case "grouping":
		if len(path) == 3 || len(path) == 4 { // after show queue by, and one more
			for _, g := range groupings {
				if len(path) == 3 || g.name == "age" {
					out = append(out, completer.Suggestion{Text: g.name, Description: g.doc})
				}
			}
		}
	case "condition":
		out = append(out, completer.Suggestion{Text: "for", Description: "how long to wait, such as for 60s"})
	default:
		ids := l.ids("selector", path, prefix)
		out = ids[:min(len(ids), idsFirst)]
		if len(prefix) >= minIDDigits {
			out = ids
		}
	}
	words := out
	if kind != "grouping" && kind != "condition" {
		words = nil // what there is fits already
	} else {
		out = nil
	}
	for _, k := range selector.Keys {
		words = append(words, completer.Suggestion{Text: k.Name + "=", Description: k.Want + ": " + k.Doc})
	}
	if kind == "query" {
		words = append(words,
			completer.Suggestion{Text: "sort=", Description: "order: " + strings.Join(sortKeys(), ", ") + "; with - before it the reverse"},
			completer.Suggestion{Text: "limit=", Description: "show at most so many"})
	}
	for _, w := range words {
		if strings.HasPrefix(w.Text, prefix) {
			out = append(out, w)
		}
	}
	return out
}

// someTimes are offered where a time is wanted.
var someTimes = []string{"5m", "30m", "1h", "4h", "12h", "1d", "2d", "4d"}

// termValues returns what can stand after key= and the like, with the key.
func (l *live) termValues(kind, key, op, prefix string) []completer.Suggestion {
	var out []completer.Suggestion
	add := func(values []string) {
		for _, v := range values {
			out = append(out, completer.Suggestion{Text: key + op + v})
		}
	}
	switch i := slices.IndexFunc(selector.Keys, func(k selector.Key) bool { return k.Name == key }); {
	case kind == "query" && key == "sort":
		add(sortKeys())
		for _, k := range sortKeys() {
			if strings.Contains(prefix, "=-") {
				add([]string{"-" + k})
			}
		}
	case i < 0 || strings.HasSuffix(op, "~"):
	case len(selector.Keys[i].Values) > 0:
		add(selector.Keys[i].Values)
	case key == "older" || key == "newer" || key == "next":
		add(someTimes)
	case key == "tries":
		add([]string{"0", "1-", "3-", "10-"})
	default:
		live := l.get("term "+key, true, func(ctx context.Context, show func([]completer.Suggestion)) []completer.Suggestion {
			conn, err := l.s.dial(ctx, l.s.opts)
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

// valueOf returns what an envelope has for a key of a selector.
func valueOf(key string, e *protocol.Envelope) string {
	switch key {
	case "from":
		if e.Sender == (protocol.Address{}) {
			return "<>"
		}
		return e.Sender.String()
	case "to":
		return e.Dest.String()
	case "domain":
		return e.Dest.Domain
	case "error":
		return foldError(e.ErrorLine)
	case "host":
		return e.Hostname
	case "helo":
		return e.Helo
	case "user":
		return e.Username
	case "tag":
		return e.Tag
	case "src":
		if e.Source.Local {
			return "local"
		}
		if e.Source.Addr.IsValid() {
			return e.Source.Addr.String()
		}
	}
	return ""
}

// countValues looks through the queue for the values of a key, and returns those
// that come most often, as they are typed.
func countValues(ctx context.Context, conn *protocol.Conn, key string, show func([]completer.Suggestion)) []completer.Suggestion {
	all, failed := tops{}, tops{}
	looked, shown := 0, time.Now()
	result := func() []completer.Suggestion {
		var out []completer.Suggestion
		for _, v := range all.first(fetchItems) {
			text := count(all[v], "envelope")
			if n := failed[v]; n > 0 && key != "error" {
				text += fmt.Sprintf(", %d with errors", n)
			}
			out = append(out, completer.Suggestion{Text: typed(v), Description: text})
		}
		return out
	}
	for e, err := range conn.Envelopes(ctx) {
		if err != nil {
			break
		}
		if looked++; looked > maxSearched {
			break
		}
		if v := valueOf(key, e); v != "" {
			v = strings.Clone(strings.ToLower(v))
			all.add(v)
			if e.ErrorLine != "" {
				failed.add(v)
			}
		}
		if looked%256 == 0 && time.Since(shown) > showEvery {
			shown = time.Now()
			show(result())
		}
	}
	return result()
}

// typed makes of a value a glob that needs no quotes: a ? stands for each
// character that has a meaning of its own on a line. Only the null sender is
// quoted.
func typed(value string) string {
	if value == "<>" {
		return "'<>'"
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t'\"\\#;|<>&()`$!", r) {
			return '?'
		}
		return r
	}, render.Safe(value))
}
