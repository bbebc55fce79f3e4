// Package cmdline turns a line into commands: words, pipes, redirections and flags.
package cmdline

import (
	"bytes"
	"fmt"

	"smtpctl/shell/command"
)

// ChildArgs returns the command line for RunUnprivileged, and standard input if that is
// not this program's: a password is no argument there.
func ChildArgs(c *command.Call) (words []string, input *bytes.Reader) {
	o := &c.Opts
	words = []string{"--timeout", o.Timeout.String(), "--output", c.Format(), "--color", o.Color}
	none := command.DefaultOptions()
	for _, f := range CommandFlags {
		if v := f.Value(o); f.Of(c.Path) && v != f.Value(&none) {
			words = append(words, fmt.Sprintf("--%s=%v", f.Name, v))
		}
	}
	if c.Cmd.Words == command.Secret {
		if len(c.Args) > 0 {
			input = bytes.NewReader([]byte(c.Text(0) + "\n"))
		}
		return append(words, c.Path[:len(c.Path)-len(c.Args)]...), input
	}
	return append(append(words, "--"), c.Path...), nil
}
