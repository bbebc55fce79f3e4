// Package command holds what a command of the shell is: an entry of the table, and a
// call of it, which has all that a handler may use. It knows no command itself.
package command

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Command is an entry of the command table.
type Command struct {
	// Pattern is what the grammar package makes of it, such as
	// "pause envelope <selector>".
	Pattern string
	Group   string
	Summary string // one line
	Help    string // paragraphs, may be empty
	Origin  Origin
	Effect  Effect
	Input   Input
	Needs   Needs
	// Sources marks what runs the commands in a file, and does nothing else.
	Sources bool
	// Repeated marks what is given again and again and mostly changes nothing: it is
	// logged only once it does.
	Repeated bool
	// Files says what it does to the files of smtpd's queue by itself.
	Files Files
	// Logs marks what reads the log of mail.
	Logs bool
	// State marks what reads the folder of what outlasts a session.
	State bool
	// Offers says which values completion offers for its arguments.
	Offers Offers
	// Flags are those that only this command has.
	Flags []Flag
	// Formats are those that only this command has.
	Formats []string
	// Empty is what people are told where there was no result.
	Empty string
	// Words say what its words are beside arguments.
	Words Words
	// Inner, if set, returns the words of the command inside it, out of its own.
	Inner func(words []string) []string
	// Takes, if set, reports whether the command inside it may be that one.
	Takes func(inner *Command) bool
	// WholeIDs marks what takes no shortened id, not even if it is asked for.
	WholeIDs bool
	// Screen marks what takes a whole terminal. No script can have it.
	Screen bool
	// Acts marks what lets the user give commands that act on envelopes.
	Acts bool
	// Live marks what goes on until it is interrupted, or leaves the session.
	Live bool
	// Check, if set, looks at the arguments before anything is sent.
	Check func(c *Call) error
	// Prepare, if set, finds out what is out of reach once the process has given
	// up what the command does not need, and returns the ports of the name servers
	// that it will ask.
	Prepare func(c *Call) (ports []uint16, err error)
	Run     func(ctx context.Context, c *Call) error
}

// An Origin says where a command comes from.
type Origin int

const (
	Manual   Origin = iota // OpenSMTPD's smtpctl has it too
	Own                    // only this program has it
	Internal               // only this program has it, and no help or completion shows it
)

// An Effect says what a command may do to smtpd.
type Effect int

const (
	Shows            Effect = iota // nothing
	Changes                        // something, which --read-only refuses
	ChangesEnvelopes               // something to envelopes: it takes --dry-run and the like
	RemovesEnvelopes               // the same, and it takes --save
)

// Files say what a command does to the files of smtpd's queue by itself.
type Files int

const (
	ReadsFiles Files = iota // no more than reading them
	PutsFiles               // it puts some there, from the folder that its first argument names
	TakesFiles              // it deletes or replaces those that smtpd does not know
)

// Offers say what completion offers for the arguments of a command.
type Offers int

const (
	OffersListed   Offers = iota // what smtpd lists
	OffersUnlisted               // ids of envelope files on disk that smtpd does not list
	OffersNothing                // nothing live: what they select is not in the queue
	OffersPaused                 // addresses and domains between which relaying is paused
	OffersCounted                // what smtpd lists, of which it shows no list: it takes no order and no columns
)

// An Input says what a command reads from standard input.
type Input int

const (
	NoInput    Input = iota
	ReadsInput       // lines
	AsksInput        // lines, or where that is a terminal, what it asks for
)

// Needs say what of the machine a command needs once it runs.
type Needs int

const (
	NeedsSmtpd    Needs = iota // smtpd, its files and those that the user named
	NeedsNames                 // and name servers
	NeedsNothing               // not even the rights of root
	NeedsAnything              // files and programs that it will be told of
)

// Words say what the words after those of a command are.
type Words int

const (
	Plain    Words = iota // arguments and options
	Verbatim              // taken as they are, but for options of the command's own
	Secret                // the same, and a secret, which no message, log or history shows
)

// Changes reports whether --read-only refuses the command.
func (c *Command) Changes() bool { return c.Effect != Shows }

// Bulk reports whether the command acts on envelopes.
func (c *Command) Bulk() bool { return c.Effect >= ChangesEnvelopes }

// Begins reports whether a command with these words could be this one: its own words
// in full, and anything where it has arguments.
func (c *Command) Begins(words []string) bool {
	pattern := strings.Fields(c.Pattern)
	for i, w := range words {
		if i < len(pattern) && !isArg(pattern, i) && pattern[i] != w || i >= len(pattern) && !strings.HasSuffix(c.Pattern, "...>") {
			return false
		}
	}
	return true
}

// Own reports whether OpenSMTPD's smtpctl has no such command.
func (c *Command) Own() bool { return c.Origin != Manual }

// Hidden reports whether no help and no completion shows the command.
func (c *Command) Hidden() bool { return c.Origin == Internal }

// A Mode is the way in which lines come to a session.
type Mode int

// The three ways in; a script on standard input leaves none for commands to read.
const (
	OneShot   Mode = iota // one command, on the command line of the program
	FromFile              // a script in a file
	FromStdin             // a script on standard input
	AtPrompt              // a person types
)

// Lines reports whether there may be more than one command.
func (m Mode) Lines() bool { return m != OneShot }

// StdinTaken reports whether the commands come from standard input.
func (m Mode) StdinTaken() bool { return m == FromStdin }

// Interactive reports whether a person types the lines.
func (m Mode) Interactive() bool { return m == AtPrompt }

// A Host is the session that a call belongs to, for the commands that run others.
type Host interface {
	// Parse turns words into a call. It is nil if they were answered already.
	Parse(words []string) (*Call, error)
	// RunTo carries out a call with its output going to w.
	RunTo(ctx context.Context, c *Call, w io.Writer) error
	// RunShown is RunTo with the output that a terminal would get. It returns how many
	// lines the heads of a table take that the output began with.
	RunShown(ctx context.Context, c *Call, w io.Writer) (heads int, err error)
}

// A Log takes what a command that changes something is about to do, before it is
// done, and what came of it, before anything is printed.
type Log interface {
	Envelopes(ids []protocol.EnvelopeID)
	Messages(ids []protocol.MessageID)
	End(err error) // counts the first time that it is called
}

// Prefs are what the settings of the prompt say.
type Prefs struct {
	Confirm *int     // up to how many envelopes nobody is asked for; nil for what is usual
	Columns []string // of listings; nil for what is usual
}

// An Env is what a session lends to the commands that are given in it.
type Env struct {
	In     io.Reader // standard input, for commands marked Stdin
	Out    *Output   // where results go
	Err    io.Writer
	Getenv func(string) string
	Mode   Mode
	Prefs  Prefs
	Host   Host

	// Dial returns the connection to the smtpd that options name.
	Dial func(ctx context.Context, o Options) (*protocol.Conn, error)
	// Screen returns the size of the terminal that results go to, 0 and 0 if
	// they go elsewhere.
	Screen func() (cols, rows int)
	// Keys returns the keys that are typed from now on, which are not shown, until stop
	// is called. The channel is nil where there are none.
	Keys func() (keys <-chan string, stop func())
	// Confirm asks a yes-no question; nil where nobody can answer.
	Confirm func(ctx context.Context, question string) bool
	// Secret asks for a secret, which is not shown; nil where nobody can type it.
	Secret func(ctx context.Context, question string) (string, error)
	// Who names the person who gives the command, for logs.
	Who func() string
	// Linked returns the connection to smtpd if there is one; nil if there is none.
	Linked func() *protocol.Conn
	// StateDir is the folder of what outlasts a session; "" where there is none.
	StateDir string
	// Conf is the path of smtpd.conf; "" for that of the system.
	Conf string
	// Log takes what a command that changes something does; nil where nothing is
	// logged.
	Log Log
	// AtForcedEnd does something, and has what takes it back done if the program is
	// ended by force.
	AtForcedEnd func(do func() (undo func()))
	// QueueKey is the key of an encrypted queue once it has been typed.
	QueueKey *[]byte
}

// A Call is one command being carried out: the command, its arguments and what it
// may use.
type Call struct {
	Env
	Cmd  *Command
	Path []string // the words in full
	Args []grammar.Arg
	Opts Options

	Prepared any // what Prepare found out

	// AskAll makes an action ask first however few envelopes it is for, where there is
	// somebody to answer: a key is pressed more easily than a line is typed.
	AskAll bool

	Warning string  // what smtpd's OK does not say, for the result as JSON
	Counts  []Count // what an action on envelopes did, for the log
	Copies  string  // the folder with copies of what it removed, for the journal
	Undo    Undo    // how what it did is taken back

	heads []string // of the values that were printed last, split by commas or tabs
}

// Warnf tells the user something that is not a result.
func (c *Call) Warnf(format string, args ...any) {
	c.Out.Flush()
	fmt.Fprintln(c.Err, render.Bound(fmt.Sprintf(format, args...), render.MaxMessage))
}

// Conn returns the connection to smtpd.
func (c *Call) Conn(ctx context.Context) (*protocol.Conn, error) {
	return c.Dial(ctx, c.Opts)
}

// Text returns the text of an argument.
func (c *Call) Text(i int) string { return c.Args[i].Text }

// A Count is how many envelopes an action did something to.
type Count struct {
	Name string
	N    int
}

// AuditEnvelopes logs the ids of envelopes that are about to be acted on.
func (c *Call) AuditEnvelopes(ids []protocol.EnvelopeID) {
	if c.Log != nil {
		c.Log.Envelopes(ids)
	}
}

// AuditMessages logs the ids of messages that are about to be acted on.
func (c *Call) AuditMessages(ids []protocol.MessageID) {
	if c.Log != nil {
		c.Log.Messages(ids)
	}
}

// AuditEnd logs what came of a command, the first time that it is called.
func (c *Call) AuditEnd(err error) {
	if c.Log != nil {
		c.Log.End(err)
	}
}

// Bounds of a command in a message.
const (
	argsShown = 3  // arguments
	ArgBytes  = 80 // of each
)

// Typed returns the words of a call as they can be typed again, with its arguments
// quoted where that is needed.
func (c *Call) Typed() string {
	words := make([]string, len(c.Path))
	for i, w := range c.Path {
		words[i] = grammar.Quote(w)
	}
	return strings.Join(words, " ")
}

// Again returns a command so that it works where it is read: at the prompt as it is, in
// another shell with the name of this program, and the options that say which smtpd.
func (c *Call) Again(words string) string {
	if c.Mode.Interactive() {
		return words
	}
	head := "smtpctl "
	usual := DefaultOptions()
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
