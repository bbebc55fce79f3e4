package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/prompt"
	"smtpctl/shell/render"
	"smtpctl/shell/suggest"
)

// A repl is the prompt: it reads lines from a terminal and evaluates them.
type repl struct {
	s       *Session
	p       *prompt.Prompt // nil if no prompt can be opened; lines are then read from in
	in      *bufio.Reader
	live    *suggest.Live
	history *history
	comp    *completer.Completer
	status  int // the exit status of the last command

	over context.Context // ended by a signal that ends the prompt
	end  context.CancelCauseFunc

	held        atomic.Bool // the line that is being read from in continues an earlier one
	hostSetting string      // how the prompt is to name the machine
}

// repl runs the prompt until the user leaves it, and returns the exit status.
func (s *Session) repl() int {
	s.mode = command.AtPrompt
	s.confirm = s.ask
	settings := s.settings()
	history, err := openHistory(historyPath(s.io.Env))
	if err != nil {
		fmt.Fprintln(s.err, render.Safe(fmt.Sprintf("smtpctl: lines are not kept: history: %v", command.FileError(err))))
	}
	r := &repl{s: s, history: history}
	r.over, r.end = context.WithCancelCause(context.Background())
	defer r.end(nil)
	r.live = s.live(func() {
		if r.p != nil {
			r.p.Refresh()
		}
	})
	r.live.Selections = selections(s.names)
	r.live.Last = func() *command.Listing { return s.last }
	r.hostSetting = settings.Host
	r.live.Host = s.hostName(settings.Host)
	r.comp = s.completer(r.live, nil)
	if err := s.reachFromPrompt(); err != nil {
		return printError(s.err, s.style, err)
	}
	if command.IsTerminal(s.io.Out) && s.console != nil && prompt.Usable(s.io.Env) {
		s.above = prompt.NewAbove()
		s.console.Tee(s.above)
	}
	if command.IsTerminal(s.io.Out) && prompt.Usable(s.io.Env) {
		cfg := prompt.Config{
			Prefix:     r.live.Prefix,
			Complete:   r.complete,
			Asks:       r.asksAbout,
			Edit:       r.editLine,
			Unfinished: r.unfinished,
			Join:       cmdline.Join,
			Help:       r.help,
			History:    r.history.all,
			Search:     completer.RankLines,
			Above:      s.above,
			MenuOnTab:  settings.Menu == menuOnTab,
			Color:      command.Colored(s.opts.Color, true, s.io.Env),
			Hints:      settings.Suggestion != never,
		}
		if settings.Highlight != never {
			cfg.Highlight = s.highlight(r.parser(), r.comp.Options)
		}
		if p, err := prompt.New(cfg); err == nil {
			r.p = p
			defer p.Close()
			s.cleanup.do(func() func() { return p.Restore })
		}
	}
	r.banner(r.live.Host)
	// Live values must stop before the terminal is closed: each value that arrives wakes the
	// terminal.
	defer r.live.Stop()
	if r.p == nil {
		r.in = bufio.NewReader(s.io.In)
	}
	return r.loop()
}

// loop reads and evaluates lines. SIGINT ends the running command. SIGTERM, SIGHUP and
// SIGQUIT also end the prompt, by force if the command does not end.
func (r *repl) loop() int {
	sigs := make(chan os.Signal, 4)
	signal.Notify(sigs, endSignals...)
	defer signal.Stop(sigs)
	running := make(chan context.CancelCauseFunc, 1) // holds the cancel function of a running command
	ended := make(chan syscall.Signal, 1)            // holds the signal that ends the prompt
	done := make(chan struct{})
	defer close(done)
	go r.signals(sigs, running, ended, done)
	for {
		r.live.SetHost(r.s.hostName(r.hostSetting))
		r.live.RefreshState()
		line, err := r.read()
		select {
		case sig := <-ended:
			return command.StatusSignal + int(sig)
		default:
		}
		switch {
		case err == io.EOF:
			return r.status
		case err != nil:
			return command.StatusFailed
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		running <- cancel
		leave := r.eval(ctx, line)
		<-running
		cancel(nil)
		select {
		case sig := <-ended:
			return command.StatusSignal + int(sig)
		default:
		}
		if leave {
			return r.status
		}
	}
}

// signals passes signals on to the running command or to the prompt until done is closed. If
// the program has not ended quitGrace after a signal that ends it, or a second one arrives,
// signals ends the program by force.
func (r *repl) signals(sigs <-chan os.Signal, running chan context.CancelCauseFunc, ended chan<- syscall.Signal, done <-chan struct{}) {
	var force <-chan time.Time
	var first syscall.Signal // the first signal that ends the prompt
	for {
		var sig syscall.Signal
		select {
		case s := <-sigs:
			sig = s.(syscall.Signal)
		case <-force:
			r.s.forceExit(first)
		case <-done:
			// The work at the end of the program may hang as well.
			if first != 0 {
				time.AfterFunc(quitGrace, func() { r.s.forceExit(first) })
			}
			return
		}
		if sig == syscall.SIGINT && r.p != nil {
			r.p.DropInput()
		}
		if sig != syscall.SIGINT {
			if first != 0 {
				r.s.forceExit(first)
			}
			first, force = sig, time.After(quitGrace)
			ended <- sig
			r.end(&command.SignalError{Sig: sig})
			if r.p != nil {
				r.p.Interrupt()
			}
		}
		if sig == syscall.SIGINT {
			time.Sleep(afterKey)
		}
		select {
		case cancel := <-running:
			cancel(&command.SignalError{Sig: sig})
			running <- cancel
		default:
			if r.p == nil && sig != syscall.SIGINT {
				r.s.forceExit(sig) // loop is in a read that nothing else interrupts
			}
			if r.p == nil && r.held.Swap(false) {
				fmt.Fprint(r.s.io.Out, "\n"+r.live.Prefix(plainCols))
			}
		}
	}
}

// read returns the next line, joined with the lines that continue it, without a newline. It
// returns io.EOF at the end of the input.
func (r *repl) read() (string, error) {
	if r.p != nil {
		return r.p.Line()
	}
	text, prefix := "", r.live.Prefix(plainCols)
	for why := ""; ; {
		r.held.Store(why != "")
		fmt.Fprint(r.s.io.Out, prefix)
		line, err := readLine(r.in)
		if err == io.EOF {
			fmt.Fprintln(r.s.io.Out)
		}
		switch {
		case err == io.EOF && why != "":
			return "", nil // the rest of the line is missing, so it is dropped
		case err != nil:
			return "", err
		case r.held.Swap(false):
			line = cmdline.Join(text, line)
		}
		text, why = line, r.unfinished(line)
		if why == "" || len(text) > maxLine {
			return text, nil
		}
		prefix = "(" + why + ")> "
	}
}

// unfinished returns why a line is incomplete and continues in the next one, or "".
func (r *repl) unfinished(line string) string { return cmdline.Unfinished(r.s.withoutPrompt(line)) }

// plainCols is the assumed width of a terminal that can only print.
const plainCols = 80

// eval evaluates a line and reports whether it ends the session.
func (r *repl) eval(ctx context.Context, line string) (leave bool) {
	r.live.Stop()
	line = r.s.withoutPrompt(line)
	parsed := r.parser().Parse(line)
	if keepInHistory(r.s, parsed) {
		_ = r.history.add(line) // a full disk must not stop the user
	}
	r.showExpanded(parsed)
	err := r.s.evalLine(ctx, parsed)
	if errors.Is(err, command.ErrExit) {
		return true
	}
	var sig *command.SignalError
	if errors.As(err, &sig) && sig.Sig == syscall.SIGINT {
		fmt.Fprintln(r.s.err)
		if text := err.Error(); text != sig.Error() {
			fmt.Fprintln(r.s.err, render.Safe(text))
		}
		r.status = command.Status(err)
		return false
	}
	r.status = printError(r.s.err, r.s.style, err)
	return false
}

// keepInHistory reports whether a line may be kept. Passwords, and hashes to compare
// them with, may not.
func keepInHistory(s *Session, line cmdline.Line) bool {
	secret := func(word string) bool {
		return slices.ContainsFunc(cmdline.CommandFlags, func(f cmdline.CommandFlag) bool { return f.Secret && strings.Contains(word, "--"+f.Name) })
	}
	return !s.mayHoldPassword(line) && !slices.ContainsFunc(slices.Concat(line.Words()...), secret)
}

// complete returns the suggestions for byte pos of line and, in more, how many there are
// besides, below 0 if that is unknown. The prompt replaces the text after the last blank
// before the cursor, but a quoted word may begin before that blank, and a word after a
// semicolon behind it: suggestions are cut or extended to fit.
func (r *repl) complete(line string, pos int) (out []prompt.Suggestion, more int) {
	cut := len(line) - len(r.s.withoutPrompt(line))
	if cut > pos {
		return nil, 0
	}
	line = line[cut:pos]
	found := r.comp.Complete(r.parser().Place(line))
	word := found.Word
	from := strings.LastIndexByte(line, ' ') + 1
	for _, s := range found.List {
		text, ok := s.Typed, true
		if from > word.Start {
			text, ok = strings.CutPrefix(text, word.Raw[:from-word.Start])
		} else {
			text = line[from:word.Start] + text
		}
		if ok && text == render.Safe(text) {
			out = append(out, prompt.Suggestion{Text: text, Description: render.Safe(s.Description)})
		}
	}
	return out, found.More
}

// help prints what can come next in a line.
func (r *repl) help(line string) {
	cols, _ := r.s.screenSize()
	p := r.parser()
	if err := wrapTo(r.s.out, cols, func(w io.Writer) error { return r.s.printNextIn(w, p, line) }); err != nil {
		if r.s.mayHoldPassword(p.Parse(line)) {
			err = errSecret
		}
		printError(r.s.err, r.s.style, err)
	}
	r.s.out.Flush()
}

// live returns the source of live values for completion.
func (s *Session) live(changed func()) *suggest.Live {
	source := suggest.NewSource(s.dialQuietly, func() string { return s.opts.Spool }, changed)
	source.Servers, source.Gone = func() []string { return fleet.Hosts(s.opts) }, s.fleet.Gone
	source.Elsewhere = func() bool { return s.opts.Host != "" }
	source.NoFiles = s.opts.Restricted
	source.ReadOnly = s.opts.ReadOnly
	source.Offers, source.Settings = s.offers, s.settingsOf
	if !s.opts.Restricted {
		source.Hosts = s.fleet.Offered()
	}
	return source
}

// dialQuietly connects for completion and the prompt: it never starts an ssh or asks anything.
func (s *Session) dialQuietly(ctx context.Context, host string) (*protocol.Conn, error) {
	return s.fleet.DialQuietly(ctx, s.opts, host)
}

// offers returns what completion offers for the commands that begin with path, which is the
// same for all of them.
func (s *Session) offers(path []string) command.Offers {
	for _, c := range s.table {
		if c.Begins(path) {
			return c.Offers
		}
	}
	return command.OffersListed
}

// askSecret asks for a secret at the terminal, which does not show what is typed. It fails if
// standard input is not a file, or when ctx ends.
func (s *Session) askSecret(ctx context.Context, question string) (string, error) {
	f, ok := s.io.In.(*os.File)
	if !ok {
		return "", errors.New("no terminal to type it at")
	}
	s.out.Flush()
	defer s.console.Hold()()
	w := s.questions()
	s.dropTyped(w, f)
	fmt.Fprint(w, question)
	defer fmt.Fprintln(w)
	s.cleanup.listen() // or the terminal would stay silent
	return prompt.ReadSecret(ctx, f)
}

// questions returns the writer for questions, which the user must see even while warnings are
// held back: standard error if it is a terminal, else standard output if that is one.
func (s *Session) questions() io.Writer {
	switch {
	case s.console != nil:
		return s.console
	case command.IsTerminal(s.io.Out):
		return s.io.Out
	}
	return s.io.Err
}

// dropTyped discards the input that was typed before a question is shown, because a y that
// was meant for something else must not answer it. It says so if that was at least a line.
func (s *Session) dropTyped(w io.Writer, f *os.File) {
	if prompt.DropTyped(f) {
		s.above.Lose() // the terminal has echoed it
		fmt.Fprintln(w, "smtpctl: what was typed before this question is dropped, and does not answer it")
	}
}

// ask asks a yes-no question at the terminal and reports whether the answer was yes. No
// answer, an error and the end of ctx count as no.
func (s *Session) ask(ctx context.Context, question string) bool {
	f, ok := s.io.In.(*os.File)
	if !ok {
		return false
	}
	s.out.Flush()
	defer s.console.Hold()()
	w := s.questions()
	s.dropTyped(w, f)
	fmt.Fprintf(w, "%s [y/N] ", render.Bound(question, render.MaxMessage))
	line, err := prompt.ReadLine(ctx, f)
	if err != nil {
		fmt.Fprintln(w)
		return false
	}
	s.above.Write([]byte(line + "\n")) // the terminal has echoed the answer
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}
