// Package prompt reads lines at a terminal, with completion and history. It is
// the only package that imports go-prompt, and keeps from it the terminal, the
// signals and the loop around it.
package prompt

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	goprompt "github.com/c-bata/go-prompt"
	"github.com/mattn/go-runewidth"

	"smtpctl/completer/grammar"
)

// A Suggestion is one line of the menu.
type Suggestion struct {
	Text        string // replaces the word before the cursor
	Description string
}

// A Config says how a prompt looks and what it offers.
type Config struct {
	// Prefix returns the text of the prompt, for a terminal with so many columns.
	Prefix func(cols int) string
	// Complete returns what can stand at byte pos of a line, and how many more there
	// are; below 0 if nobody knows.
	Complete func(line string, pos int) (list []Suggestion, more int)
	// MenuOnTab opens the menu only when Tab is pressed.
	MenuOnTab bool
	// Asks reports whether a ? between two parts of a line asks for help, and is not
	// itself; again says that help was just given there. It is never asked in quotes.
	Asks func(before, after string, again bool) bool
	// Help prints what can come next in a line, for the ? key. The terminal is
	// as it was found meanwhile.
	Help    func(line string)
	History []string
	Color   bool
}

// ErrClosed means that the terminal has gone, or that Close was called.
var ErrClosed = errors.New("the terminal is closed")

// menuRows is how many suggestions show at once, where a third of the screen has room.
const menuRows = 10

// notConnected is what the prefix says where smtpd does not answer.
const notConnected = "not connected"

// A Prompt reads lines.
type Prompt struct {
	cfg  Config
	tty  *terminal
	out  *writer
	keys *keySource
	gp   *goprompt.Prompt
	quit chan struct{}
	stop sync.Once

	history []string
	helpFor string // the line that help was asked for
	// closed is the line for which the menu is closed; openWord where the word begins
	// for which Tab has opened it, or -1.
	closed   string
	openWord int
	last     struct { // what was offered last
		text string
		pos  int
		list []goprompt.Suggest
	}
}

// Usable reports whether a prompt can be opened: the standard streams are a
// terminal that can do more than print.
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

// New opens the terminal. Close must be called in the end.
func New(cfg Config) (*Prompt, error) {
	os.Unsetenv("GO_PROMPT_ENABLE_LOG") // it would write a file into the current folder
	tty, err := openTerminal()
	if err != nil {
		return nil, err
	}
	p := &Prompt{cfg: cfg, tty: tty, quit: make(chan struct{}), history: cfg.History}
	tty.prefix = p.prefix
	p.out = newWriter(tty, cfg.Color)
	p.build()
	go p.signals()
	return p, nil
}

// Close puts the terminal back as it was found.
func (p *Prompt) Close() {
	p.stop.Do(func() { close(p.quit) })
	p.tty.close()
}

// Restore puts the terminal back as it was found, for a program that is about to
// end by force. It may be called at any time.
func (p *Prompt) Restore() { p.tty.TearDown() }

// Refresh makes the prompt ask for suggestions again and show them, as soon as
// that disturbs nobody.
func (p *Prompt) Refresh() { p.tty.refresh() }

// Interrupt makes Line return ErrClosed.
func (p *Prompt) Interrupt() { p.tty.interrupt(exitClosed) }

// DropInput forgets what has been typed ahead, as Ctrl-C is to do while a
// command runs.
func (p *Prompt) DropInput() { p.tty.dropInput() }

// signals follows the size of the window.
func (p *Prompt) signals() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGWINCH)
	defer signal.Stop(ch)
	for {
		select {
		case <-ch:
			p.tty.resized()
		case <-p.quit:
			return
		}
	}
}

// Line reads one line. It returns io.EOF for Ctrl-D on an empty line, and
// ErrClosed when the terminal has gone. The terminal is as it was found when it
// returns.
func (p *Prompt) Line() (line string, err error) {
	p.helpFor = ""
	for {
		p.out.setMuted(false)
		p.closed, p.openWord = "", -1
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
			p.tty.write("\r\x1b[J")
			continue
		case exitSuspend:
			suspend()
			continue
		case exitHelp:
			if p.cfg.Help != nil {
				p.cfg.Help(p.helpFor)
			}
			continue
		}
		if line == "" && key == keyCtrlD {
			return "", io.EOF
		}
		return line, nil
	}
}

// stopWait is how long the system may take to stop the program.
const stopWait = 300 * time.Millisecond

// suspend stops the program's process group, as Ctrl-Z does, and returns when
// it goes on. Where nobody could make it go on again it is not stopped.
func suspend() {
	cont := make(chan os.Signal, 1)
	signal.Notify(cont, syscall.SIGCONT)
	defer signal.Stop(cont)
	syscall.Kill(0, syscall.SIGTSTP)
	select {
	case <-cont:
	case <-time.After(stopWait):
	}
}

// SetHistory replaces the history.
func (p *Prompt) SetHistory(lines []string) {
	p.history = lines
	_ = goprompt.OptionHistory(lines)(p.gp)
}

// helpKey shows help for the line up to the cursor, or inserts the question
// mark where it is one.
func (p *Prompt) helpKey(buf *goprompt.Buffer) {
	before, after := buf.Document().TextBeforeCursor(), buf.Document().TextAfterCursor()
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
	var q grammar.Quotes
	for _, r := range text {
		q.Step(r)
	}
	return q.Open()
}

func (p *Prompt) suggest(text string, pos int) ([]goprompt.Suggest, int) {
	if p.cfg.Complete == nil {
		return nil, 0
	}
	list, more := p.cfg.Complete(text, pos)
	out := make([]goprompt.Suggest, len(list))
	for i, s := range list {
		out[i] = goprompt.Suggest{Text: s.Text, Description: s.Description}
	}
	return out, more
}

// textWidth returns how many columns a text takes.
func textWidth(s string) int { return runewidth.StringWidth(strings.ReplaceAll(s, "\n", "")) }

// isPartial reports whether more of the same word follows a suggestion: in a
// folder, or after the key of a term.
func isPartial(text string) bool { return strings.HasSuffix(text, "/") || strings.HasSuffix(text, "=") }
