// Package completer says what can be typed next, from the tree of commands and
// from live values.
package completer

import (
	"slices"
	"strings"

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
	// Class orders suggestions: all of one class come before those of the next.
	Class Class
}

// A Class is a kind of suggestion.
type Class int

// The classes, in the order in which they are offered.
const (
	Word   Class = iota // a word of a command
	Term                // what begins a term
	Value               // what an argument can be
	ID                  // the id of an envelope or message
	phrase              // several words of a command: the only ones there are then
)

// Found is what a Source knows.
type Found struct {
	List []Suggestion
	More int // how many more there are than in the list; below 0 if nobody knows
}

// A Source knows the values that arguments can have. It must answer at once,
// from what it knows so far.
type Source interface {
	// Values returns what an argument of this kind can be, given the beginning
	// of it and the words before it. The words are not quoted: a suggestion is
	// what the command is to get.
	Values(kind *grammar.Kind, path []string, prefix string) Found
}

// An Option is a flag that may stand anywhere in a line.
type Option struct {
	Name  string // with its dashes
	Value bool   // a word with its value follows
	Doc   string
	// Own says that only some commands have it: it is offered before the others.
	Own bool
	// Fits, if not nil, reports whether it can be of use after these words of a
	// command, which are whole.
	Fits func(path []string) bool
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
	// Allowed, if not nil, reports whether the command of a rule could succeed in
	// this line, of which words come before the cursor, inside the command whose
	// words are outer, if there are any.
	Allowed func(words, outer []string, rule int) bool
	// Redirects says that the output may go to files and programs.
	Redirects bool
}

// limit is the most suggestions that are returned: more than anybody reads, few
// enough to draw within the time of a key.
const limit = 50

// fuzzyLimit is the most words that are searched for scattered letters.
const fuzzyLimit = 10_000

// A Completion is what could stand in a place.
type Completion struct {
	List []Suggestion // the best first
	Word grammar.Word // the word that it would replace
	More int          // how many more there are; below 0 if nobody knows
}

// Complete returns what could stand at byte pos of line.
func (c *Completer) Complete(line string, pos int) Completion {
	words, last, ok := grammar.Cursor(line[:min(max(pos, 0), len(line))])
	out := Completion{Word: last}
	if !ok {
		return out
	}
	var found Found
	if last.After != 0 {
		found = c.redirect(words, last)
	} else {
		found = c.suggest(words, last.Text)
	}
	for _, s := range found.List {
		if s.Class != phrase {
			s.Typed = last.Finish(s.Text, s.Open)
		} else if s.Typed = s.Text; last.Quoted() {
			continue
		}
		out.List = append(out.List, s)
	}
	if len(out.List) == 1 && out.List[0].Typed == last.Raw {
		return Completion{Word: last} // nothing is left to type
	}
	out.More = found.More
	return out
}

// Program is the kind of the first word of a command for sh.
var Program = &grammar.Kind{Name: "program"}

// redirect returns what can stand after | and >.
func (c *Completer) redirect(words []string, last grammar.Word) Found {
	if !c.Redirects || c.Source == nil || len(words) > 0 {
		return Found{}
	}
	if last.After == '|' {
		return bound(c.Source.Values(Program, nil, last.Text))
	}
	return bound(c.Source.Values(&grammar.Kind{Name: "file", Path: true}, nil, last.Text))
}

// suggest returns what could stand after some words, and begins as last does.
func (c *Completer) suggest(typed []string, last string) Found {
	words, value, ended := c.dropOptions(typed)
	inner := c.Tree.Inner(words)
	outer := words[:len(words)-len(inner)]
	keep := c.keep(typed, outer)
	can, err := c.Tree.NextOf(inner, keep)
	if value != nil {
		return bound(c.optionValues(value, last))
	}
	if strings.HasPrefix(last, "-") && !ended {
		if name, typed, ok := strings.Cut(last, "="); ok {
			return bound(c.attached(name, typed))
		}
		return Found{List: c.options(last, append(outer[:len(outer):len(outer)], can.Path...))}
	}
	if err != nil {
		return Found{}
	}
	next := can.Next
	if len(outer) > 0 && len(inner) == 0 {
		// The command outside may have words of its own there.
		if own, err := c.Tree.Next(outer); err == nil {
			next = append(slices.DeleteFunc(own.Next, func(n grammar.Candidate) bool { return n.Kind != nil }), next...)
		}
	}
	var literals []Suggestion
	var values Found
	for _, n := range next {
		if n.Kind == nil {
			literals = append(literals, Suggestion{Text: n.Word, Description: n.Summary})
		} else if c.Source != nil {
			values.add(c.Source.Values(n.Kind, can.Path, last))
		}
	}
	fits := Rank(literals, last)
	if len(values.List) == 0 && last != "" && !begins(fits, last) {
		fits = c.scattered(literals, inner, keep, last)
	}
	return join(fits, values, last)
}

// keep returns what tells the rules that could succeed.
func (c *Completer) keep(words, outer []string) func(rule int) bool {
	if c.Allowed == nil {
		return nil
	}
	return func(rule int) bool { return c.Allowed(words, outer, rule) }
}

// begins reports whether the first of some words begins with what was typed.
func begins(words []Suggestion, typed string) bool {
	return len(words) > 0 && len(words[0].Text) >= len(typed) && strings.EqualFold(words[0].Text[:len(typed)], typed)
}

// scattered returns the words and phrases that hold the letters that were typed, in
// their order, the closest first.
func (c *Completer) scattered(words []Suggestion, before []string, keep func(int) bool, typed string) []Suggestion {
	all := slices.Clone(words)
	for _, p := range c.Tree.Phrases(before, keep) {
		all = append(all, Suggestion{Text: p.Word, Description: p.Summary, Class: phrase})
	}
	return scatter(all, typed)
}

// join puts words of commands and values into their order.
func join(words []Suggestion, values Found, last string) Found {
	slices.SortStableFunc(values.List, func(a, b Suggestion) int { return int(a.Class - b.Class) })
	list := values.List
	// What stands for everything never comes first, where a key too many would
	// choose it.
	everything := func(s Suggestion) bool { return s.Text == wordAll }
	if all := slices.IndexFunc(words, everything); all >= 0 {
		if len(words)+len(list) > 1 {
			shown := min(len(list), limit-1)
			if values.More >= 0 {
				values.More += len(list) - shown
			}
			list = append(slices.Clone(list[:shown]), words[all])
		}
		if len(words)+len(list) > 1 || last == "" {
			words = slices.DeleteFunc(slices.Clone(words), everything)
		}
	}
	out := slices.Clone(words)
	seen := map[string]bool{}
	for _, s := range out {
		seen[s.Text] = true
	}
	for _, s := range list {
		if !seen[s.Text] {
			seen[s.Text] = true
			out = append(out, s)
		}
	}
	return bound(Found{out, values.More})
}

// add takes in what is known of another kind.
func (f *Found) add(more Found) {
	f.List = append(f.List, more.List...)
	if f.More < 0 || more.More < 0 {
		f.More = -1
	} else {
		f.More += more.More
	}
}

// bound keeps to the limit.
func bound(f Found) Found {
	if over := len(f.List) - limit; over > 0 {
		f.List = f.List[:limit]
		if f.More >= 0 {
			f.More += over
		}
	}
	return f
}

// wordAll is the word that stands for all envelopes or routes.
const wordAll = "all"
