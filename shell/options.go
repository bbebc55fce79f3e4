package shell

import (
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// misplacedFlag returns a flag that was given and belongs to another command. Flags
// given when a session began count for those of its lines that take them.
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
		return command.Usagef("%s: %s goes with %s", command.PathOf(c), name, f.Command)
	}
	return nil
}
