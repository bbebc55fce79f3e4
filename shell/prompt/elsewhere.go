package prompt

import (
	goprompt "github.com/c-bata/go-prompt"
	"golang.org/x/term"

	"smtpctl/shell/lineedit"
)

// elsewhere holds the line while another program, the editor, changes it.
type elsewhere struct {
	text string
	set  bool // text came back from the editor and is to become the line
}

// editElsewhere makes Input return, so that Line can let the user edit the line in another
// program.
func (p *Prompt) editElsewhere(buf *goprompt.Buffer) {
	if p.cfg.Edit != nil {
		p.elsewhere = elsewhere{text: p.held.base() + buf.Text()}
		p.tty.interrupt(exitEdit)
	}
}

// edited runs the other program and, if it succeeds, queues the act that replaces the whole
// line by its result.
func (p *Prompt) edited() {
	p.tty.lend(true)
	text, ok := p.cfg.Edit(p.elsewhere.text)
	p.tty.lend(false)
	if !ok {
		return
	}
	p.held = held{}
	p.elsewhere = elsewhere{text, true}
	p.tty.again(actPrefix + actSet)
}

// set replaces the line by the result of the other program.
func (p *Prompt) set(buf *goprompt.Buffer) {
	if e := p.elsewhere; e.set {
		p.elsewhere = elsewhere{}
		p.editor.Saw(lineOf(buf.Document()))
		setLine(buf, lineedit.Line{Text: e.text, At: len([]rune(e.text))})
	}
}

// lend notes that another program uses the terminal or, if on is false, no longer does: then
// it restores the settings with which the terminal was found.
func (t *terminal) lend(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent = on
	if !on {
		term.Restore(t.fd, t.cooked)
	}
}
