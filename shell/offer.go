package shell

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/hold"
	"smtpctl/shell/suggest"
)

// completer returns the completer for lines of the session. With an invocation, it also
// offers the flags of the command line.
func (s *Session) completer(live *suggest.Live, inv *cmdline.Invocation) *completer.Completer {
	c := &completer.Completer{
		Tree: s.tree, Options: s.flagOptions(live, inv), Allowed: s.couldSucceed,
		Every: everyText, Also: s.columnsWords,
		Redirects: inv == nil && !s.opts.Restricted && !s.opts.ReadOnly,
	}
	if live != nil {
		c.Source, c.Inside, c.Ready = live, s.sourceInside(live), s.readyNow(live)
	}
	return c
}

// couldSucceed reports whether a command could succeed in a line with these flags: the
// options do not refuse it, and the command outside it accepts it.
func (s *Session) couldSucceed(given, outer []string, rule int) bool {
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
	readOnly := s.opts.ReadOnly || slices.Contains(given, "read-only")
	restricted := s.opts.Restricted || slices.Contains(given, "restricted")
	return !(c.Changes() && readOnly) && !(restricted && s.readsFile(c))
}

// readyNow returns what tells whether a command can do anything as things are. What it
// takes time to find out is asked for only once the first word has been typed.
func (s *Session) readyNow(live *suggest.Live) func(words, rule int) bool {
	unknown := func() (bool, bool) { return false, false }
	first := &command.Now{
		Paused: live.Paused, PausedRoutes: unknown, Disabled: unknown,
		Changed: func() bool { return len(s.changes) > 0 },
		Holds:   func() bool { return hold.Any(s.stateDir(), s.opts.Smtpd()) },
	}
	if live.Wait > 0 {
		first.Paused = func(protocol.Subsystem) (bool, bool) { return false, false }
	}
	later := *first
	later.Paused, later.PausedRoutes, later.Disabled = live.Paused, live.PausedRoutes, live.Disabled
	return func(words, rule int) bool {
		ready := s.table[rule].Ready
		switch {
		case ready == nil:
			return true
		case words == 0:
			return ready(first)
		}
		return ready(&later)
	}
}

// innerTakes returns what the commands outside another say of those that they take; nil if
// one of them only talks about it.
func (s *Session) innerTakes(outer []string) func(*command.Command) bool {
	var all []func(*command.Command) bool
	for len(outer) > 0 {
		takes := s.takesOf(outer[0])
		if takes == nil {
			return nil
		}
		all = append(all, takes)
		inner, ok := s.tree.Inside(outer)
		if !ok {
			break
		}
		outer = inner
	}
	return func(c *command.Command) bool {
		return !slices.ContainsFunc(all, func(takes func(*command.Command) bool) bool { return !takes(c) })
	}
}

// takesOf returns what the command that begins with a word says of those inside it.
func (s *Session) takesOf(first string) func(*command.Command) bool {
	if can, err := s.tree.Next([]string{first}); err == nil {
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
func (s *Session) flagOptions(live *suggest.Live, inv *cmdline.Invocation) []completer.Option {
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
		switch {
		case f.Name == "columns":
			o.Of = s.columnsAfter
		case f.Name == "host" && live != nil:
			o.Of = func(_ []string, typed string) []completer.Suggestion { return suggest.HostWords(live.Hosts(), typed) }
		}
		if cmdline.NamesFile(f) {
			o.Kind = &grammar.Kind{Name: "file", Path: true, Folder: value == "DIR"}
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
	is := bulkFlags()[name]
	if is == nil {
		return false, nil
	}
	return true, func(path []string) bool {
		return slices.ContainsFunc(s.table, func(c *command.Command) bool { return is(c) && c.Begins(path) })
	}
}

// bulkFlags are the flags for commands that act on envelopes, or list something.
func bulkFlags() map[string]func(*command.Command) bool {
	return map[string]func(*command.Command) bool{
		"dry-run": (*command.Command).Bulk, "expect": (*command.Command).Bulk, "yes": (*command.Command).Bulk,
		"columns": lists, "save": removes, "keep": removes, "keep-size": removes,
	}
}

func lists(c *command.Command) bool { return len(c.Rows) > 0 }

func removes(c *command.Command) bool { return c.Effect == command.RemovesEnvelopes }
