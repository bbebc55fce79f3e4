package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"smtpctl/shell/command"
	"smtpctl/shell/confine"
)

// A pager passes text on to the terminal if it fits on the screen, otherwise to a
// program that shows it page by page.
type pager struct {
	screen     io.Writer
	rows, cols int
	start      func() (io.WriteCloser, error)

	held  []byte
	seen  int // bytes of held that have been measured
	lines int
	col   int
	to    io.WriteCloser // the program, once it runs
	plain bool           // there is no such program
	shown bool           // Show has written the beginning to the screen
}

func (p *pager) Write(b []byte) (int, error) {
	if p.to != nil {
		return p.to.Write(b)
	}
	if p.plain {
		return p.screen.Write(b)
	}
	p.held = append(p.held, b...)
	p.measure()
	if p.lines < p.rows {
		return len(b), nil
	}
	held := p.held
	p.held = nil
	to, err := p.start()
	if err != nil {
		p.plain = true
		_, err := p.screen.Write(held)
		return len(b), err
	}
	p.to = to
	if _, err := p.to.Write(held); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Show implements command.Shower: what was held back is written to the screen, and the program
// gets only what comes after it.
func (p *pager) Show() error {
	if p.to != nil || p.plain || p.seen < len(p.held) {
		return nil
	}
	_, err := p.screen.Write(p.held)
	p.shown = p.shown || len(p.held) > 0
	p.held, p.seen = nil, 0
	return err
}

// finish writes the text that fitted on the screen.
func (p *pager) finish() error {
	if p.to != nil {
		return p.to.Close()
	}
	_, err := p.screen.Write(p.held)
	return err
}

// tabStop is the width of a tab on terminals.
const tabStop = 8

// measure counts the lines of the screen that the text so far takes. Colours take no
// columns. An incomplete end waits for the next Write.
func (p *pager) measure() {
	for p.seen < len(p.held) {
		rest := p.held[p.seen:]
		r, size := utf8.DecodeRune(rest)
		width := 1
		switch {
		case r == '\n':
			p.lines++
			p.col, width = 0, 0
		case r == '\t':
			p.col = min(p.col+tabStop-p.col%tabStop, p.cols)
			width = 0
		case r == '\x1b':
			if size = escapeLen(rest); size == 0 {
				return
			}
			width = 0
		case r == utf8.RuneError && size == 1:
			if !utf8.FullRune(rest) {
				return
			}
		default:
			width = runewidth.RuneWidth(r)
		}
		if p.col += width; p.col > p.cols {
			p.lines++
			p.col = width
		}
		p.seen += size
	}
}

// escapeLen returns the length of the escape sequence at the start of b: that of a
// colour of this program, or 1 for any other. It is 0 if the sequence is incomplete.
func escapeLen(b []byte) int {
	for i, c := range b {
		switch {
		case i == 0 || i == 1 && c == '[':
		case i == 1 || i > 32:
			return 1
		case c >= '@' && c <= '~':
			return i + 1
		}
	}
	return 0
}

// defaultPager is used where $PAGER names no other, or may not.
const defaultPager = "less -FRX"

// runPaged carries out a call and passes output that does not fit on the screen through
// $PAGER, or less.
func (s *Session) runPaged(ctx context.Context, c *command.Call) error {
	program := s.io.Env("PAGER")
	var env []string
	if program == "" || c.Opts.ReadOnly {
		program = defaultPager
	}
	if c.Opts.ReadOnly {
		env = append(env, "LESSSECURE=1") // else it runs programs and writes files
	}
	if isLess(program) && s.io.Env("LESS") == "" {
		env = append(env, "LESS=FRX") // colours, and the text stays on the screen
	}
	cols, rows := s.screenSize()
	if rows < 3 || cols < 1 || strings.TrimSpace(program) == "cat" || command.Dumb(s.io.Env) {
		return s.run(ctx, c)
	}
	var cmd *exec.Cmd
	free := func() {}
	var p *pager
	p = &pager{screen: s.console.Over(s.io.Out), rows: rows - 1, cols: cols, start: func() (io.WriteCloser, error) {
		name, _, _ := strings.Cut(program, " ")
		if _, err := exec.LookPath(name); err != nil {
			return nil, err
		}
		var in *stream
		var err error
		if c.Out.Heads > 0 && !p.shown && isLess(program) && lessKeepsHeads(ctx, name) {
			program += fmt.Sprintf(" --header=%d", c.Out.Heads)
		}
		free = s.console.Hold()
		cmd, in, err = s.startShell(ctx, program, env...)
		return in, err
	}}
	defer s.holdWarnings(c)()
	c.Out = command.NewOutput(p, true, c.Out.Style)
	err := s.run(ctx, c)
	ferr := p.finish()
	if cmd != nil {
		confine.WaitChild(leaving(ctx), cmd)
	}
	free()
	if err == nil {
		err = ferr
	}
	if command.HadEnough(err) {
		err = nil // the reader had enough
	}
	return err
}

// isLess reports whether the program of a command of sh is less.
func isLess(command string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return filepath.Base(name) == "less"
}

// lessHeader is the version of less from which on it keeps the first lines in sight.
const lessHeader = 600

// lessPatience is how long less may take to print its version.
const lessPatience = 2 * time.Second

// lessKeepsHeads reports whether a less knows --header.
func lessKeepsHeads(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, lessPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, "--version")
	cmd.WaitDelay = lessPatience
	var version int
	out, err := cmd.Output()
	if err == nil {
		_, err = fmt.Sscanf(string(out[:min(len(out), 64)]), "less %d", &version)
	}
	return err == nil && version >= lessHeader
}

// leaving returns a context that ends with ctx except on Ctrl-C: the user of a pager
// decides when it ends.
func leaving(ctx context.Context) context.Context {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		var sig *command.SignalError
		if !errors.As(cause, &sig) || sig.Sig != syscall.SIGINT {
			cancel(cause)
		}
	})
	return out
}
