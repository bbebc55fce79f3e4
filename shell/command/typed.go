package command

import (
	"fmt"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/render"
)

// Bounds of a command in a message.
const (
	argsShown = 3  // arguments
	ArgBytes  = 80 // of each
)

// recordedBytes bounds a command in a record: each envelope may have a record, and a command may
// have been given thousands of ids.
const recordedBytes = 1000

// Typed returns the words of a call as they can be typed again, with its arguments
// quoted where that is needed.
func (c *Call) Typed() string {
	words := make([]string, len(c.Path))
	for i, w := range c.Path {
		words[i] = grammar.Quote(w)
	}
	return strings.Join(words, " ")
}

// Recorded is Typed for a record in a file, in which a long command is shortened.
func (c *Call) Recorded() string { return render.Bound(c.Typed(), recordedBytes) }

// Again returns a command so that it works where it is read: at the prompt as it is, in
// another shell with the name of this program, and the options that say which smtpd.
func (c *Call) Again(words string) string {
	if c.Mode.Interactive() {
		return words
	}
	head := "smtpctl "
	usual := DefaultOptions()
	if c.Elsewhere() {
		head += "--host " + grammar.Quote(c.Opts.Host) + " "
	}
	if c.Opts.Socket != usual.Socket {
		head += "--socket " + grammar.Quote(c.Opts.Socket) + " "
	}
	if c.Opts.Spool != usual.Spool {
		head += "--spool " + grammar.Quote(c.Opts.Spool) + " "
	}
	return head + words
}

// PathOf returns the words of a call for a message, the first of its arguments
// each in its place and quoted. A password is never shown.
func PathOf(c *Call) string {
	var words []string
	shown := 0
	pattern := strings.Fields(c.Cmd.Pattern)
	for i, w := range c.Path {
		switch {
		case !isArg(pattern, i):
			words = append(words, w)
		case c.Cmd.Words == Secret && len(c.Args) > 0:
		case shown == argsShown && len(c.Args) > argsShown+1:
			return strings.Join(words, " ") + fmt.Sprintf(" and %d more", len(c.Args)-shown)
		default:
			shown++
			words = append(words, strconv.Quote(render.Bound(w, ArgBytes)))
		}
	}
	return strings.Join(words, " ")
}

// Verb returns the words of a call without its arguments.
func (c *Call) Verb() string {
	var words []string
	pattern := strings.Fields(c.Cmd.Pattern)
	for i, w := range c.Path {
		if !isArg(pattern, i) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// isArg reports whether the word with this index in the path of a call is an argument,
// given the words of the pattern of its command.
func isArg(pattern []string, i int) bool {
	return i >= len(pattern) || strings.HasPrefix(pattern[i], "<")
}
