// Package completer suggests what can be typed next, from the tree of commands and from
// live values.
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
	// Typed is the word as it is typed, with quotes if necessary. Complete sets it;
	// otherwise it is empty.
	Typed string
	// Open says that more of the same word follows, as in a folder or after the key of
	// a term.
	Open bool
	// Class orders suggestions: all suggestions of one class come before those of the
	// next.
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

// Found is what a Source returns.
type Found struct {
	List []Suggestion
	More int // how many more there are than in the list; below 0 if nobody knows
}

// A Source returns the values that arguments can have. It must answer at once, from
// what it knows so far.
type Source interface {
	// Values returns the values of an argument of this kind, given its beginning and
	// the words before it. A suggestion is the word that the command gets, without
	// quotes.
	Values(kind *grammar.Kind, path []string, prefix string) Found
}

// An Option is a flag that may stand anywhere in a line.
type Option struct {
	Name  string // with its dashes
	Value bool   // a word with its value follows
	Doc   string
	// Own says that only some commands have the flag. It is offered before other flags.
	Own bool
	// Fits, if not nil, reports whether the flag is useful after these complete words
	// of a command.
	Fits func(path []string) bool
	// Values are the possible values, if they are known.
	Values []Suggestion
	// Of, if not nil, returns the possible values after these words of a command, given
	// the beginning of the value.
	Of func(path []string, typed string) []Suggestion
	// Kind, if not nil, is the kind of the value.
	Kind *grammar.Kind
}

// A Completer completes lines.
type Completer struct {
	Tree   *grammar.Tree
	Source Source // may be nil
	// Inside, if not nil, returns the source of values inside the command with the words
	// outer.
	Inside  func(outer []string) Source
	Options []Option
	// Every describes the flag in Place.Every.
	Every string
	// Also, if not nil, returns more words that may stand after these words of a command,
	// given the beginning of the word.
	Also func(path []string, typed string) []Suggestion
	// Allowed, if not nil, reports whether the command of a rule could succeed with
	// these flags, inside the command with the words outer, if there are any.
	Allowed func(given, outer []string, rule int) bool
	// Ready, if not nil, reports whether the command of a rule can do anything in the
	// present state of smtpd. words is how many words have been typed.
	Ready func(words, rule int) bool
	// Redirects says that output may go to files and programs.
	Redirects bool
}

// limit is how many suggestions are returned: more than anybody reads, but few enough
// to draw at once.
const limit = 50

// fuzzyLimit is how many words are searched for scattered letters.
const fuzzyLimit = 10_000

// A Completion is the list of suggestions for a place.
type Completion struct {
	List []Suggestion // the best first
	Word grammar.Word // the word that it would replace
	More int          // how many more there are; below 0 if nobody knows
}

// Complete returns the suggestions for a place.
func (c *Completer) Complete(at grammar.Place) Completion {
	last := at.Word
	out := Completion{Word: last}
	if at.Comment {
		return out
	}
	var found Found
	if last.After != 0 {
		found = c.redirect(at.Before, last)
	} else {
		found = c.suggest(&at)
	}
	for _, s := range found.List {
		if s.Class != phrase {
			s.Typed = last.Finish(s.Text, s.Open)
		} else if s.Typed = s.Text; last.Quoted {
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

// suggest returns what could stand in a place of a command.
func (c *Completer) suggest(at *grammar.Place) Found {
	last := at.Word.Text
	can, err := c.Next(at)
	if at.Flag != "" {
		return bound(c.flagValues(at.Flag, can.Path, last))
	}
	if strings.HasPrefix(last, "-") && at.Flags() {
		if name, typed, ok := strings.Cut(last, "="); ok {
			return bound(c.attached(name, can.Path, typed))
		}
		_, outer, _ := c.inside(at)
		return Found{List: c.options(at, slices.Concat(outer, can.Path))}
	}
	if err != nil || at.Err != nil {
		return Found{}
	}
	var literals []Suggestion
	var values Found
	source := c.Source
	if _, outer, _ := c.inside(at); source != nil && c.Inside != nil && len(outer) > 0 {
		source = c.Inside(outer)
	}
	for _, n := range can.Next {
		if n.Kind == nil {
			literals = append(literals, Suggestion{Text: n.Word, Description: n.Summary})
		} else if source != nil {
			values.add(source.Values(n.Kind, can.Path, last))
		}
	}
	if c.Also != nil {
		values.add(Found{List: c.Also(can.Path, last)})
	}
	fits := Rank(literals, last)
	if len(values.List) == 0 && last != "" && !begins(fits, last) {
		fits = c.scattered(literals, at, last)
	}
	return join(fits, values, last)
}

// Next returns what can follow the words in front of a place and could succeed,
// including words of a command inside another one. Its path is that of the inner
// command.
func (c *Completer) Next(at *grammar.Place) (grammar.Continuation, error) {
	inner, outer, keep := c.inside(at)
	can, err := c.Tree.NextOf(inner, keep)
	if err != nil || len(outer) == 0 {
		return can, err
	}
	if len(inner) == 0 {
		// The outer command may have words of its own there.
		if own, err := c.Tree.Next(outer); err == nil {
			can.Next = append(slices.DeleteFunc(own.Next, func(n grammar.Candidate) bool { return n.Kind != nil }), can.Next...)
			can.Whole = own.Whole
		}
	}
	return can, nil
}

// inside returns the words of the inner and of the outer command in front of a place,
// and a function that reports which rules could succeed.
func (c *Completer) inside(at *grammar.Place) (inner, outer []string, keep func(rule int) bool) {
	inner = c.Tree.Inner(at.Words)
	outer = at.Words[:len(at.Words)-len(inner)]
	if c.Allowed != nil {
		keep = func(rule int) bool {
			return c.Allowed(at.Given, outer, rule) && (c.Ready == nil || at.Later || len(outer) > 0 || c.Ready(len(inner), rule))
		}
	}
	return inner, outer, keep
}

// begins reports whether the first of some words begins with what was typed.
func begins(words []Suggestion, typed string) bool {
	return len(words) > 0 && len(words[0].Text) >= len(typed) && strings.EqualFold(words[0].Text[:len(typed)], typed)
}

// scattered returns the words and phrases that contain the typed letters in their
// order, the closest first.
func (c *Completer) scattered(words []Suggestion, at *grammar.Place, typed string) []Suggestion {
	all := slices.Clone(words)
	inner, _, keep := c.inside(at)
	for _, p := range c.Tree.Phrases(inner, keep) {
		all = append(all, Suggestion{Text: p.Word, Description: p.Summary, Class: phrase})
	}
	return scatter(all, typed)
}

// join puts words of commands and values in order.
func join(words []Suggestion, values Found, last string) Found {
	slices.SortStableFunc(values.List, func(a, b Suggestion) int { return int(a.Class - b.Class) })
	list := values.List
	// The word for all envelopes or routes never comes first, where an extra keystroke
	// would choose it.
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

// add appends the results of another kind.
func (f *Found) add(more Found) {
	f.List = append(f.List, more.List...)
	if f.More < 0 || more.More < 0 {
		f.More = -1
	} else {
		f.More += more.More
	}
}

// bound shortens the results to the limit.
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
