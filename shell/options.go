package shell

import (
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// misplacedFlag returns a flag that was given but belongs to another command. Flags
// given at the start of a session apply to the lines that accept them.
func (s *Session) misplacedFlag(c *command.Call) error {
	base := command.DefaultOptions()
	if s.mode.Lines() {
		base = s.opts
	}
	for _, f := range cmdline.CommandFlags {
		if f.Value(&c.Opts) == f.Value(&base) || f.Of(c.Path) {
			continue
		}
		name := "--" + f.Name
		if short := cmdline.FlagSet(&base, nil).Lookup(f.Name).Shorthand; short != "" {
			name = "-" + short
		}
		return command.Usagef("%s: %s works only with %s", command.PathOf(c), name, f.Command)
	}
	return nil
}
