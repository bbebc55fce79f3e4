// Package prompt reads lines at a terminal, with completion and history. It is the only package
// that imports go-prompt. go-prompt leaves terminals raw and can hang on signals, so this
// package handles the terminal, the signals and the loop itself.
package prompt

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	goprompt "github.com/c-bata/go-prompt"
	"github.com/mattn/go-runewidth"

	"smtpctl/completer/grammar"
	"smtpctl/shell/jobs"
	"smtpctl/shell/lineedit"
)

// A Suggestion is one line of the menu.
type Suggestion struct {
	Text        string // replaces the word before the cursor
	Description string
}

// A Config says how a prompt looks and what it offers. Prefix is required; the other functions
// may be nil if the prompt is to do without them, but Unfinished needs Join.
type Config struct {
	// Prefix returns the text of the prompt, for a terminal with the given number of columns.
	Prefix func(cols int) string
	// Complete returns suggestions for byte pos of a line and, in more, how many there are
	// besides, below 0 if that is unknown. It is called for every key, so it must not wait.
	Complete func(line string, pos int) (list []Suggestion, more int)
	// MenuOnTab says that the menu opens only when Tab is pressed.
	MenuOnTab bool
	// Asks reports whether a ? typed between two parts of a line asks for help; otherwise it is
	// inserted. again says that help was just given at this place. Asks is not called for a ?
	// in quotes.
	Asks func(before, after string, again bool) bool
	// Help prints what can come next in a line, for the ? key. Meanwhile the terminal has the
	// settings with which it was found.
	Help func(line string)
	// Edit lets the user edit a line in another program, and returns the new line, or false to
	// keep the old one. Meanwhile the terminal has the settings with which it was found.
	Edit func(line string) (edited string, ok bool)
	// Unfinished returns in few words why a line is incomplete, or "" if it is complete. Join
	// joins an incomplete line with the next one.
	Unfinished func(line string) string
	Join       func(line, next string) string
	// History returns the lines of the history, the oldest first. It is called each time they
	// are needed. The prompt does not modify the result.
	History func() []string
	// Search returns up to max lines of the history that match a text, the closest first.
	Search func(history []string, text string, max int) []string
	// Color allows colours.
	Color bool
	// Hints shows, in grey and only with Color, the rest of the newest line of the history that
	// begins with the line being typed.
	Hints bool
	// Highlight returns the parts of a line to colour, in their order. It needs Color.
	Highlight func(line string) []Span
	// Above, if not nil, knows the rows above the prompt, which the menu may then push off the
	// screen and put back.
	Above *Above
}

// ErrClosed means that the terminal has gone, or that Interrupt was called.
var ErrClosed = errors.New("the terminal is closed")

// menuRows is how many suggestions the menu shows at most. It shows fewer on a screen a third
// of which has less room.
const menuRows = 10

// Texts in the prefix that say that smtpd does not answer, or that it cannot be reached.
const (
	notConnected = "not connected"
	noAnswer     = "no answer"
)

// A Prompt reads lines from the controlling terminal. Line must not be called from several
// goroutines at once; Refresh, Interrupt, DropInput and Restore may be called from any.
type Prompt struct {
	cfg  Config
	tty  *terminal
	out  *writer
	keys *keySource
	gp   *goprompt.Prompt
	quit chan struct{}
	stop sync.Once

	history  []string // the last result of Config.History
	editor   lineedit.Editor
	lastAct  string // the act of the last key, "" if it had none
	acted    bool   // lastAct has been carried out, but not drawn yet
	walk     walk
	hint     hint
	painting painting

	held      held
	elsewhere elsewhere
	helpFor   string // the line for which help was shown last
	// closed is the line for which the menu is closed. openWord is the byte at which the word
	// begins for which Tab has opened the menu, or -1.
	closed   string
	openWord int
	last     struct { // the last suggestions, and the line and place that they were for
		text string
		pos  int
		list []goprompt.Suggest
	}
}

// Usable reports whether a prompt can be opened: there is a controlling terminal, and TERM says
// that it can do more than print. It does not look at the standard streams. env is as
// os.Getenv.
func Usable(env func(string) string) bool {
	if term := env("TERM"); term == "" || term == "dumb" {
		return false
	}
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// New opens the controlling terminal, and begins to watch for changes of its size. The caller
// must call Close. New also unsets the environment variable GO_PROMPT_ENABLE_LOG.
func New(cfg Config) (*Prompt, error) {
	os.Unsetenv("GO_PROMPT_ENABLE_LOG") // go-prompt would write a log into the current folder
	tty, err := openTerminal()
	if err != nil {
		return nil, err
	}
	p := &Prompt{cfg: cfg, tty: tty, quit: make(chan struct{})}
	tty.prefix = p.prefix
	p.editor.LastWord = p.lastWord
	p.out = newWriter(tty, cfg.Color)
	if cfg.Color && cfg.Highlight != nil {
		p.out.paint.spans = p.spansOf
	}
	p.out.room.above = cfg.Above
	p.build()
	go p.signals()
	return p, nil
}

// Close restores the settings with which the terminal was found, and closes it. It must not
// be called before Line has returned; a second call does nothing.
func (p *Prompt) Close() {
	p.stop.Do(func() {
		close(p.quit)
		p.tty.close()
	})
}

// Restore restores the settings with which the terminal was found, for a program that is about
// to end by force. It may be called at any time before Close.
func (p *Prompt) Restore() { p.tty.TearDown() }

// Refresh makes the prompt call Config.Complete again and show the result, as soon as no
// suggestion is selected.
func (p *Prompt) Refresh() { p.tty.refresh() }

// Interrupt makes Line return ErrClosed.
func (p *Prompt) Interrupt() { p.tty.interrupt(exitClosed) }

// DropInput discards the keys that were typed ahead and read, but not used yet. It is for a
// Ctrl-C while a command runs.
func (p *Prompt) DropInput() { p.tty.dropInput() }

// signals reports changes of the size of the window, and returns after Close.
func (p *Prompt) signals() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(ch)
	for {
		select {
		case sig := <-ch:
			p.cfg.Above.Lose()
			if sig == syscall.SIGWINCH {
				p.tty.resized()
			}
		case <-p.quit:
			return
		}
	}
}

// Line reads one line, joined with the lines that continue it. It returns io.EOF for Ctrl-D on
// an empty line, and ErrClosed when the terminal has gone or Interrupt is called. When Line
// returns, the terminal has the settings with which it was found.
func (p *Prompt) Line() (line string, err error) {
	p.begin()
	for {
		p.out.setMuted(false)
		p.closed, p.openWord = "", -1
		p.out.paint.hint = "" // the old hint was cut for the old width
		p.beginRoom()
		line, ok := p.input()
		p.out.setMuted(false)
		why, key := p.tty.takeExitReason()
		if !ok && why != exitClosed {
			continue
		}
		switch why {
		case exitClosed:
			return "", ErrClosed
		case exitResize:
			p.cfg.Above.Lose()
			p.tty.write("\r\x1b[J")
			continue
		case exitSuspend:
			jobs.Stop()
			p.cfg.Above.Lose()
			continue
		case exitHelp:
			if p.cfg.Help != nil {
				p.cfg.Help(p.helpFor)
			}
			continue
		case exitEdit:
			p.edited()
			p.cfg.Above.Lose()
			continue
		}
		if line == "" && key == keyCtrlD && p.held.why == "" {
			return "", io.EOF
		}
		if line == "" && key == keyCtrlD {
			p.begin() // drops the incomplete line
			continue
		}
		if p.hold(line) {
			continue
		}
		return p.held.text, nil
	}
}

// helpKey makes Line show help for the line up to the cursor, or inserts the question mark if
// it does not ask for help.
func (p *Prompt) helpKey(buf *goprompt.Buffer) {
	before, after := p.held.base()+buf.Document().TextBeforeCursor(), buf.Document().TextAfterCursor()
	again := p.helpFor != "" && p.helpFor == before
	if inQuotes(before) || p.cfg.Asks != nil && !p.cfg.Asks(before, after, again) {
		buf.InsertText(keyHelp, false, true)
		return
	}
	p.helpFor = before
	p.tty.interrupt(exitHelp)
}

// inQuotes reports whether a quote is open at the end of text.
func inQuotes(text string) bool {
	tokens := grammar.Scan(text)
	return len(tokens) > 0 && tokens[len(tokens)-1].InQuotes()
}

func (p *Prompt) suggest(text string, pos int) ([]goprompt.Suggest, int) {
	if p.cfg.Complete == nil {
		return nil, 0
	}
	base := p.held.base()
	if base != "" && base[len(base)-1] != ' ' && !strings.Contains(text[:pos], betweenWords) {
		return nil, 0 // the word began in the line before, where it cannot be replaced
	}
	list, more := p.cfg.Complete(base+text, len(base)+pos)
	out := make([]goprompt.Suggest, len(list))
	for i, s := range list {
		out[i] = goprompt.Suggest{Text: s.Text, Description: s.Description}
	}
	return out, more
}

// textWidth returns how many columns a text takes, not counting newlines.
func textWidth(s string) int { return runewidth.StringWidth(strings.ReplaceAll(s, "\n", "")) }

// isPartial reports whether a suggestion is only the beginning of a word: a folder, or the key
// of a term.
func isPartial(text string) bool { return strings.HasSuffix(text, "/") || strings.HasSuffix(text, "=") }
