package grammar

import "strings"

// A Continuation is what can follow some words.
type Continuation struct {
	Path  []string    // the words with literals written in full
	Next  []Candidate // literals in the order of the rules, then arguments
	Whole bool        // the words are a command already
}

// Next returns what can follow the words.
func (t *Tree) Next(words []string) (Continuation, error) { return t.NextOf(words, nil) }

// NextOf returns what can follow the words in rules that keep accepts; nil accepts all.
func (t *Tree) NextOf(words []string, keep func(rule int) bool) (Continuation, error) {
	n, m, err := t.walk(words)
	if err != nil {
		return Continuation{}, err
	}
	next := candidates(kept(n.below(), keep))
	if n.rest {
		next = append(next, candidates(kept([]*node{n}, keep))...)
	}
	return Continuation{Path: m.Path, Next: next, Whole: n.rule >= 0}, nil
}

// kept returns the nodes that belong to a rule that keep accepts.
func kept(nodes []*node, keep func(rule int) bool) []*node {
	if keep == nil {
		return nodes
	}
	var out []*node
	for _, n := range nodes {
		if n.serves(keep) {
			out = append(out, n)
		}
	}
	return out
}

// serves reports whether a rule that keep accepts ends at n or below it.
func (n *node) serves(keep func(rule int) bool) bool {
	if n.rule >= 0 && keep(n.rule) {
		return true
	}
	for _, c := range n.below() {
		if c.serves(keep) {
			return true
		}
	}
	return false
}

// Phrases returns two and more literals in a row that can follow the words in rules that
// keep accepts, such as "show queue": their words with a blank between them.
func (t *Tree) Phrases(words []string, keep func(rule int) bool) []Candidate {
	n, _, err := t.walk(words)
	if err != nil {
		return nil
	}
	var out []Candidate
	for _, c := range kept(n.below(), keep) {
		if c.kind == nil && !c.hidden {
			out = c.phrases(c.word, keep, out)
		}
	}
	return out
}

// phrases adds the phrases that begin with before, of which n is the last word.
func (n *node) phrases(before string, keep func(rule int) bool, out []Candidate) []Candidate {
	for _, c := range kept(n.below(), keep) {
		if c.kind != nil || c.hidden {
			continue
		}
		text := before + " " + c.word
		out = append(out, Candidate{Word: text, Summary: c.describe()})
		out = c.phrases(text, keep, out)
	}
	return out
}

// candidates lists what can follow n.
func (n *node) candidates() []Candidate { return candidates(n.below()) }

func candidates(nodes []*node) []Candidate {
	var lits, args []Candidate
	for _, c := range nodes {
		switch {
		case c.hidden:
		case c.kind == nil:
			lits = append(lits, Candidate{Word: c.word, Summary: c.describe()})
		case c.kind.Words != nil:
			args = append(args, c.kind.Words()...)
		default:
			args = append(args, Candidate{Word: "<" + c.kind.Name + ">", Summary: c.kind.Text(), Kind: c.kind})
		}
	}
	return append(lits, args...)
}

// describe returns the summary of a word: that of its rule or of the beginning of
// patterns, otherwise the words that can follow.
func (n *node) describe() string {
	if n.summary != "" {
		return n.summary
	}
	var next []string
	for _, c := range n.below() {
		switch {
		case c.kind != nil && n.rule < 0 && len(n.below()) == 1:
			return c.summary
		case c.kind != nil:
			next = append(next, "<"+c.kind.Name+">")
		default:
			next = append(next, c.word)
		}
	}
	return strings.Join(next, ", ")
}
