// Package shell is the shell for smtpd: the command table, the session that
// evaluates lines, and the three ways in: one-shot, script and prompt.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/render"
)

// IO holds the streams of a session.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string // as os.Getenv
}

// A Session evaluates commands over one connection to smtpd, which it opens
// when first needed and again when smtpd went away.
type Session struct {
	opts  Options
	io    IO
	out   *output
	err   io.Writer
	style render.Style // for stderr

	table []*Command
	tree  *grammar.Tree
	link  link

	mode      Mode // how the lines come
	demo      bool // smtpd is a simulation in this process
	keepGoing bool // scripts go on after a failure
	depth     int  // of source within source

	// queueKey is the key of an encrypted queue that was typed.
	queueKey []byte

	conf string // smtpd's configuration, if not where it always is; for tests

	self string // the file of this program, to start it for some commands
	who  string // who gives the commands, if that is known already

	audit auditor // logs what changes something

	// cleanup is what is left to do if the program is ended by force.
	cleanup cleanup

	// confirm asks a yes-no question; nil where nobody can answer.
	confirm func(ctx context.Context, question string) bool
}

// NewSession returns a session with the given options.
func NewSession(opts Options, streams IO) *Session {
	s := &Session{opts: opts, io: streams, table: commandTable()}
	s.tree = newTree(s.table)
	s.setColor(opts.Color)
	return s
}

// setColor sets up the output streams.
func (s *Session) setColor(mode string) {
	outTTY, errTTY := isTerminal(s.io.Out), isTerminal(s.io.Err)
	s.out = newOutput(s.io.Out, outTTY, render.NewStyle(colored(mode, outTTY, s.io.Env)))
	s.style = render.NewStyle(colored(mode, errTTY, s.io.Env))
	s.err = s.io.Err
}

// Close closes the connections to smtpd and to syslogd.
func (s *Session) Close() {
	s.link.close()
	s.audit.close()
}

// errExit means that the session is to end.
var errExit = errors.New("exit")

// Eval evaluates one line, which may hold several commands split by
// semicolons. It stops at the first that fails unless the session keeps going.
func (s *Session) Eval(ctx context.Context, line string) error {
	commands, err := splitLine(line)
	if err != nil {
		return err
	}
	for _, c := range commands {
		if err := s.evalCommand(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// EvalWords evaluates one command given as words.
func (s *Session) EvalWords(ctx context.Context, words []string) error {
	c, err := s.parse(words)
	if err != nil || c == nil {
		return err
	}
	return s.run(ctx, c)
}

// env returns what the session lends to a command.
func (s *Session) env() Env {
	e := Env{
		In: s.io.In, Out: s.out, Err: s.err, Getenv: s.io.Env, Mode: s.mode, Host: s,
		Dial: s.dial, Screen: s.screenSize, Confirm: s.confirm, QueueKey: &s.queueKey,
		Linked: func() *protocol.Conn { return s.link.conn }, Conf: s.conf,
	}
	if isTerminal(s.io.In) && !s.mode.StdinTaken() {
		e.Secret = s.askSecret
	}
	return e
}

// Parse implements Host: it parses the words of a command inside another, of which
// none is a flag.
func (s *Session) Parse(words []string) (*Call, error) {
	return s.parse(append([]string{"--"}, words...))
}

// parse turns words into a call, checking all that can be checked without
// asking smtpd. Words that only ask for help or the version are answered here,
// and give no call.
func (s *Session) parse(words []string) (*Call, error) {
	c, err := s.resolve(words)
	if err != nil || c == nil {
		return nil, s.hideSecret(words, err)
	}
	return c, s.admit(c)
}

// resolve is parse without the checks that need the command to be known.
func (s *Session) resolve(words []string) (*Call, error) {
	opts, rest, err := parseOptions(words, s.opts, nil, s.literal)
	if err != nil {
		return nil, err
	}
	switch {
	case opts.version:
		fmt.Fprintln(s.out, versionLine())
		return nil, s.out.Flush()
	case opts.help:
		if err := s.printHelp(s.out, rest); err != nil {
			return nil, err
		}
		return nil, s.out.Flush()
	}
	if len(rest) == 0 {
		return nil, nil
	}
	if text := strings.Join(rest, " "); strings.HasSuffix(text, " ?") || text == "?" {
		if err := s.printNext(s.out, strings.TrimSuffix(text, "?")); err != nil {
			return nil, err
		}
		return nil, s.out.Flush()
	}
	m, err := s.tree.Resolve(rest)
	if err != nil {
		return nil, &UsageError{err}
	}
	return &Call{Env: s.env(), cmd: s.table[m.Rule], path: m.Path, args: m.Args, opts: opts}, nil
}

// literal reports whether a first word stands for a command after which nothing is
// an option, but for those that it returns.
func (s *Session) literal(word string) (own []string, ok bool) {
	switch {
	case word == completeWord:
		return nil, true
	case s.isEncrypt(word):
		return encryptFlags(), true
	}
	return nil, false
}

// isEncrypt reports whether a first word stands for encrypt.
func (s *Session) isEncrypt(word string) bool {
	m, err := s.tree.Resolve([]string{word})
	return err == nil && m.Path[0] == "encrypt"
}

// admit refuses calls that must not be carried out in this session.
func (s *Session) admit(c *Call) error {
	switch {
	case c.cmd.Changes() && c.opts.ReadOnly:
		return fmt.Errorf("%s: refused, this session is read-only", pathOf(c))
	case c.opts.Restricted && namesAFile(c):
		return usagef("%s: refused, --restricted lets no command read a file", pathOf(c))
	case c.cmd.Input != NoInput && s.mode.Interactive() && c.cmd.Input != AsksInput:
		return usagef("%s: at the prompt it wants arguments", pathOf(c))
	case c.cmd.Input != NoInput && s.mode.StdinTaken():
		return usagef("%s: standard input is taken by the script: give it an argument, or put the script into a file and use -f", pathOf(c))
	case c.cmd.Changes() && !c.cmd.Bulk() && c.opts.DryRun:
		return usagef("%s: --dry-run goes with commands that act on envelopes, this one would be carried out", pathOf(c))
	case !c.cmd.Bulk() && c.opts.Expect >= 0:
		return usagef("%s: --expect goes with commands that act on envelopes", pathOf(c))
	case c.opts.Save != "" && c.cmd.Group == groupQueue && c.cmd.Changes() && c.path[0] != "remove":
		return usagef("%s: --save goes with remove", pathOf(c))
	case c.opts.Output == formatMetrics && c.cmd.Pattern != "show stats":
		return usagef("%s: -o openmetrics goes with show stats", pathOf(c))
	case c.cmd.Changes() && len(c.args) == 1:
		id, ok := c.args[0].Value.(idArg)
		if ok && !id.whole() && (!s.mode.Interactive() || c.path[0] == "discover") {
			return usagef("%s: want 8 or 16 hex digits: a command that changes something takes no shortened id", pathOf(c))
		}
	}
	if err := s.misplaced(c); err != nil || c.cmd.Check == nil {
		return err
	}
	return c.cmd.Check(c)
}

// namesAFile reports whether an argument is the name of a file.
func namesAFile(c *Call) bool {
	return slices.ContainsFunc(c.args, func(a grammar.Arg) bool { return a.Kind.Name == "file" })
}

// Bounds of a command in a message.
const (
	argsShown = 3  // arguments
	argBytes  = 80 // of each
)

// pathOf returns the words of a call for a message, the first of its arguments
// each in its place and quoted. A password is never shown.
func pathOf(c *Call) string {
	var words []string
	shown := 0
	for i, w := range c.path {
		switch {
		case !c.isArg(i):
			words = append(words, w)
		case c.cmd.Pattern == "encrypt <password>":
		case shown == argsShown && len(c.args) > argsShown+1:
			return strings.Join(words, " ") + fmt.Sprintf(" and %d more", len(c.args)-shown)
		default:
			shown++
			words = append(words, strconv.Quote(render.Bound(w, argBytes)))
		}
	}
	return strings.Join(words, " ")
}

// verb returns the words of a call without its arguments.
func (c *Call) verb() string {
	var words []string
	for i, w := range c.path {
		if !c.isArg(i) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// isArg reports whether the word with this index in the path is an argument.
func (c *Call) isArg(i int) bool {
	pattern := strings.Fields(c.cmd.Pattern)
	return i >= len(pattern) || strings.HasPrefix(pattern[i], "<")
}

// run carries out a call.
func (s *Session) run(ctx context.Context, c *Call) error {
	do := c.cmd.Run
	if s.self != "" && isApart(c) {
		do = func(ctx context.Context, c *Call) error { return runApart(ctx, c, s.self) }
	}
	c.Log = s.auditBegin(c)
	err := do(ctx, c)
	c.auditEnd(err)
	if ferr := c.Out.End(); ferr != nil && err == nil {
		err = fmt.Errorf("standard output: %w", fileError(ferr))
	}
	if cause := context.Cause(ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(c.Out.err, cause)) {
		err = cause // and not where the output was at that moment
	}
	return err
}

// A link is the connection of a session.
type link struct {
	conn *protocol.Conn
	opts Options // that it was opened with
}

// fits reports whether the connection is what these options ask for.
func (l *link) fits(o Options) bool {
	return l.opts.Socket == o.Socket && l.opts.Spool == o.Spool && l.opts.Timeout == o.Timeout && l.opts.Window == o.Window
}

// dial returns the connection to the smtpd that opts names, opening it if there
// is none or the one there was has ended.
func (s *Session) dial(ctx context.Context, opts Options) (*protocol.Conn, error) {
	l := &s.link
	if l.conn != nil && l.fits(opts) && l.conn.Alive() {
		return l.conn, nil
	}
	l.close()
	conn, err := protocol.Dial(ctx, opts.Socket, protocol.Options{
		Timeout: opts.Timeout,
		Window:  opts.Window,
		Last:    spool.Open(opts.Spool).Last,
	})
	if err != nil {
		return nil, err
	}
	*l = link{conn: conn, opts: opts}
	return conn, nil
}

func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
