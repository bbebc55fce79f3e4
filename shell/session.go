// Package shell is the shell for smtpd: the command table, the session that
// evaluates lines, and the three ways in: one-shot, script and prompt.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/state"
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
	opts  command.Options
	io    IO
	out   *command.Output
	err   io.Writer
	style render.Style // for stderr

	table []*command.Command
	tree  *grammar.Tree
	link  cachedConn

	mode      command.Mode // how the lines come
	lasting   bool         // something of it may outlast the process: it is that of the program
	demo      bool         // smtpd is a simulation in this process
	keepGoing bool         // scripts go on after a failure
	// carriedOut counts the commands so far, and unevaluated says that commands of
	// the line that failed last were not carried out.
	carriedOut  int
	unevaluated bool
	depth       int // of source within source

	// queueKey is the key of an encrypted queue that was typed.
	queueKey []byte

	names names         // that the settings give to words
	prefs command.Prefs // what else they say

	conf string // smtpd's configuration, if not where it always is; for tests

	self string // the file of this program, to start it for some commands
	who  string // who gives the commands, if that is known already

	audit auditor // logs what changes something

	changes changes // that undo can take back

	// cleanup is what is left to do if the program is ended by force.
	cleanup cleanup

	// confirm asks a yes-no question; nil where nobody can answer.
	confirm func(ctx context.Context, question string) bool
}

// NewSession returns a session with the given options.
func NewSession(opts command.Options, streams IO) *Session {
	s := &Session{opts: opts, io: streams, table: commandTable()}
	s.tree = newTree(s.table)
	s.setColor(opts.Color)
	return s
}

// setColor sets up the output streams.
func (s *Session) setColor(mode string) {
	outTTY, errTTY := command.IsTerminal(s.io.Out), command.IsTerminal(s.io.Err)
	s.out = command.NewOutput(s.io.Out, outTTY, render.NewStyle(command.Colored(mode, outTTY, s.io.Env)))
	s.style = render.NewStyle(command.Colored(mode, errTTY, s.io.Env))
	s.err = s.io.Err
}

// Close closes the connections to smtpd and to syslogd.
func (s *Session) Close() {
	s.link.close()
	s.audit.close()
}

// Eval evaluates one line, which may hold several commands split by
// semicolons. It stops at the first that fails unless the session keeps going.
func (s *Session) Eval(ctx context.Context, line string) error {
	return s.evalLine(ctx, cmdline.Parse(line))
}

// evalLine is Eval for a line that has been parsed.
func (s *Session) evalLine(ctx context.Context, line cmdline.Line) error {
	if line.Err != nil {
		return line.Err
	}
	before := s.carriedOut
	for i, c := range line.Commands {
		if err := s.evalCommand(ctx, c); err != nil {
			s.unevaluated = i+1 < len(line.Commands)
			return s.partlyDone(err, before)
		}
	}
	return nil
}

// env returns what the session lends to a command.
func (s *Session) env() command.Env {
	e := command.Env{
		In: s.io.In, Out: s.out, Err: s.err, Getenv: s.io.Env, Mode: s.mode, Host: s,
		Dial: s.dial, Screen: s.screenSize, Keys: s.keys, Confirm: s.confirm, Who: s.whoGives, QueueKey: &s.queueKey,
		Prefs: s.prefs, StateDir: s.stateDir(), Linked: func() *protocol.Conn { return s.link.conn }, Conf: s.conf, AtForcedEnd: s.cleanup.do,
	}
	if command.IsTerminal(s.io.In) && !s.mode.StdinTaken() {
		e.Secret = s.askSecret
	}
	return e
}

// stateDir returns the folder of what outlasts the session. That of a demo does not
// outlast it.
func (s *Session) stateDir() string {
	switch {
	case s.demo:
		return filepath.Join(filepath.Dir(s.opts.Socket), "state")
	case !s.lasting:
		return ""
	}
	return state.Dir(s.io.Env)
}

// Parse implements Host: it parses the words of a command inside another, of which
// none is a flag.
func (s *Session) Parse(words []string) (*command.Call, error) {
	return s.parse(append([]string{"--"}, words...))
}

// parse turns words into a call, checking all that can be checked without
// asking smtpd. Words that only ask for help or the version are answered here,
// and give no call.
func (s *Session) parse(words []string) (*command.Call, error) {
	c, err := s.resolve(words)
	if err != nil || c == nil {
		return nil, s.hideSecret(words, err)
	}
	return c, s.checkAllowed(c)
}

// resolve is parse without the checks that need the command to be known.
func (s *Session) resolve(words []string) (*command.Call, error) {
	opts, rest, err := cmdline.ParseOptions(words, s.opts, nil, s.verbatimFlags)
	if err != nil {
		return nil, err
	}
	switch {
	case opts.Version:
		fmt.Fprintln(s.out, versionLine())
		return nil, s.out.Flush()
	case opts.Help:
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
		return nil, &command.UsageError{Err: err}
	}
	return &command.Call{Env: s.env(), Cmd: s.table[m.Rule], Path: m.Path, Args: m.Args, Opts: opts}, nil
}

// verbatimFlags reports whether a first word stands for a command after which nothing is
// an option, but for those that it returns.
func (s *Session) verbatimFlags(word string) (own []string, ok bool) {
	can, err := s.tree.Next([]string{word})
	if err != nil {
		return nil, false
	}
	for _, c := range s.table {
		first, _, _ := strings.Cut(c.Pattern, " ")
		if first == can.Path[0] && (c.Words == command.Verbatim || c.Words == command.Secret) {
			return cmdline.FlagsAfter(first), true
		}
	}
	return nil, false
}

// checkAllowed refuses calls that must not be carried out in this session.
func (s *Session) checkAllowed(c *command.Call) error {
	switch {
	case c.Cmd.Changes() && c.Opts.ReadOnly:
		return fmt.Errorf("%s: refused, this session is read-only", command.PathOf(c))
	case c.Opts.Save != "" && c.Opts.ReadOnly:
		return command.Usagef("%s: --save is refused, this session is read-only", command.PathOf(c))
	case c.Opts.Restricted && namesAFile(c):
		return command.Usagef("%s: refused, --restricted lets no command read a file", command.PathOf(c))
	case c.Cmd.Screen && s.mode.Lines() && !s.mode.Interactive():
		return command.Usagef("%s: needs a terminal, which a script has not: use show queue", command.PathOf(c))
	case c.Cmd.Input != command.NoInput && s.mode.Interactive() && c.Cmd.Input != command.AsksInput:
		return command.Usagef("%s: needs arguments when used at the prompt", command.PathOf(c))
	case c.Cmd.Input != command.NoInput && s.mode.StdinTaken():
		return command.Usagef("%s: standard input is taken by the script: give it an argument, or put the script into a file and use -f", command.PathOf(c))
	case c.Cmd.Changes() && !c.Cmd.Bulk() && c.Opts.DryRun:
		return command.Usagef("%s: --dry-run goes with commands that act on envelopes, this one would be carried out", command.PathOf(c))
	case !c.Cmd.Bulk() && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect goes with commands that act on envelopes", command.PathOf(c))
	case c.Opts.Save != "" && c.Cmd.Group == command.GroupQueue && c.Cmd.Changes() && c.Cmd.Effect != command.RemovesEnvelopes:
		return command.Usagef("%s: --save goes with remove", command.PathOf(c))
	case c.Cmd.Lacks(c.Opts.Output):
		return command.Usagef("%s: -o %s goes with %s", command.PathOf(c), c.Opts.Output, s.having(c.Opts.Output))
	case c.Cmd.Changes() && len(c.Args) == 1:
		id, ok := c.Args[0].Value.(queue.IDArg)
		if ok && !id.Whole() && (!s.mode.Interactive() || c.Cmd.WholeIDs) {
			return command.Usagef("%s: want 8 or 16 hex digits: a command that changes something takes no shortened id", command.PathOf(c))
		}
	}
	if err := s.misplacedFlag(c); err != nil || c.Cmd.Check == nil {
		return err
	}
	return c.Cmd.Check(c)
}

// having names the commands that have a format.
func (s *Session) having(format string) string {
	var names []string
	for _, c := range s.table {
		if name, _, _ := strings.Cut(c.Pattern, " <"); !c.Lacks(format) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// namesAFile reports whether an argument is the name of a file.
func namesAFile(c *command.Call) bool {
	return slices.ContainsFunc(c.Args, func(a grammar.Arg) bool { return a.Kind.Path })
}

// run carries out a call.
func (s *Session) run(ctx context.Context, c *command.Call) error {
	do := c.Cmd.Run
	if s.self != "" && confine.NeedsChild(c) {
		do = func(ctx context.Context, c *command.Call) error {
			words, input := cmdline.ChildArgs(c)
			return confine.RunUnprivileged(ctx, c, s.self, words, input)
		}
	}
	c.Log = s.auditBegin(c)
	c.Out.Begin()
	err := do(ctx, c)
	c.AuditEnd(err)
	s.changes.add(c)
	if usage := (*command.UsageError)(nil); !c.Cmd.Sources && !errors.As(err, &usage) {
		s.carriedOut++
	}
	if ferr := c.Out.End(); ferr != nil && err == nil {
		err = ferr
	}
	if err == nil && c.Cmd.Empty != "" && c.Out.Empty() && (c.Out.Tty || s.mode.Interactive()) {
		c.Warnf("smtpctl: %s", c.Cmd.Empty)
	}
	if cause := context.Cause(ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(c.Out.Err, cause)) {
		err = cause // and not where the output was at that moment
	}
	return err
}

// A cachedConn is the connection of a session.
type cachedConn struct {
	conn *protocol.Conn
	opts command.Options // that it was opened with
}

// fits reports whether the connection is what these options ask for.
func (l *cachedConn) fits(o command.Options) bool {
	return l.opts.Socket == o.Socket && l.opts.Spool == o.Spool && l.opts.Timeout == o.Timeout && l.opts.Window == o.Window
}

// dial returns the connection to the smtpd that opts names, opening it if there
// is none or the one there was has ended.
func (s *Session) dial(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	l := &s.link
	if l.conn != nil && l.fits(opts) && l.conn.Alive() {
		return l.conn, nil
	}
	l.close()
	conn, err := protocol.Dial(ctx, opts.Socket, protocol.Options{
		Timeout: opts.Timeout,
		Window:  opts.Window,
		Last:    spool.Open(opts.Spool).IsLastEnvelope,
	})
	if err != nil {
		return nil, err
	}
	*l = cachedConn{conn: conn, opts: opts}
	return conn, nil
}

func (l *cachedConn) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
