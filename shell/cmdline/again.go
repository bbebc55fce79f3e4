// Package cmdline parses a line into commands: words, pipes, redirections and flags.
package cmdline

import (
	"bytes"
	"fmt"
	"strconv"

	"smtpctl/shell/command"
)

// FlagsIn returns the flags of its command that a call was given, in the order in which
// help lists them. A flag whose value is to be kept nowhere is among them only for secrets.
func FlagsIn(c *command.Call, secrets bool) []GivenFlag {
	var given []GivenFlag
	none := command.DefaultOptions()
	for _, f := range CommandFlags {
		if v := f.Value(&c.Opts); f.Of(c.Path) && v != f.Value(&none) && (secrets || !f.Secret) {
			given = append(given, GivenFlag{f.Name, fmt.Sprint(v)})
		}
	}
	return given
}

// Words returns the words of a call with the flags that say what it does, so that parsing
// them gives the same call. A password and a flag with a hash are not among them.
func Words(c *command.Call) []string {
	words := append([]string(nil), c.Path...)
	if c.Cmd.Words == command.Secret {
		words = words[:len(words)-len(c.Args)]
	}
	for _, g := range FlagsIn(c, false) {
		if g.Value == "true" {
			words = append(words, "--"+g.Name)
		} else {
			words = append(words, "--"+g.Name, g.Value)
		}
	}
	if c.Opts.Save != "" {
		words = append(words, "--save", c.Opts.Save)
	}
	if c.Opts.Expect >= 0 {
		words = append(words, "--expect", strconv.Itoa(c.Opts.Expect))
	}
	return words
}

// ChildArgs returns the command line for RunUnprivileged, and its standard input, if
// that is not the one of this program: a password must not be an argument there.
func ChildArgs(c *command.Call) (words []string, input *bytes.Reader) {
	o := &c.Opts
	words = []string{"--timeout", o.Timeout.String(), "--output", c.Format(), "--color", o.Color}
	if o.Columns != "" {
		words = append(words, "--columns="+o.Columns)
	}
	for _, g := range FlagsIn(c, true) {
		words = append(words, "--"+g.Name+"="+g.Value)
	}
	if c.Cmd.Words == command.Secret {
		if len(c.Args) > 0 {
			input = bytes.NewReader([]byte(c.Text(0) + "\n"))
		}
		return append(words, c.Path[:len(c.Path)-len(c.Args)]...), input
	}
	return append(append(words, "--"), c.Path...), nil
}
