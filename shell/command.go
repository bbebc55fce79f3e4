package shell

import (
	"context"
	"fmt"
	"io"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/resolve"
)

// A Command is an entry of the command table.
type Command struct {
	// Pattern is what the grammar package makes of it, such as
	// "pause envelope <selector>".
	Pattern string
	Group   string
	Summary string // one line
	Help    string // paragraphs, may be empty
	Selects bool   // its arguments are a selector, which its help explains
	Hidden  bool   // not for people: no help or completion shows it
	Own     bool   // OpenSMTPD's smtpctl has no such command
	Changes bool   // --read-only refuses it
	Live    bool   // it goes on until it is interrupted, or leaves the session
	// Stdin marks a command that reads standard input.
	Stdin bool
	Asks  bool // it asks for its input where that is a terminal
	Apart bool // it needs neither smtpd nor files, and no rights of root
	// Bulk marks an action on envelopes, which takes --dry-run and the like.
	Bulk bool
	// Check, if set, looks at the arguments before anything is sent.
	Check func(c *Call) error
	Run   func(ctx context.Context, c *Call) error
}

// A Call is one command being carried out.
type Call struct {
	s    *Session
	cmd  *Command
	path []string // the words in full
	args []grammar.Arg
	opts Options

	dns *resolve.Client // whom spf walk asks, if that has been found out already

	warning   string    // what smtpd's OK does not say, for the result as JSON
	saver     *saver    // copies what is removed, nil without --save
	tally     tally     // what an action on envelopes did
	audit     callAudit // what has been logged of it
	shortened bool      // it names a message by a shortened id
}

// out is where results go.
func (c *Call) out() *output { return c.s.out }

// warnf tells the user something that is not a result.
func (c *Call) warnf(format string, args ...any) {
	c.s.out.Flush()
	fmt.Fprintln(c.s.err, render.Bound(fmt.Sprintf(format, args...), render.MaxMessage))
}

// conn returns the connection to smtpd.
func (c *Call) conn(ctx context.Context) (*protocol.Conn, error) {
	return c.s.dial(ctx, c.opts)
}

// text returns the text of an argument.
func (c *Call) text(i int) string { return c.args[i].Text }

// id returns the value of an argument that is an id.
func (c *Call) id(i int) idArg { return c.args[i].Value.(idArg) }

// in returns standard input, for commands marked Stdin.
func (c *Call) in() io.Reader { return c.s.io.In }
