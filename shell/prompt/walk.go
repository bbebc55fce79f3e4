package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"

	"smtpctl/shell/lineedit"
)

// A walk goes through the lines of the history that begin with the line that was typed.
type walk struct {
	typed lineedit.Line // the line that was typed before the first step
	lines []string      // the lines of the history that begin with it, the oldest first
	at    int           // the index of the line that is shown, len(lines) for typed
}

// readHistory reads the history anew.
func (p *Prompt) readHistory() {
	if p.cfg.History != nil {
		p.history = p.cfg.History()
	}
}

// older replaces the line by the next older line of the walk.
func (p *Prompt) older(buf *goprompt.Buffer) { p.walkBy(buf, -1) }

// newer replaces the line by the next newer line of the walk, at last by the typed line.
func (p *Prompt) newer(buf *goprompt.Buffer) { p.walkBy(buf, 1) }

// walkBy moves the walk by a number of lines. It begins a new walk, with the line as it is, if
// the last key was neither older nor newer or the line has changed.
func (p *Prompt) walkBy(buf *goprompt.Buffer, by int) {
	w := &p.walk
	if p.lastAct != actOlder && p.lastAct != actNewer || w.shown() != buf.Text() {
		p.readHistory()
		w.begin(p.history, lineOf(buf.Document()))
	}
	at := w.at + by
	if at < 0 || at > len(w.lines) {
		return
	}
	p.editor.Saw(lineOf(buf.Document()))
	w.at = at
	l := w.typed
	if at < len(w.lines) {
		l = lineedit.Line{Text: w.lines[at], At: len([]rune(w.lines[at]))}
	}
	setLine(buf, l)
}

// begin begins a walk at the typed line.
func (w *walk) begin(history []string, typed lineedit.Line) {
	w.typed, w.lines = typed, nil
	for _, line := range history {
		if line != typed.Text && strings.HasPrefix(line, typed.Text) {
			w.lines = append(w.lines, line)
		}
	}
	w.at = len(w.lines)
}

// shown returns the line that the walk has reached.
func (w *walk) shown() string {
	if w.at < len(w.lines) {
		return w.lines[w.at]
	}
	return w.typed.Text
}
