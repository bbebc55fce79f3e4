// Package command defines a command of the shell, which is an entry of the command
// table, and a call of it, which gives a handler everything that it may use. The
// package knows no single command.
package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A Command is an entry of the command table.
type Command struct {
	// Pattern is the pattern of the command's words, as package grammar reads it, such
	// as "pause envelope <selector>".
	Pattern string
	Group   string
	Summary string // one line
	Help    string // paragraphs, may be empty
	// HelpOf, if not nil, returns what Help would be, where that depends on other tables.
	HelpOf func() string
	Origin Origin
	Effect Effect
	Input  Input
	Needs  Needs
	// Reach says what it needs of the machine of smtpd, where that is another one.
	Reach Reach
	// Local is, of what NeedsFiles, why it works only where smtpd is.
	Local string
	// Single is why the command is for one machine at a time, "" if it is not.
	Single string
	// Sources marks what runs the commands in a file, and does nothing else.
	Sources bool
	// Repeated marks a command that is run again and again and mostly changes nothing.
	// It is logged only when it changes something.
	Repeated bool
	// TellsDown marks a command that also tells of an smtpd that cannot be reached.
	TellsDown bool
	// Files says what the command itself does to the files of smtpd's queue.
	Files Files
	// Logs marks a command that reads the mail log.
	Logs bool
	// State marks a command that reads the folder of files that outlast a session.
	State bool
	// Offers says which values completion offers for the arguments.
	Offers Offers
	// Settings are the words NAME=VALUE among its arguments that are no terms.
	Settings []*Setting
	// Flags are the flags that only this command has.
	Flags []Flag
	// Formats are the output formats that only this command has.
	Formats []string
	// Rows are what its results are, if they are a list: a struct with the names of the
	// JSON output, or one for each kind of list that it makes. A list has rows of one kind.
	Rows []any
	// OwnColumns says that its arguments choose the columns of its list.
	OwnColumns bool
	// Empty is the message for a person when there are no results.
	Empty string
	// Words says whether the words after the command are arguments or something else.
	Words Words
	// Inner, if set, returns the words of the command inside this one, given its own
	// words; nil where the first word of that command cannot come yet.
	Inner func(words []string) []string
	// Aims marks a command whose first argument says on which machines the command inside
	// it runs. The call is that of the command inside: this one is never run.
	Aims bool
	// Ready, if set, reports whether the command can do anything as things are now, for
	// completion. What is not known keeps it from nothing.
	Ready func(n *Now) bool
	// Every, if set, is a flag that may stand right after the word of the command, with a
	// number of seconds, and means nothing else there.
	Every string
	// Takes, if set, reports whether inner may stand inside this command.
	Takes func(inner *Command) bool
	// WholeIDs marks a command that never takes a shortened id, not even after a
	// question.
	WholeIDs bool
	// Screen marks a command that needs a whole terminal, so that no script can run it.
	Screen bool
	// Acts marks a command in which the user can give commands that act on envelopes.
	Acts bool
	// Lists marks what shows envelopes, for which _ stands in the commands after it.
	Lists bool
	// Rounds marks a command that asks the machines by itself, again and again, where it is
	// for several and goes on: it runs once, and not once for each.
	Rounds bool
	// Live marks a command that runs until it is interrupted, or that ends the session.
	// Its output never goes through the pager.
	Live bool
	// Check, if set, checks the arguments before anything is sent.
	Check func(c *Call) error
	// Prepare, if set, finds out what the process can no longer find out once it has
	// given up what the command does not need. It returns the ports of the name servers
	// that the command will use.
	Prepare func(c *Call) (ports []uint16, err error)
	Run     func(ctx context.Context, c *Call) error
}

// An Origin says whether OpenSMTPD's smtpctl has the command.
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

// Files says what a command itself does to the files of smtpd's queue.
type Files int

const (
	ReadsFiles Files = iota // no more than reading them
	PutsFiles               // it puts some there, from the folder that its first argument names
	TakesFiles              // it deletes or replaces those that smtpd does not know
)

// Offers says what completion offers for the arguments of a command.
type Offers int

const (
	OffersListed   Offers = iota // what smtpd lists
	OffersUnlisted               // ids of envelope files on disk that smtpd does not list
	OffersNothing                // nothing live: what they select is not in the queue
	OffersPaused                 // addresses and domains between which relaying is paused
)

// An Input says what a command reads from standard input.
type Input int

const (
	NoInput    Input = iota
	ReadsInput       // lines
	AsksInput        // lines, or where that is a terminal, what it asks for
)

// Needs says what a running command needs of the machine.
type Needs int

const (
	NeedsSmtpd    Needs = iota // smtpd, its files and those that the user named
	NeedsNames                 // and name servers
	NeedsNothing               // not even the rights of root
	NeedsAnything              // files and programs that it will be told of
)

// Words says what the words after the command are.
type Words int

const (
	Plain    Words = iota // arguments and options
	Verbatim              // taken as they are, but for options of the command's own
	Secret                // the same, and a secret, which no message, log or history shows
)

// Changes reports whether --read-only refuses the command.
func (c *Command) Changes() bool { return c.Effect != Shows }

// LongHelp returns the paragraphs about the command, which may be empty.
func (c *Command) LongHelp() string {
	if c.HelpOf != nil {
		return c.HelpOf()
	}
	return c.Help
}

// Bulk reports whether the command acts on envelopes.
func (c *Command) Bulk() bool { return c.Effect >= ChangesEnvelopes }

// Begins reports whether these words may be the beginning of this command: the words of
// the command in full, and any text where it has arguments.
func (c *Command) Begins(words []string) bool {
	pattern := strings.Fields(c.Pattern)
	for i, w := range words {
		if i < len(pattern) && !isArg(pattern, i) && pattern[i] != w || i >= len(pattern) && !strings.HasSuffix(c.Pattern, "...>") {
			return false
		}
	}
	return true
}

// Names reports whether word i of the command is this one, and no argument.
func (c *Command) Names(i int, word string) bool {
	pattern := strings.Fields(c.Pattern)
	return i < len(pattern) && pattern[i] == word
}

// Own reports whether OpenSMTPD's smtpctl has no such command.
func (c *Command) Own() bool { return c.Origin != Manual }

// Hidden reports whether help and completion leave the command out.
func (c *Command) Hidden() bool { return c.Origin == Internal }

// A Mode is the way in which lines reach a session.
type Mode int

// The ways in. A script on standard input leaves no input for its commands.
const (
	OneShot   Mode = iota // one command, on the command line of the program
	FromFile              // a script in a file
	FromStdin             // a script on standard input
	AtPrompt              // a person types
)

// Lines reports whether the session may get more than one command.
func (m Mode) Lines() bool { return m != OneShot }

// StdinTaken reports whether the commands come from standard input.
func (m Mode) StdinTaken() bool { return m == FromStdin }

// Interactive reports whether a person types the lines.
func (m Mode) Interactive() bool { return m == AtPrompt }

// A Host is the session of a call, for commands that run other commands.
type Host interface {
	// Parse turns words into a call for the smtpd of a host, which options name. The call
	// is nil if the words have been answered already.
	Parse(words []string, host string) (*Call, error)
	// RunTo carries out a call and writes its output to w.
	RunTo(ctx context.Context, c *Call, w io.Writer) error
	// RunShown is RunTo with the output that a terminal would get. heads is how many
	// lines of column heads the output began with.
	RunShown(ctx context.Context, c *Call, w io.Writer) (heads int, err error)
}

// Prefs are the settings of the prompt.
type Prefs struct {
	Confirm *int     // up to how many envelopes nobody is asked for; nil for what is usual
	Columns []string // of listings; nil for what is usual
}

// An Env is what a session provides to its commands.
type Env struct {
	In  io.Reader // standard input, for commands marked Stdin
	Out *Output   // where results go
	Err io.Writer
	// ErrStyle is the style of Err.
	ErrStyle render.Style
	Getenv   func(string) string
	Mode     Mode
	Prefs    Prefs
	Host     Host

	// Dial returns the connection to the smtpd that the options name.
	Dial func(ctx context.Context, o Options) (*protocol.Conn, error)
	// OnHost calls f with the call as it is for one of its machines. It may be called for
	// several machines at the same time, but not twice for one. ssh asks nothing meanwhile.
	// The error names the machine.
	OnHost func(ctx context.Context, c *Call, host string, f func(ctx context.Context, c *Call) error) error
	// Repeat prepares a call for several machines that is carried out again and again, so far
	// apart. It returns nil for a call for one machine, and an error for one that is refused.
	Repeat func(ctx context.Context, c *Call, every time.Duration) (Several, error)
	// Screen returns the size of the terminal that shows the results, or 0 and 0 if the
	// results go elsewhere.
	Screen func() (cols, rows int)
	// Keys returns the keys typed from now on, which are not echoed, until stop is
	// called. The channel is nil where no keys can be read.
	Keys func() (keys <-chan string, stop func())
	// Confirm asks a yes-no question. It is nil where nobody can answer.
	Confirm func(ctx context.Context, question string) bool
	// Secret asks for a secret, which is not echoed. It is nil where nobody can type
	// one.
	Secret func(ctx context.Context, question string) (string, error)
	// Who names the person who gives the command, for logs.
	Who func() string
	// LinkTo returns the connection to the smtpd that options name if there is one; nil if
	// there is none.
	LinkTo func(o Options) *protocol.Conn
	// SealFar says that no other machine can be reached from now on but those that have
	// been, and returns the folder that their connections need.
	SealFar func() string
	// Far returns another machine by its name.
	Far func(name string) Far
	// StateDir is the folder of what outlasts a session; "" where there is none.
	StateDir string
	// Conf is the path of smtpd.conf, or "" for the path of the system.
	Conf string
	// Patience is how much longer than usual a look may take that nobody has asked for. Only
	// tests set it, whose machine may be busy.
	Patience time.Duration
	// Log records changes. It is nil where nothing is logged.
	Log Log
	// AtForcedEnd calls do and, if the program is ended by force, the function that
	// reverts do. The returned undo does so earlier.
	AtForcedEnd func(do func() (undo func()))
	// QueueKey is the key of an encrypted queue, once somebody has typed it.
	QueueKey *[]byte
}

// A Call is one command being carried out: the command, its arguments, and all that its
// handler may use.
type Call struct {
	Env
	Viewing
	Cmd  *Command
	Path []string // the words in full
	Args []grammar.Arg
	Opts Options

	// Last is the listing that _ among the arguments stands for, nil without that word.
	Last *Listing
	// Aimed says that the command was inside one that said for which machines it is.
	Aimed bool

	Prepared any // what Prepare found out

	// Listing takes the envelopes that the command shows, for the commands after it; nil
	// where there can be none.
	Listing *Listing

	// Gather, if set, takes the rows of the call instead of its output.
	Gather func(row *Gathered) error

	// Join, if set, takes the result of the call instead of its output, where it is a Part.
	Join func(p Part)

	// Several, if set, carries out the call.
	Several Several

	// ForHost, if set, makes the call for one of several machines that of its machine, which
	// the options name.
	ForHost func(one *Call)

	// Expected, if set, compares --expect with the envelopes that the calls for all machines
	// have selected, of which this one has selected n. It waits until all have counted, and
	// nothing must be done if it returns an error.
	Expected func(ctx context.Context, n int) error

	// AskAll makes an action ask first, however few envelopes it is for, if there is
	// somebody to answer. It is for keys, which are pressed more easily than a line is
	// typed.
	AskAll bool

	Warning string  // what smtpd's OK does not say, for the result as JSON
	Counts  []Count // what an action on envelopes did, for the log
	Copies  string  // the folder with copies of what it removed, for the journal
	Undo    Undo    // how what it did is taken back

	picked *picked  // what --columns has named
	ended  bool     // nothing comes after the rows any more
	heads  []string // of the values that were printed last, split by commas or tabs
}

// Warnf tells the user something that is not a result. It goes to standard error.
func (c *Call) Warnf(format string, args ...any) {
	c.Out.Flush()
	fmt.Fprintln(c.Err, render.Bound(fmt.Sprintf(format, args...), render.MaxMessage))
}

// Conn returns the connection to smtpd, and opens it if necessary.
func (c *Call) Conn(ctx context.Context) (*protocol.Conn, error) {
	return c.Dial(ctx, c.Opts)
}

// Linked returns the connection to smtpd if there is one; nil if there is none.
func (c *Call) Linked() *protocol.Conn { return c.LinkTo(c.Opts) }

// Text returns the text of an argument.
func (c *Call) Text(i int) string { return c.Args[i].Text }
