package shell

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/suggest"
)

// completer returns what completes the lines of the session. With an invocation, the
// flags of the command line are among what it offers.
func (s *Session) completer(live *suggest.Live, inv *cmdline.Invocation) *completer.Completer {
	return &completer.Completer{
		Tree: s.tree, Source: live, Options: s.flagOptions(inv), Allowed: s.couldSucceed,
		Redirects: inv == nil && !s.opts.Restricted && !s.opts.ReadOnly,
	}
}

// couldSucceed reports whether a command could succeed in a line: it is nothing that the
// options refuse, and the command outside it takes it.
func (s *Session) couldSucceed(words, outer []string, rule int) bool {
	c := s.table[rule]
	if len(outer) > 0 {
		takes := s.innerTakes(outer)
		if takes == nil {
			return true // its words are only talked about
		}
		if !takes(c) {
			return false
		}
	}
	readOnly, restricted := s.opts.ReadOnly, s.opts.Restricted
	for _, w := range words {
		readOnly = readOnly || w == "-r" || w == "--read-only"
		restricted = restricted || w == "--restricted"
	}
	return !(c.Changes() && readOnly) && !(restricted && s.readsFile(c))
}

// innerTakes returns what the command outside another says of those that it takes.
func (s *Session) innerTakes(outer []string) func(*command.Command) bool {
	if can, err := s.tree.Next(outer[:1]); err == nil {
		for _, c := range s.table {
			if c.Begins(can.Path) && c.Takes != nil {
				return c.Takes
			}
		}
	}
	return nil
}

// readsFile reports whether an argument of a command is the name of a file.
func (s *Session) readsFile(c *command.Command) bool {
	return slices.ContainsFunc(allKinds(), func(k *grammar.Kind) bool { return k.Path && strings.Contains(c.Pattern, "<"+k.Name+">") })
}

// flagOptions returns the flags that may stand in a line, for completion.
// With an invocation, those of the command line are among them.
func (s *Session) flagOptions(inv *cmdline.Invocation) []completer.Option {
	var out []completer.Option
	opts := command.DefaultOptions()
	cmdline.FlagSet(&opts, inv).VisitAll(func(f *pflag.Flag) {
		value, doc := pflag.UnquoteUsage(f)
		var values []completer.Suggestion
		for _, word := range cmdline.FlagValues(f.Name) {
			values = append(values, completer.Suggestion{Text: word})
		}
		o := completer.Option{Name: "--" + f.Name, Value: value != "", Doc: doc, Values: values}
		o.Own, o.Fits = s.flagFits(f.Name)
		if cmdline.NamesFile(f) {
			o.Kind = &grammar.Kind{Name: "file", Path: true}
		}
		out = append(out, o)
		if f.Shorthand != "" {
			o.Name = "-" + f.Shorthand
			out = append(out, o)
		}
	})
	return out
}

// flagFits reports whether only some commands have a flag, and returns what tells whether
// it can be of use after the words of one; nil if always.
func (s *Session) flagFits(name string) (own bool, fits func(path []string) bool) {
	for _, f := range cmdline.CommandFlags {
		if f.Name == name {
			return true, func(path []string) bool {
				return f.Of(path) || strings.HasPrefix(f.Command+" ", strings.TrimPrefix(strings.Join(path, " ")+" ", " "))
			}
		}
	}
	is := bulkFlags[name]
	if is == nil {
		return false, nil
	}
	return true, func(path []string) bool {
		return slices.ContainsFunc(s.table, func(c *command.Command) bool { return is(c) && c.Begins(path) })
	}
}

// bulkFlags are the flags for commands that act on envelopes.
var bulkFlags = map[string]func(*command.Command) bool{
	"dry-run": (*command.Command).Bulk, "expect": (*command.Command).Bulk, "yes": (*command.Command).Bulk,
	"save": removes, "keep": removes, "keep-size": removes,
}

func removes(c *command.Command) bool { return c.Effect == command.RemovesEnvelopes }
