package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smtpctl/completer"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/config"
	"smtpctl/shell/fleet"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

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
			problems = append(problems, fmt.Errorf("%s: confirm: %q: expected a number of envelopes", c.Where["confirm"], c.Confirm))
		}
	}
	problems = append(problems, fleet.CheckSettings(&c)...)
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
	s.names = cmdline.Names{Selections: map[string][]string{}, Aliases: map[string][]string{}}
	for _, n := range c.Selections {
		words, err := selectionWords(n.Text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: let %s: %w", n.Where, n.Name, err))
			continue
		}
		s.names.Selections["@"+n.Name] = words
	}
	for _, n := range c.Aliases {
		words, err := s.aliasWords(n.Name, n.Text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: alias %s: %w", n.Where, n.Name, err))
			continue
		}
		s.names.Aliases[n.Name] = words
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
		return nil, errors.New("expected words without ; | and >")
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
		if of, ok := v.(command.PerHost); ok {
			for _, v = range of { // the one id that the word is
			}
		}
		if id, ok := v.(queue.IDArg); err == nil && (w == "-" || w == command.LastListing || ok && !id.Whole()) {
			err = errors.New("expected a term, or a whole id")
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
	args := s.parser().Args(words)
	err = args.Err
	if err == nil && len(args.Words) > 0 {
		_, err = s.tree.Next(s.tree.Inner(args.Words))
	}
	return words, err
}

// selections returns the names of selections, for completion.
func selections(n cmdline.Names) []completer.Suggestion {
	var out []completer.Suggestion
	for name, words := range n.Selections {
		out = append(out, completer.Suggestion{Text: name, Description: cmdline.Quoted(words), Class: completer.Term})
	}
	slices.SortFunc(out, func(a, b completer.Suggestion) int { return strings.Compare(a.Text, b.Text) })
	return out
}

// parser returns what parses the lines typed at the prompt, where the settings have given
// names to words.
func (r *repl) parser() *cmdline.Parser {
	p := r.s.parser()
	p.Names = r.s.names
	return p
}

// showExpanded shows what names in a line became, since it is what will be carried out.
func (r *repl) showExpanded(line cmdline.Line) {
	if line.Expanded && !r.s.mayHoldPassword(line) {
		for _, c := range line.Commands {
			fmt.Fprintln(r.s.err, render.Safe("-> "+cmdline.Quoted(c.Full)))
		}
	}
}
