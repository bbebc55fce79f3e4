package shell

import (
	"fmt"
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/across"
	"smtpctl/shell/command"
)

// checkAllowed refuses calls that this session must not carry out.
func (s *Session) checkAllowed(c *command.Call) error {
	if err := across.Check(s.fleet, c); err != nil {
		return err
	}
	switch {
	case c.Cmd.Changes() && c.Opts.ReadOnly:
		return fmt.Errorf("%s: refused, this session is read-only", command.PathOf(c))
	case c.Opts.Save != "" && c.Opts.ReadOnly:
		return command.Usagef("%s: --save is refused, this session is read-only", command.PathOf(c))
	case c.Opts.Restricted && namesAFile(c):
		return command.Usagef("%s: refused, --restricted lets no command read a file", command.PathOf(c))
	case c.Cmd.Screen && s.mode.Lines() && !s.mode.Interactive():
		return command.Usagef("%s: needs a terminal, and a script has none: use show queue", command.PathOf(c))
	case c.Cmd.Input != command.NoInput && s.mode.Interactive() && c.Cmd.Input != command.AsksInput:
		return command.Usagef("%s: needs arguments when used at the prompt", command.PathOf(c))
	case c.Cmd.Input != command.NoInput && s.mode.StdinTaken():
		return command.Usagef("%s: standard input is taken by the script: give it an argument, or put the script into a file and use -f", command.PathOf(c))
	case c.Cmd.Changes() && !c.Cmd.Bulk() && c.Opts.DryRun:
		return command.Usagef("%s: --dry-run works only with commands that act on envelopes; nothing done", command.PathOf(c))
	case !c.Cmd.Bulk() && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect works only with commands that act on envelopes", command.PathOf(c))
	case c.Opts.Save != "" && c.Cmd.Group == command.GroupQueue && c.Cmd.Changes() && c.Cmd.Effect != command.RemovesEnvelopes:
		return command.Usagef("%s: --save works only with remove", command.PathOf(c))
	case c.Cmd.Lacks(c.Opts.Output) && slices.Contains(command.Separated, c.Opts.Output):
		return command.Usagef("%s: -o %s works only with commands that list something: use -o plain or -o json", command.PathOf(c), c.Opts.Output)
	case c.Cmd.Lacks(c.Opts.Output):
		return command.Usagef("%s: -o %s works only with %s", command.PathOf(c), c.Opts.Output, s.having(c.Opts.Output))
	case c.Opts.Columns != "" && len(c.Cmd.Rows) == 0:
		return command.Usagef("%s: --columns works only with commands that list something", command.PathOf(c))
	}
	if err := s.misplacedFlag(c); err != nil {
		return err
	}
	if c.Opts.Columns != "" {
		if err := c.CheckColumns(); err != nil {
			return err
		}
	}
	return across.CheckArgs(c)
}

// having names the commands that have a format.
func (s *Session) having(format string) string {
	var names []string
	for _, c := range s.table {
		if name, _, _ := strings.Cut(c.Pattern, " <"); !c.Lacks(format) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// namesAFile reports whether an argument is the name of a file.
func namesAFile(c *command.Call) bool {
	return slices.ContainsFunc(c.Args, func(a grammar.Arg) bool { return a.Kind.Path })
}
