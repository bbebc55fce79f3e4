package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/prompt"
	"smtpctl/shell/render"
	"smtpctl/shell/suggest"
)

// A repl is the prompt: it reads lines from a terminal and evaluates them.
type repl struct {
	s       *Session
	p       *prompt.Prompt // nil on a terminal that can only print
	in      *bufio.Reader  // then the lines come from here
	live    *suggest.Live
	history *history
	comp    *completer.Completer
	status  int // of the last command
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
	r.live = s.live(func() {
		if r.p != nil {
			r.p.Refresh()
		}
	})
	r.live.Selections = s.names.suggestions()
	r.live.Host = s.hostName(settings.Host)
	r.comp = s.completer(r.live, nil)
	if command.IsTerminal(s.io.Out) && prompt.Usable(s.io.Env) {
		p, err := prompt.New(prompt.Config{
			Prefix:    r.live.Prefix,
			Complete:  r.complete,
			Asks:      s.asksAbout,
			Help:      r.help,
			History:   r.history.all(),
			MenuOnTab: settings.Menu == menuOnTab,
			Color:     command.Colored(s.opts.Color, true, s.io.Env),
		})
		if err == nil {
			r.p = p
			defer p.Close()
			s.cleanup.do(func() func() { return p.Restore })
		}
	}
	r.banner(r.live.Host)
	// Before the terminal is closed: what is fetched wakes it when it comes.
	defer r.live.Stop()
	if r.p == nil {
		r.in = bufio.NewReader(s.io.In)
	}
	return r.loop()
}

// loop reads and evaluates lines. SIGINT ends the command that runs; SIGTERM,
// SIGHUP and SIGQUIT end the prompt too, by force if the command does not end.
func (r *repl) loop() int {
	sigs := make(chan os.Signal, 4)
	signal.Notify(sigs, endSignals...)
	defer signal.Stop(sigs)
	running := make(chan context.CancelCauseFunc, 1) // holds that of the command that runs
	ended := make(chan syscall.Signal, 1)            // holds the signal that ends the prompt
	done := make(chan struct{})
	defer close(done)
	go r.signals(sigs, running, ended, done)
	for {
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

// signals passes signals on to the command that runs or to the prompt.
func (r *repl) signals(sigs <-chan os.Signal, running chan context.CancelCauseFunc, ended chan<- syscall.Signal, done <-chan struct{}) {
	var force <-chan time.Time
	var first syscall.Signal // that ends the prompt
	for {
		var sig syscall.Signal
		select {
		case s := <-sigs:
			sig = s.(syscall.Signal)
		case <-force:
			r.s.forceExit(first)
		case <-done:
			// What is put back at the end may hang, too.
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
			if r.p != nil {
				r.p.Interrupt()
			}
		}
		select {
		case cancel := <-running:
			cancel(&command.SignalError{Sig: sig})
			running <- cancel
		default:
			if r.p == nil && sig != syscall.SIGINT {
				r.s.forceExit(sig) // it waits for a line
			}
		}
	}
}

// read returns the next line.
func (r *repl) read() (string, error) {
	if r.p != nil {
		return r.p.Line()
	}
	fmt.Fprint(r.s.io.Out, r.live.Prefix(plainCols))
	line, err := readLine(r.in)
	if err == io.EOF {
		fmt.Fprintln(r.s.io.Out)
	}
	return line, err
}

// plainCols is how wide a terminal is taken to be that can only print.
const plainCols = 80

// eval evaluates a line and reports whether it ends the session.
func (r *repl) eval(ctx context.Context, line string) (leave bool) {
	r.live.Stop()
	line = r.s.withoutPrompt(line)
	parsed := cmdline.Parse(line)
	if keepInHistory(r.s, parsed) {
		_ = r.history.add(line) // a disk that is full must not stop anybody
	}
	if r.p != nil {
		r.p.SetHistory(r.history.all())
	}
	err := r.s.evalLine(ctx, r.expandNames(parsed))
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

// keepInHistory reports whether a line may be kept: passwords may not, nor the
// hashes that they are compared with.
func keepInHistory(s *Session, line cmdline.Line) bool {
	return !s.mayHoldPassword(line) && !strings.Contains(line.Text, "--verify")
}

// complete returns what can stand at byte pos of line. The prompt replaces the text
// after the last blank before the cursor, where a word that has quotes may have
// begun earlier, and one after a semicolon later.
func (r *repl) complete(line string, pos int) (out []prompt.Suggestion, more int) {
	cut := len(line) - len(r.s.withoutPrompt(line))
	if cut > pos {
		return nil, 0
	}
	before := r.s.names.expandText(line[cut:pos])
	line, pos = before+line[pos:], len(before)
	found := r.comp.Complete(line, pos)
	word := found.Word
	from := strings.LastIndexByte(line[:pos], ' ') + 1
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

// help shows what can come next in a line.
func (r *repl) help(line string) {
	cols, _ := r.s.screenSize()
	if err := wrapTo(r.s.out, cols, func(w io.Writer) error { return r.s.printNext(w, line) }); err != nil {
		if r.s.mayHoldPassword(cmdline.Parse(line)) {
			err = errSecret
		}
		printError(r.s.err, r.s.style, err)
	}
	r.s.out.Flush()
}

// live returns the live values for completion.
func (s *Session) live(changed func()) *suggest.Live {
	dial := func(ctx context.Context) (*protocol.Conn, error) { return s.dial(ctx, s.opts) }
	source := suggest.NewSource(dial, func() string { return s.opts.Spool }, changed)
	source.NoFiles = s.opts.Restricted
	source.ReadOnly = s.opts.ReadOnly
	source.Offers = s.offers
	return source
}

// offers returns what the command whose words begin with these offers. All commands
// that begin so offer the same.
func (s *Session) offers(path []string) command.Offers {
	for _, c := range s.table {
		if c.Begins(path) {
			return c.Offers
		}
	}
	return command.OffersListed
}

// askSecret asks for a secret at the terminal.
func (s *Session) askSecret(ctx context.Context, question string) (string, error) {
	f, ok := s.io.In.(*os.File)
	if !ok {
		return "", errors.New("no terminal to type it at")
	}
	s.out.Flush()
	w := s.questions()
	fmt.Fprint(w, question)
	defer fmt.Fprintln(w)
	return prompt.ReadSecret(ctx, f)
}

// questions returns where questions to the user go: to standard error or, where that
// is elsewhere or closed, to the terminal that shows the results. What is answered must
// have been seen, even if warnings are held back.
func (s *Session) questions() io.Writer {
	if !command.IsTerminal(s.io.Err) && command.IsTerminal(s.io.Out) {
		return s.io.Out
	}
	return s.io.Err
}

// ask asks a yes-no question at the terminal. No answer is a no.
func (s *Session) ask(ctx context.Context, question string) bool {
	f, ok := s.io.In.(*os.File)
	if !ok {
		return false
	}
	s.out.Flush()
	w := s.questions()
	fmt.Fprintf(w, "%s [y/N] ", render.Bound(question, render.MaxMessage))
	line, err := prompt.ReadLine(ctx, f)
	if err != nil {
		fmt.Fprintln(w)
		return false
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes"
}
