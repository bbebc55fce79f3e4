package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/config"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// names are the words that the settings have given names, used at the prompt only.
type names struct {
	selections map[string][]string // by @NAME
	aliases    map[string][]string
}

// settings reads the settings of the prompt, takes in what the session needs, and says
// what is wrong with the rest.
func (s *Session) settings() config.Config {
	c, problems := config.Load(s.io.Env)
	problems = append(problems, s.takeNames(&c)...)
	if c.Color != "" && s.opts.Color == command.DefaultOptions().Color {
		s.opts.Color = c.Color
		s.setColor(c.Color)
	}
	if c.Confirm != "" {
		n, err := strconv.Atoi(c.Confirm)
		if err == nil && n >= 0 {
			s.prefs.Confirm = &n
		} else {
			problems = append(problems, fmt.Errorf("%s: confirm: %q: want a number of envelopes", c.Where["confirm"], c.Confirm))
		}
	}
	if c.Columns != "" {
		columns, err := selector.ParseColumns(c.Columns)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: columns: %w", c.Where["columns"], err))
		}
		s.prefs.Columns = columns
	}
	for _, err := range problems {
		fmt.Fprintln(s.err, render.Safe(fmt.Sprintf("smtpctl: settings: %v", command.FileError(err))))
	}
	return c
}

// takeNames takes in the names that are good, and returns what is wrong with others.
func (s *Session) takeNames(c *config.Config) (problems []error) {
	s.names = names{map[string][]string{}, map[string][]string{}}
	for _, n := range c.Selections {
		words, err := selectionWords(n.Text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: let %s: %w", n.Where, n.Name, err))
			continue
		}
		s.names.selections["@"+n.Name] = words
	}
	for _, n := range c.Aliases {
		words, err := s.aliasWords(n.Name, n.Text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: alias %s: %w", n.Where, n.Name, err))
			continue
		}
		s.names.aliases[n.Name] = words
	}
	return problems
}

// oneCommand cuts a text into the words of one command.
func oneCommand(text string) ([]string, error) {
	line := cmdline.Parse(text)
	switch {
	case line.Err != nil:
		return nil, line.Err
	case len(line.Commands) != 1 || line.Commands[0].Redirected():
		return nil, errors.New("want words without ; | and >")
	}
	return line.Commands[0].Words, nil
}

// selectionWords returns the words of a selection.
func selectionWords(text string) ([]string, error) {
	words, err := oneCommand(text)
	if err != nil {
		return nil, err
	}
	for _, w := range words {
		v, err := queue.ParseSelector(w)
		if id, ok := v.(queue.IDArg); err == nil && (w == "-" || ok && !id.Whole()) {
			err = errors.New("want a term, or a whole id")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", w, err)
		}
	}
	return words, nil
}

// aliasWords returns the words of an alias: the beginning of a command. No alias stands
// in the place of a command.
func (s *Session) aliasWords(name, text string) ([]string, error) {
	words, err := oneCommand(text)
	if err != nil {
		return nil, err
	}
	for _, c := range s.table {
		if first, _, _ := strings.Cut(c.Pattern, " "); first == name {
			return nil, errors.New("is a command already")
		}
	}
	_, rest, err := cmdline.ParseOptions(words, s.opts, nil, s.verbatimFlags)
	if err == nil && len(rest) > 0 {
		_, err = s.tree.Next(s.tree.Inner(rest))
	}
	return words, err
}

// expand puts the words of aliases and selections in the place of their names in a line,
// and reports whether there were any.
func (n *names) expand(line cmdline.Line, verbatim func(word string) bool) (cmdline.Line, bool) {
	changed := false
	commands := slices.Clone(line.Commands)
	for i, c := range commands {
		words := c.Words
		if alias := n.aliases[words[0]]; alias != nil {
			words, changed = append(slices.Clone(alias), words[1:]...), true
		}
		if !verbatim(words[0]) {
			var out []string
			for _, w := range words {
				if sel := n.selections[w]; sel != nil {
					out, changed = append(out, sel...), true
				} else {
					out = append(out, w)
				}
			}
			words = out
		}
		commands[i].Words = words
	}
	line.Commands = commands
	return line, changed
}

// expandText is expand for a line that is being typed: for the words before the one at
// its end.
func (n *names) expandText(text string) string {
	if len(n.aliases) == 0 && len(n.selections) == 0 || strings.ContainsAny(text, "'\"\\|>#") {
		return text
	}
	from := strings.LastIndexByte(text, ';') + 1
	words := strings.SplitAfter(text[from:], " ")
	first := true
	for i, w := range words[:len(words)-1] {
		name := strings.TrimSpace(w)
		with := n.selections[name]
		if first && n.aliases[name] != nil {
			with = n.aliases[name]
		}
		if with != nil {
			words[i] = quoted(with) + " "
		}
		first = first && name == ""
	}
	return text[:from] + strings.Join(words, "")
}

// quoted returns words as they are typed.
func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = grammar.Quote(w)
	}
	return strings.Join(out, " ")
}

// suggestions returns the names of selections, for completion.
func (n *names) suggestions() []completer.Suggestion {
	var out []completer.Suggestion
	for name, words := range n.selections {
		out = append(out, completer.Suggestion{Text: name, Description: quoted(words), Class: completer.Term})
	}
	slices.SortFunc(out, func(a, b completer.Suggestion) int { return strings.Compare(a.Text, b.Text) })
	return out
}

// expandNames is expand for a line at the prompt. What it became is shown, since it is
// what will be carried out.
func (r *repl) expandNames(line cmdline.Line) cmdline.Line {
	out, changed := r.s.names.expand(line, func(word string) bool {
		_, verbatim := r.s.verbatimFlags(word)
		return verbatim
	})
	if changed && !r.s.mayHoldPassword(out) {
		for _, c := range out.Commands {
			fmt.Fprintln(r.s.err, render.Safe("-> "+quoted(c.Words)))
		}
	}
	return out
}
