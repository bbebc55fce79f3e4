// Package completer says what can be typed next, from the tree of commands and
// from live values.
package completer

import (
	"sort"
	"strings"

	"github.com/sahilm/fuzzy"

	"smtpctl/completer/grammar"
)

// A Suggestion is a word that could replace the one before the cursor.
type Suggestion struct {
	Text        string
	Description string
}

// A Source knows the values that arguments can have. It must answer at once,
// from what it knows so far.
type Source interface {
	// Values returns what an argument of this kind can be, given the beginning
	// of it and the words before it.
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

// Complete returns what could stand at byte pos of line, the best first.
func (c *Completer) Complete(line string, pos int) []Suggestion {
	words, last, ok := split(line[:min(max(pos, 0), len(line))])
	if !ok {
		return nil
	}
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
	words = c.inner(words)
	can, err := c.Tree.Next(words)
	if err != nil {
		return nil
	}
	var literals, values []Suggestion
	for _, n := range can.Next {
		if n.Kind == nil {
			literals = append(literals, Suggestion{n.Word, n.Summary})
		} else if c.Source != nil {
			values = append(values, c.Source.Values(n.Kind, can.Path, last)...)
		}
	}
	out := Rank(literals, last)
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
	if len(out) == 1 && out[0].Text == last && len(literals) > 0 {
		return nil // nothing left to type
	}
	return out[:min(len(out), limit)]
}

// inner takes off the words before a command that stands inside another: help
// and watch take the words of one, and watch a number before it.
func (c *Completer) inner(words []string) []string {
	if len(words) == 0 {
		return words
	}
	can, err := c.Tree.Next(words[:1])
	if err != nil || len(can.Path) == 0 {
		return words
	}
	switch can.Path[0] {
	case "help":
		return words[1:]
	case "watch":
		words = words[1:]
		if len(words) > 0 && strings.Trim(words[0], "0123456789.") == "" {
			words = words[1:]
		}
	}
	return words
}

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
			out = append(out, Suggestion{o.Name, o.Doc})
		}
	}
	return out
}

// Rank returns the suggestions that fit what has been typed: those that begin
// with it, in their order, else those that hold its letters in that order, the
// closest first.
func Rank(all []Suggestion, typed string) []Suggestion {
	var out []Suggestion
	for _, s := range all {
		if strings.HasPrefix(s.Text, typed) {
			out = append(out, s)
		}
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

// split cuts the part of a line before the cursor into the whole words of the
// last command in it and the word being typed. It is not ok inside quotes and
// comments, where there is nothing to complete, nor in a word that has quotes.
func split(text string) (words []string, last string, ok bool) {
	var word strings.Builder
	inWord, escaped, quoted := false, false, false
	var quote rune
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord, quoted = r, true, true
		case r == ';':
			words, inWord, quoted = nil, false, false
			word.Reset()
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord, quoted = false, false
		case r == '#' && !inWord:
			return nil, "", false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	return words, word.String(), quote == 0 && !quoted
}
