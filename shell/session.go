// Package shell is the shell for smtpd: the command table, the session that evaluates
// lines, and the three ways in: one-shot, script and prompt.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/across"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/fleet"
	"smtpctl/shell/prompt"
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

// A Session evaluates commands over one connection to smtpd, which it opens when it is
// first needed, and again after smtpd went away. It must not be used from several
// goroutines at once.
type Session struct {
	opts command.Options
	io   IO
	out  *command.Output
	err  io.Writer
	// console is standard error where that is a terminal, else nil.
	console *command.Console
	// above knows what stands on the terminal above the prompt; nil where there is none.
	above *prompt.Above
	style render.Style // for stderr

	table []*command.Command
	tree  *grammar.Tree
	fleet *fleet.Fleet // the machines

	mode      command.Mode // how the lines come
	lasting   bool         // something of it may outlast the process: it is that of the program
	demo      bool         // smtpd is a simulation in this process
	keepGoing bool         // scripts go on after a failure
	checking  bool         // lines are only checked, not carried out
	// carriedOut counts the commands carried out so far. unevaluated says that commands
	// of the line that failed last were not carried out.
	carriedOut  int
	unevaluated bool
	depth       int // of source within source

	// queueKey is the key of an encrypted queue that was typed.
	queueKey []byte

	names cmdline.Names // that the settings give to words, at the prompt
	prefs command.Prefs // what else they say

	// For tests:
	conf     string        // smtpd's configuration, if not where it always is
	patience time.Duration // see command.Env

	self func() string // returns the file of this program, to start it for some commands; nil in tests
	who  string        // who gives the commands, if that is known already

	audit auditor // logs what changes something

	changes changes // that undo can take back

	last *command.Listing // the last listing, whose envelopes _ stands for; nil before it

	// cleanup is the work that remains if the program is ended by force.
	cleanup cleanup

	// confirm asks a yes-no question; nil where nobody can answer.
	confirm func(ctx context.Context, question string) bool
}

// NewSession returns a session with the given options.
func NewSession(opts command.Options, streams IO) *Session {
	s := &Session{opts: opts, io: streams, table: commandTable()}
	s.tree = newTree(s.table)
	s.fleet = &fleet.Fleet{
		Env:         func(name string) string { return s.io.Env(name) },
		Asks:        func() bool { return command.IsTerminal(s.io.In) && !s.mode.StdinTaken() },
		Say:         func(line string) { fmt.Fprintln(s.err, line) },
		AtForcedEnd: s.cleanup.do,
	}
	s.setColor(opts.Color)
	return s
}

// Fleet implements fleet.Session.
func (s *Session) Fleet() *fleet.Fleet { return s.fleet }

// Options implements fleet.Session.
func (s *Session) Options() *command.Options { return &s.opts }

// setColor sets up the output streams.
func (s *Session) setColor(mode string) {
	outTTY, errTTY := command.IsTerminal(s.io.Out), command.IsTerminal(s.io.Err)
	s.err = s.io.Err
	if f, ok := s.io.Err.(*os.File); ok && errTTY {
		if s.console == nil {
			s.console = command.NewConsole(f)
		}
		s.err = s.console
	}
	style := render.NewStyle(command.Colored(mode, outTTY, s.io.Env))
	if s.out == nil {
		out := s.io.Out
		if outTTY {
			out = s.console.Over(out)
		}
		s.out = command.NewOutput(out, outTTY, style)
	}
	s.out.Style = style
	s.style = render.NewStyle(command.Colored(mode, errTTY, s.io.Env))
}

// Close closes the connections to smtpd and to syslogd.
func (s *Session) Close() {
	s.fleet.Close()
	s.audit.close()
}

// Eval evaluates one line, which may contain several commands separated by semicolons.
// It stops at the first command that fails, unless the session keeps going.
func (s *Session) Eval(ctx context.Context, line string) error {
	return s.evalLine(ctx, s.parser().Parse(line))
}

// parser returns what parses the lines of the session.
func (s *Session) parser() *cmdline.Parser {
	return &cmdline.Parser{Base: s.opts, Verbatim: s.verbatimFlags, Aims: s.aims}
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
		In: s.io.In, Out: s.out, Err: s.err, ErrStyle: s.style, Getenv: s.io.Env, Mode: s.mode, Host: s,
		Dial: s.fleet.Dial, OnHost: s.across().OnHost, Repeat: s.across().Repeat, Screen: s.screenSize, Keys: s.keys, Confirm: s.confirm, Who: s.whoGives, QueueKey: &s.queueKey,
		Prefs: s.prefs, StateDir: s.stateDir(), LinkTo: func(o command.Options) *protocol.Conn { return s.fleet.Link(o.Host) }, Far: s.fleet.Far, SealFar: s.fleet.Seal, Conf: s.conf, Patience: s.patience, AtForcedEnd: s.cleanup.do,
	}
	if command.IsTerminal(s.io.In) && !s.mode.StdinTaken() {
		e.Secret = s.askSecret
	}
	return e
}

// across returns what carries out commands on several machines.
func (s *Session) across() *across.Runner {
	return &across.Runner{Fleet: s.fleet, Log: s.auditBegin, Done: s.changes.add, Listed: s.listingDone, Counted: func() { s.carriedOut++ }}
}

// stateDir returns the folder of files that outlast the session. For a demo they end
// with the session.
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
func (s *Session) Parse(words []string, host string) (*command.Call, error) {
	words = append([]string{"--"}, words...)
	p := s.parser()
	p.Base.Host = host
	return s.call(words, p.Args(words))
}

// parse turns words into a call and checks everything that can be checked without
// smtpd. Words that only ask for help or the version are answered here, and the call is
// nil.
func (s *Session) parse(words []string) (*command.Call, error) {
	return s.call(words, s.parser().Args(words))
}

// call is parse for words that have been told apart.
func (s *Session) call(words []string, args *cmdline.Args) (*command.Call, error) {
	c, err := s.resolve(args)
	if err != nil || c == nil {
		return nil, s.hideSecret(words, err)
	}
	return c, s.checkAllowed(c)
}

// resolve is call without the checks that need the command to be known.
func (s *Session) resolve(args *cmdline.Args) (*command.Call, error) {
	opts, rest := args.Opts, args.Words
	hostErr := s.fleet.TakeHost(&opts, fleet.HostOption)
	switch {
	case args.Err != nil:
		return nil, args.Err
	case hostErr != nil:
		return nil, hostErr
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
	n := len(rest) - 1
	if asked, ok := strings.CutSuffix(rest[n], "?"); ok && (asked == "" || strings.HasSuffix(asked, " ")) {
		// Another shell may have been given the whole question as one word.
		at := s.parser().Place(asked)
		at.Words = slices.Concat(rest[:n], at.Words)
		if err := s.printNext(s.out, &at); err != nil {
			return nil, err
		}
		return nil, s.out.Flush()
	}
	m, err := s.resolveWords(rest, &opts)
	if err != nil {
		return nil, &command.UsageError{Err: err}
	}
	aimed := s.table[m.Rule].Aims
	if aimed {
		if m, err = s.aim(m, rest, &opts); err != nil {
			return nil, err
		}
	}
	if !aimed {
		if aimed, err = s.followLast(&opts, args.Given, m.Args); err != nil {
			return nil, err
		}
	}
	if opts.Host != "" && !strings.Contains(opts.Host, ",") {
		opts = s.fleet.ForHost(opts, opts.Host)
	}
	c := &command.Call{Env: s.env(), Cmd: s.table[m.Rule], Path: m.Path, Args: m.Args, Opts: opts, Aimed: aimed}
	if err := queue.Freeze(c, s.last, s.smtpdOf(opts)); err != nil {
		return nil, err
	}
	return c, across.PlaceIDs(c, s.checking)
}

// verbatimFlags reports whether a first word stands for a command whose arguments are
// taken literally, and returns the flags that are recognised before them. For any other
// command, it returns the flag that has another meaning directly after the word.
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
		if first == can.Path[0] && c.Every != "" {
			return []string{c.Every}, false
		}
	}
	return nil, false
}

// run carries out a call.
func (s *Session) run(ctx context.Context, c *command.Call) error {
	do := func(ctx context.Context, c *command.Call) error {
		if err := c.Cmd.Run(ctx, c); err != nil {
			return err
		}
		return c.EndRows()
	}
	self, child := "", false
	if s.self != nil && confine.NeedsChild(c) {
		self = s.self()
		child = self != ""
	}
	if child {
		do = func(ctx context.Context, c *command.Call) error {
			words, input := cmdline.ChildArgs(c)
			return confine.RunUnprivileged(ctx, c, self, words, input)
		}
	}
	if err := across.Check(s.fleet, c); err != nil { // as a command inside another it may have got its options since
		return err
	}
	if c.Several == nil {
		sayLast(c)
	}
	switch {
	case c.Several != nil:
		return c.Several.Run(ctx, c)
	case c.Hosts() != nil && !across.InRounds(c):
		if err := across.ReadInput(c); err != nil {
			return err
		}
		return s.across().Run(ctx, c, c.Meant())
	}
	if err := s.fleet.ReachFirst(ctx, c); err != nil {
		return err
	}
	if c.Cmd.Screen {
		ctx = fleet.Quiet(ctx) // the screen is in use when ssh would ask
	}
	c.Log = s.auditBegin(c)
	c.Out.Begin()
	if !child && !cmdline.Endless(c) && !(c.Cmd.Input != command.NoInput && len(c.Args) == 0 && command.IsTerminal(c.In)) {
		defer c.Progress(c.Verb()+": working", 0).End()
	}
	if child || c.Cmd.Screen || c.Opts.Host != "" && s.fleet.Link(c.Opts.Host) == nil {
		defer s.above.Lose() // it, or ssh, writes to the terminal itself
	}
	err := s.fleet.Explain(c, do(ctx, c))
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
	s.listingDone(ctx, c, err)
	return err
}
