package prompt

import goprompt "github.com/c-bata/go-prompt"

// maxHeld is the length, in bytes, from which on a line counts as complete even if it is not.
const maxHeld = 1 << 20

// held holds the beginning of an incomplete line, whose rest is being typed in the next line.
type held struct {
	text string
	why  string // why the line is incomplete, "" if nothing is held
	join func(line, next string) string
}

// base returns the text that comes before the line being typed, "" if nothing is held.
func (h *held) base() string {
	if h.why == "" {
		return ""
	}
	return h.join(h.text, "")
}

// begin begins a new, empty line.
func (p *Prompt) begin() {
	p.helpFor = ""
	p.held = held{}
	p.lastAct = "" // so that the next walk through the history starts at its end
	p.editor.Begin()
	p.readHistory()
	_ = goprompt.OptionHistory(nil)(p.gp) // go-prompt's own history is not used
}

// hold joins a line with the text that is held, holds the result, and reports whether that is
// incomplete, so that another line must be read.
func (p *Prompt) hold(line string) bool {
	h := &p.held
	if h.why != "" {
		line = h.join(h.text, line)
	}
	h.text, h.why, h.join = line, "", p.cfg.Join
	if p.cfg.Unfinished != nil && len(line) < maxHeld {
		h.why = p.cfg.Unfinished(line)
	}
	p.lastAct = ""
	p.editor.Begin()
	return h.why != ""
}

// dropped is called by go-prompt after Ctrl-C has dropped the line.
func (p *Prompt) dropped(*goprompt.Buffer) { p.begin() }
