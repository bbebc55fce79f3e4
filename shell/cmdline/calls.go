package cmdline

import (
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// Endless reports whether a call runs until it is interrupted.
func Endless(c *command.Call) bool {
	return c.Cmd.Live || slices.ContainsFunc(CommandFlags, func(f CommandFlag) bool {
		return f.Live && f.Of(c.Path) && c.Flag(f.Name) != ""
	})
}

// Quoted returns words as they are typed.
func Quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = grammar.Quote(w)
	}
	return strings.Join(out, " ")
}
