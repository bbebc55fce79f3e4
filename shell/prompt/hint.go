package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/lineedit"
)

// A hint is the rest of the newest line of the history that begins with the line being typed.
// It is shown behind that line.
type hint struct {
	line string // the line being typed
	rest string // the rest of the line of the history
}

// minHint is how many columns must be free for a hint to be shown. hintCut ends a hint that is
// cut because it does not fit.
const (
	minHint = 6
	hintCut = "..."
)

// findHint finds the hint for a line, and cuts it to fit into the row of the cursor. There is
// no hint while a suggestion of the menu is selected, or the history is searched.
func (p *Prompt) findHint(d goprompt.Document) {
	p.hint, p.out.paint.hint = hint{}, ""
	if !p.cfg.Hints || !p.cfg.Color || d.Text == "" || d.TextAfterCursor() != "" || p.held.why != "" || p.tty.chooses() || p.tty.searches() {
		return
	}
	_, cols := p.tty.size()
	if cols != int(p.tty.GetWinSize().Col) {
		return // the terminal is too narrow to know the column of the cursor
	}
	room := cols - 1 - (textWidth(p.prefix())+textWidth(d.Text))%cols
	if room < minHint {
		return
	}
	for i := len(p.history) - 1; i >= 0; i-- {
		rest, ok := strings.CutPrefix(p.history[i], d.Text)
		if !ok || rest == "" {
			continue
		}
		p.hint = hint{d.Text, rest}
		p.out.paint.hint, p.out.paint.hintFor = runewidth.Truncate(rest, room, hintCut), d.Text
		return
	}
}

// takeHint appends the hint to the line or, if word, its first word. It does nothing and
// returns false if there is no hint for the line or the cursor is not at its end.
func (p *Prompt) takeHint(buf *goprompt.Buffer, word bool) bool {
	l := lineOf(buf.Document())
	h := p.hint
	if h.rest == "" || h.line != l.Text || l.At < len([]rune(l.Text)) {
		return false
	}
	p.editor.Saw(l)
	whole := []rune(h.line + h.rest)
	if word {
		whole = whole[:lineedit.WordEnd(whole, l.At)]
	}
	setLine(buf, lineedit.Line{Text: string(whole), At: len(whole)})
	return true
}

// chooses reports whether a suggestion of the menu is selected, and so shown in the line.
func (t *terminal) chooses() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.menu.selected()
}
