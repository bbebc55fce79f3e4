// Package grammar is the grammar of lines: how a line is split into tokens, and which
// words it may have. It turns patterns such as "show queue <query...>" into a tree, and
// resolves words against the tree by their shortest unambiguous prefix. The same tree
// gives completion and help what can come next.
package grammar

import (
	"strings"
	"sync"
)

// A Rule is one pattern. A word in angle brackets is an argument of the Kind with that
// name. With three dots before the closing bracket, the argument takes all remaining
// words, at least one.
type Rule struct {
	Pattern string
	Summary string // one line, for lists
	// Own marks a pattern that OpenSMTPD's smtpctl does not have. A literal that occurs
	// only in such patterns can be abbreviated only where no other literal fits.
	Own bool
	// Hidden keeps a pattern out of lists of candidates.
	Hidden bool
	// Inner, if set, returns the words of the command inside this pattern, given the
	// words after its first one; nil where the first word of that command cannot come yet.
	Inner func(words []string) []string
}

// A Kind is a type of argument.
type Kind struct {
	Name string // as in the pattern, without brackets and dots
	Doc  string // what to type, for lists of candidates
	// DocOf, if not nil, returns what Doc would be, where that depends on other tables.
	DocOf func() string
	// Help, if not nil, explains the kind at length, for the help of commands.
	Help func() string
	// Parse checks a word and returns its value.
	Parse func(word string) (any, error)
	// Path marks the name of a file or folder, and Folder, besides, that of a folder only.
	Path, Folder bool
	// Terms marks a kind that may be a condition, such as domain=example.com.
	Terms bool
	// Examples are words that it takes, where these have the form NAME=VALUE and are no terms.
	Examples []string
	// Words, if not nil, returns all the words that the kind takes; they may be
	// abbreviated, and Parse gets the whole word.
	Words func() []Candidate
}

// Text returns what to type.
func (k *Kind) Text() string {
	if k.DocOf != nil {
		return k.DocOf()
	}
	return k.Doc
}

// A Candidate is a word that could stand in some place.
type Candidate struct {
	Word    string
	Summary string
	Kind    *Kind // nil for a literal
}

// A Tree holds rules. It may be used from several goroutines.
type Tree struct {
	root  *node
	rules []Rule
	docs  func(beginning string) string
	kinds []*Kind
}

type node struct {
	word     string // literal, or "" for an argument
	kind     *Kind
	rest     bool // takes all words that are left
	own      bool // only in rules of our own
	hidden   bool
	children []*node                       // use below
	grow     *growth                       // of the first word of rules, makes the children; nil for others
	inner    func(words []string) []string // of the patterns that begin with this word
	rule     int                           // index of the rule that ends here, or -1
	summary  string
}

// A growth is what follows the first word of rules, which most uses of a tree do not need.
type growth struct {
	once sync.Once
	tree *Tree
}

// below returns the children of n.
func (n *node) below() []*node {
	if n.grow != nil {
		n.grow.once.Do(func() { n.grow.tree.addAll(n) })
	}
	return n.children
}

// New builds a tree. docs has summaries for the beginnings of patterns that are not
// patterns themselves, such as "show"; it may be nil. A pattern that is wrong makes New panic,
// or what is asked of its first word, which a test of the caller's table shows.
func New(rules []Rule, kinds []*Kind, docs func(beginning string) string) *Tree {
	if docs == nil {
		docs = func(string) string { return "" }
	}
	t := &Tree{root: &node{rule: -1, own: true}, rules: rules, docs: docs, kinds: kinds}
	for i, r := range rules {
		first, _, more := strings.Cut(r.Pattern, " ")
		if first == "" {
			panic("grammar: empty pattern")
		}
		n := t.root.child(t.word(first, r.Pattern))
		t.note(n, first, r)
		switch {
		case !more:
			n.end(i, r)
		case n.kind != nil:
			t.add(n, i, r)
		case n.grow == nil:
			n.grow = &growth{tree: t}
		}
		if r.Inner != nil && n.kind == nil {
			n.inner = r.Inner
		}
	}
	return t
}

// addAll adds to n the rest of the rules whose first word it is.
func (t *Tree) addAll(n *node) {
	for i, r := range t.rules {
		if rest, ok := strings.CutPrefix(r.Pattern, n.word); ok && strings.HasPrefix(rest, " ") {
			t.add(n, i, r)
		}
	}
}

// add adds to n, the first word of a rule, the rest of it.
func (t *Tree) add(n *node, i int, r Rule) {
	end := -1 // of the words so far, with single blanks between them
	for w := range strings.FieldsSeq(r.Pattern) {
		first := end < 0
		end += len(" ") + len(w)
		if !first {
			n = n.child(t.word(w, r.Pattern))
			t.note(n, r.Pattern[:end], r)
		}
	}
	n.end(i, r)
}

// note keeps what the rules whose beginning leads to n say of it.
func (t *Tree) note(n *node, beginning string, r Rule) {
	n.own = n.own && r.Own
	n.hidden = n.hidden && r.Hidden
	if n.summary == "" {
		n.summary = t.docs(beginning)
	}
}

// end makes n the end of a rule.
func (n *node) end(i int, r Rule) {
	if n.rule >= 0 {
		panic("grammar: pattern twice: " + r.Pattern)
	}
	n.rule, n.summary = i, r.Summary
}

// word returns the meaning of a word of a pattern: a literal, or an argument of a kind.
func (t *Tree) word(w, pattern string) (literal string, kind *Kind, rest bool) {
	if !strings.HasPrefix(w, "<") {
		return w, nil, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(w, "<"), ">")
	name, rest = strings.CutSuffix(name, "...")
	if kind = t.kind(name); kind == nil {
		panic("grammar: unknown kind in " + pattern)
	}
	return "", kind, rest
}

// kind returns the kind with a name, or nil.
func (t *Tree) kind(name string) *Kind {
	for _, k := range t.kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// child returns the child of n for a word, adding it if there is none.
func (n *node) child(literal string, kind *Kind, rest bool) *node {
	for i := len(n.children) - 1; i >= 0; i-- { // rules with the same beginning stand together
		if have := n.children[i]; have.word == literal && have.kind == kind && have.rest == rest {
			return have
		}
	}
	c := &node{word: literal, kind: kind, rest: rest, rule: -1, own: true, hidden: true}
	n.children = append(n.children, c)
	return c
}

// Rest returns the kind of the argument with which a pattern takes all remaining words,
// or nil.
func (t *Tree) Rest(pattern string) *Kind {
	name, ok := strings.CutSuffix(pattern, "...>")
	if !ok {
		return nil
	}
	return t.kind(name[strings.LastIndexByte(name, '<')+1:])
}

// An Arg is a word that matched an argument.
type Arg struct {
	Kind  *Kind
	Text  string // the word, whole if it was an abbreviation of one of Kind.Words
	Value any    // what Kind.Parse returned
}

// A Match is a line that matched a rule.
type Match struct {
	Rule int      // index into the rules given to New
	Path []string // the words with literals written in full
	Args []Arg
}

// Resolve finds the rule for words. The error is an *AmbiguousError, *UnknownError,
// *IncompleteError or *ArgumentError.
func (t *Tree) Resolve(words []string) (*Match, error) {
	n, m, err := t.walk(words)
	if err != nil {
		return nil, err
	}
	if n.rule < 0 {
		return nil, &IncompleteError{Path: m.Path, Candidates: n.candidates()}
	}
	m.Rule = n.rule
	return m, nil
}

// Inner returns the words of the innermost command, or the words themselves if there is
// no command inside.
func (t *Tree) Inner(words []string) []string {
	for {
		inner, ok := t.Inside(words)
		if !ok {
			return words
		}
		words = inner
	}
}

// Inside returns the words of the command inside another; ok is false if there is none,
// or if its words cannot come yet.
func (t *Tree) Inside(words []string) (inner []string, ok bool) {
	if len(words) == 0 {
		return nil, false
	}
	n, _, err := t.walk(words[:1])
	if err != nil || n.inner == nil {
		return nil, false
	}
	inner = n.inner(words[1:])
	return inner, inner != nil
}

func (t *Tree) walk(words []string) (*node, *Match, error) {
	n, m := t.root, &Match{}
	for i, w := range words {
		next, arg, err := n.step(w, m.Path)
		if err != nil {
			return nil, nil, err
		}
		if arg == nil {
			m.Path = append(m.Path, next.word)
		} else {
			m.Path = append(m.Path, arg.Text)
			m.Args = append(m.Args, *arg)
		}
		if next.rest {
			for _, w := range words[i+1:] {
				arg, err := next.argument(w, m.Path)
				if err != nil {
					return nil, nil, err
				}
				m.Path = append(m.Path, arg.Text)
				m.Args = append(m.Args, *arg)
			}
			return next, m, nil
		}
		n = next
	}
	return n, m, nil
}

// step finds the child of n for a word: a literal in full, then an abbreviated literal,
// where those of OpenSMTPD's smtpctl come before others, then an argument.
func (n *node) step(w string, path []string) (*node, *Arg, error) {
	if c, err := n.literal(w, path); c != nil || err != nil {
		return c, nil, err
	}
	var first error
	for _, c := range n.below() {
		if c.kind == nil {
			continue
		}
		arg, err := c.argument(w, path)
		if err == nil {
			return c, arg, nil
		}
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, nil, first
	}
	return nil, nil, n.unknown(w, path)
}

func (n *node) literal(w string, path []string) (*node, error) {
	var fits [2][]*node // smtpctl's own, then ours
	for _, c := range n.below() {
		switch {
		case c.kind != nil:
		case c.word == w:
			return c, nil
		case w != "" && strings.HasPrefix(c.word, w):
			i := 0
			if c.own {
				i = 1
			}
			fits[i] = append(fits[i], c)
		}
	}
	for _, f := range fits {
		switch len(f) {
		case 0:
			continue
		case 1:
			return f[0], nil
		}
		return nil, &AmbiguousError{Word: w, Path: path, Candidates: candidates(f)}
	}
	return nil, nil
}

// argument matches a word with an argument node.
func (n *node) argument(w string, path []string) (*Arg, error) {
	text := w
	if n.kind.Words != nil {
		c, err := Pick(w, n.kind.Words())
		if err != nil {
			if a, ok := err.(*AmbiguousError); ok {
				a.Path = path
			}
			if u, ok := err.(*UnknownError); ok {
				u.Path = path
			}
			return nil, err
		}
		text = c.Word
	}
	v, err := n.kind.Parse(text)
	if err != nil {
		return nil, &ArgumentError{Word: w, Path: path, Kind: n.kind, Err: err}
	}
	return &Arg{Kind: n.kind, Text: text, Value: v}, nil
}

// Pick returns the candidate that w equals, or of which w is the only abbreviation.
func Pick(w string, words []Candidate) (Candidate, error) {
	var fits []Candidate
	for _, c := range words {
		if c.Word == w {
			return c, nil
		}
		if w != "" && strings.HasPrefix(c.Word, w) {
			fits = append(fits, c)
		}
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		return Candidate{}, newUnknown(w, nil, words)
	}
	return Candidate{}, &AmbiguousError{Word: w, Candidates: fits}
}

func (n *node) unknown(w string, path []string) error {
	return newUnknown(w, path, n.candidates())
}
