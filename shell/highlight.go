package shell

import (
	"slices"
	"strings"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/prompt"
	"smtpctl/shell/selector"
)

// Limits of colouring, so that a long pasted line does not delay the keys: a line of more than
// maxColored bytes has no colours, and after maxColoredWords words of a command only quotes
// are coloured.
const (
	maxColored      = 4096
	maxColoredWords = 64
)

// maxSeen is how many answers of the tree of commands are kept for the next key.
const maxSeen = 4 * maxColoredWords

// An answer holds the results of the tree's Next for some words.
type answer struct {
	can grammar.Continuation
	err error
}

// A highlighter finds the parts of one line that are coloured.
type highlighter struct {
	s     *Session
	text  string
	flags map[string]bool   // the known flags, by name with its dashes
	seen  map[string]answer // by words, joined with NUL

	parser *cmdline.Parser
	spans  []prompt.Span
}

// highlight returns a function that finds the coloured parts of a line of the session, in
// their order. parser assigns the roles of words, and options are the known flags. The
// function must not be called from several goroutines at once.
func (s *Session) highlight(parser *cmdline.Parser, options []completer.Option) func(line string) []prompt.Span {
	flags := map[string]bool{}
	for _, o := range options {
		flags[o.Name] = true
	}
	seen := map[string]answer{}
	return func(line string) []prompt.Span {
		if line == "" || len(seen) > maxSeen {
			clear(seen) // answers may be out of date, and are bounded in number
		}
		cut := len(line) - len(s.withoutPrompt(line))
		if len(line) > maxColored {
			return nil
		}
		h := &highlighter{s: s, text: line[cut:], flags: flags, seen: seen, parser: parser}
		h.line()
		for i := range h.spans {
			h.spans[i].Start += cut
			h.spans[i].End += cut
		}
		return h.spans
	}
}

// add adds a coloured part, from byte start to end, unless the part is empty.
func (h *highlighter) add(start, end int, class prompt.Class) {
	if end > start {
		h.spans = append(h.spans, prompt.Span{Start: start, End: end, Class: class})
	}
}

// line colours all commands of the line.
func (h *highlighter) line() {
	tokens := grammar.Scan(h.text)
	for len(tokens) > 0 {
		n := 0
		for n < len(tokens) && tokens[n].Kind == grammar.TokenWord {
			n++
		}
		if words := tokens[:n]; n > 0 && !words[0].Shell {
			h.command(words)
		} else {
			h.quotes(words...)
		}
		if n == len(tokens) {
			return
		}
		operator := tokens[n]
		tokens = tokens[n+1:]
		switch operator.Kind {
		case grammar.TokenComment:
			h.add(operator.Start, operator.End, prompt.Comment)
		case grammar.TokenRedirect, grammar.TokenAppend:
			if len(tokens) > 0 && tokens[0].Kind == grammar.TokenWord {
				h.quotes(tokens[0]) // the name of a file
				tokens = tokens[1:]
			}
		}
	}
}

// typed reports whether a word ends the line, so that the user may still be typing it.
func (h *highlighter) typed(t grammar.Token) bool { return t.End == len(h.text) }

// command colours the words of a command.
func (h *highlighter) command(words []grammar.Token) {
	words, rest := words[:min(len(words), maxColoredWords)], words[min(len(words), maxColoredWords):]
	defer h.quotes(rest...)
	texts := make([]string, len(words))
	for i, t := range words {
		texts[i] = t.Text
	}
	var path []string // the words of the command so far, without flags
	lost := false     // a word was wrong, so that the words after it cannot be judged
	for i, role := range h.parser.Args(texts).Roles {
		t := words[i]
		switch {
		case role == cmdline.RoleExact || role == cmdline.RoleDashes:
			// Such a word has no colour: it may be a password.
		case role == cmdline.RoleFlag:
			h.flag(t)
		case role == cmdline.RoleValue || lost:
			h.quotes(t)
		case len(path) == 0 && h.parser.Names.Aliases[t.Text] != nil:
			path = h.parser.Names.Aliases[t.Text]
		case h.parser.Names.Selections[t.Text] != nil:
			h.add(t.Start, t.End, prompt.Value)
			path = slices.Concat(path, h.parser.Names.Selections[t.Text])
		default:
			good, goesOn := h.word(path, t)
			lost = !goesOn
			if good {
				path = append(path[:len(path):len(path)], t.Text)
			}
		}
	}
}

// flag colours a flag as Unknown if no flag has or, while it is typed, could have that name.
func (h *highlighter) flag(t grammar.Token) {
	name, _, has := strings.Cut(t.Text, "=")
	if strings.HasPrefix(name, "--") && !h.flags[name] && (has || !h.typed(t) || !h.begins(name)) {
		h.add(t.Start, t.End, prompt.Unknown)
	} else {
		h.quotes(t)
	}
}

// begins reports whether the name of a flag begins with the given text.
func (h *highlighter) begins(name string) bool {
	for flag := range h.flags {
		if strings.HasPrefix(flag, name) {
			return true
		}
	}
	return false
}

// word colours the word of a command after those in path. good reports whether the word can
// stand there, goesOn whether the words after it can be judged.
func (h *highlighter) word(path []string, t grammar.Token) (good, goesOn bool) {
	tree := h.s.tree
	inner := tree.Inner(path)
	if outer := path[:len(path)-len(inner)]; len(outer) > 0 {
		if h.s.innerTakes(outer) == nil {
			h.quotes(t) // the outer command, such as help, does not run the inner one
			return true, true
		}
		if len(tree.Inner(append(path[:len(path):len(path)], t.Text))) == 0 {
			return true, true // the word is an argument of the outer command
		}
	}
	can, err := h.next(inner)
	if err != nil {
		return false, false
	}
	_, err = h.next(append(inner[:len(inner):len(inner)], t.Text))
	bad := err != nil && !(h.typed(t) && couldBe(can.Next, t.Text))
	takesTerms := slices.ContainsFunc(can.Next, func(c grammar.Candidate) bool { return c.Kind != nil && c.Kind.Terms })
	switch {
	case bad:
		h.add(t.Start, t.End, prompt.Unknown)
	case takesTerms:
		h.term(t)
	default:
		h.quotes(t)
	}
	return err == nil, err == nil || takesTerms
}

// next returns the tree's Next for some words. Next parses all of them again, so its answers
// are kept: at the next key all words but the last are the same.
func (h *highlighter) next(words []string) (grammar.Continuation, error) {
	key := strings.Join(words, "\x00")
	found, ok := h.seen[key]
	if !ok {
		found.can, found.err = h.s.tree.Next(words)
		h.seen[key] = found
	}
	return found.can, found.err
}

// couldBe reports whether word may be the beginning of one of the candidates.
func couldBe(next []grammar.Candidate, word string) bool {
	return slices.ContainsFunc(next, func(c grammar.Candidate) bool { return c.Kind != nil || strings.HasPrefix(c.Word, word) })
}

// term colours a word in a place where a term can stand.
func (h *highlighter) term(t grammar.Token) {
	key, op, _, ok := selector.Split(t.Text)
	if !ok || !strings.HasPrefix(h.text[t.Start:t.End], key+op) {
		h.quotes(t)
		return
	}
	at := t.Start + len(key)
	h.add(t.Start, at, prompt.TermKey)
	h.add(at, at+len(op), prompt.Operator)
	h.value(at+len(op), t.End)
}

// value colours the value of a term from byte start to end: as Value up to the first quote,
// as Quoted from there on.
func (h *highlighter) value(start, end int) {
	quote := end
	if i := strings.IndexAny(h.text[start:end], `'"`); i >= 0 {
		quote = start + i
	}
	h.add(start, quote, prompt.Value)
	h.add(quote, end, prompt.Quoted)
}

// quotes colours each word as Quoted from its first quote on.
func (h *highlighter) quotes(words ...grammar.Token) {
	for _, t := range words {
		if i := strings.IndexAny(h.text[t.Start:t.End], `'"`); i >= 0 {
			h.add(t.Start+i, t.End, prompt.Quoted)
		}
	}
}
