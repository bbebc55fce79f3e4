// Package completer says what can be typed next, from the tree of commands and
// from live values.
package completer

import (
	"slices"
	"sort"
	"strings"

	"github.com/sahilm/fuzzy"

	"smtpctl/completer/grammar"
)

// A Suggestion is a word that could replace the one before the cursor.
type Suggestion struct {
	Text        string
	Description string
	// Typed is how the word is typed, quoted where that is needed. Complete sets
	// it; where that is not so, it is empty.
	Typed string
	// Open says that more of the same word follows: in a folder, or after the key
	// of a term.
	Open bool
}

// A Source knows the values that arguments can have. It must answer at once,
// from what it knows so far.
type Source interface {
	// Values returns what an argument of this kind can be, given the beginning
	// of it and the words before it. The words are not quoted: a suggestion is
	// what the command is to get.
	Values(kind *grammar.Kind, path []string, prefix string) []Suggestion
}

// An Option is a flag that may stand anywhere in a line.
type Option struct {
	Name  string // with its dashes
	Value bool   // a word with its value follows
	Doc   string
	// Values are what the value can be, if that is known.
	Values []Suggestion
	// Kind, if not nil, is the kind of argument that the value is.
	Kind *grammar.Kind
}

// A Completer completes lines.
type Completer struct {
	Tree    *grammar.Tree
	Source  Source // may be nil
	Options []Option
}

// limit is the most suggestions that are returned: more than anybody reads, few
// enough to draw within the time of a key.
const limit = 50

// fuzzyLimit is the most words that are searched for scattered letters.
const fuzzyLimit = 10_000

// Complete returns what could stand at byte pos of line, the best first, and the
// word that it would replace.
func (c *Completer) Complete(line string, pos int) (list []Suggestion, word grammar.Word) {
	words, last, ok := grammar.Cursor(line[:min(max(pos, 0), len(line))])
	if !ok {
		return nil, last
	}
	for _, s := range c.suggest(words, last.Text) {
		s.Typed = last.Finish(s.Text, s.Open)
		list = append(list, s)
	}
	if len(list) == 1 && list[0].Typed == last.Raw {
		return nil, last // nothing is left to type
	}
	return list, last
}

// suggest returns what could stand after some words, and begins as last does.
func (c *Completer) suggest(words []string, last string) []Suggestion {
	words, value, ended := c.dropOptions(words)
	if value != nil {
		return c.optionValues(value, last)
	}
	if strings.HasPrefix(last, "-") && !ended {
		if name, typed, ok := strings.Cut(last, "="); ok {
			return c.attached(name, typed)
		}
		return c.options(last)
	}
	words = c.Tree.Inner(words)
	can, err := c.Tree.Next(words)
	if err != nil {
		return nil
	}
	var literals, values []Suggestion
	for _, n := range can.Next {
		if n.Kind == nil {
			literals = append(literals, Suggestion{Text: n.Word, Description: n.Summary})
		} else if c.Source != nil {
			values = append(values, c.Source.Values(n.Kind, can.Path, last)...)
		}
	}
	literals = Rank(literals, last)
	// What stands for everything never comes first, where a key too many would
	// choose it.
	everything := func(s Suggestion) bool { return s.Text == wordAll }
	if all := slices.IndexFunc(literals, everything); all >= 0 {
		if len(literals)+len(values) > 1 {
			values = append(slices.Clone(values[:min(len(values), limit-1)]), literals[all])
		}
		if len(literals)+len(values) > 1 || last == "" {
			literals = slices.DeleteFunc(slices.Clone(literals), everything)
		}
	}
	out := literals
	seen := map[string]bool{}
	for _, s := range out {
		seen[s.Text] = true
	}
	for _, s := range values {
		if !seen[s.Text] {
			seen[s.Text] = true
			out = append(out, s)
		}
	}
	return out[:min(len(out), limit)]
}

// wordAll is the word that stands for all envelopes or routes.
const wordAll = "all"

// dropOptions takes flags and their values out of the words, and returns
// the flag, if any, whose value follows, and whether a word -- has ended the
// flags.
func (c *Completer) dropOptions(words []string) (rest []string, value *Option, ended bool) {
	for i, w := range words {
		if value != nil {
			value = nil
			continue
		}
		if w == "--" {
			return append(rest, words[i+1:]...), nil, true
		}
		if strings.HasPrefix(w, "-") && len(w) > 1 {
			for i, o := range c.Options {
				if o.Name == w && o.Value {
					value = &c.Options[i]
				}
			}
			continue
		}
		rest = append(rest, w)
	}
	return rest, value, false
}

// optionValues returns what the value of a flag can be.
func (c *Completer) optionValues(o *Option, typed string) []Suggestion {
	if o.Kind != nil && c.Source != nil {
		out := c.Source.Values(o.Kind, nil, typed)
		return out[:min(len(out), limit)]
	}
	return Rank(o.Values, typed)
}

// attached returns what the value of a flag can be that is typed as NAME=VALUE.
func (c *Completer) attached(name, typed string) []Suggestion {
	var out []Suggestion
	for i, o := range c.Options {
		if o.Name != name || !o.Value {
			continue
		}
		for _, s := range c.optionValues(&c.Options[i], typed) {
			s.Text = name + "=" + s.Text
			out = append(out, s)
		}
	}
	return out
}

func (c *Completer) options(prefix string) []Suggestion {
	var out []Suggestion
	for _, o := range c.Options {
		if strings.HasPrefix(o.Name, prefix) && o.Name != prefix {
			out = append(out, Suggestion{Text: o.Name, Description: o.Doc})
		}
	}
	return out
}

// Rank returns the suggestions that fit what has been typed: those that begin
// with it, in their order, else those that begin with it but for the case of
// letters, else those that hold its letters in that order, the closest first.
func Rank(all []Suggestion, typed string) []Suggestion {
	var out, folded []Suggestion
	for _, s := range all {
		if strings.HasPrefix(s.Text, typed) {
			out = append(out, s)
		} else if len(s.Text) >= len(typed) && strings.EqualFold(s.Text[:len(typed)], typed) {
			folded = append(folded, s)
		}
	}
	if len(out) == 0 {
		out = folded
	}
	if len(out) > 0 || typed == "" || len(all) > fuzzyLimit {
		sort.SliceStable(out, func(i, j int) bool { return out[i].Text == typed && out[j].Text != typed })
		return out
	}
	for _, m := range fuzzy.FindFrom(typed, suggestions(all)) {
		out = append(out, all[m.Index])
	}
	return out
}

// suggestions lets the fuzzy package search.
type suggestions []Suggestion

func (s suggestions) String(i int) string { return s[i].Text }
func (s suggestions) Len() int            { return len(s) }
