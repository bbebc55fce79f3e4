package prompt

import goprompt "github.com/c-bata/go-prompt"

// Separators of words for go-prompt. A suggestion replaces the word before the cursor; while
// the history is searched, it replaces the whole line.
const (
	betweenWords = " "
	betweenLines = "\x00"
)

// searchPrefix stands before the line while the history is searched.
const searchPrefix = "(history)> "

// startSearch begins a search of the history for the line, as it is typed. A second Ctrl-R does
// not get here: searchKey turns it into the key for the next match.
func (p *Prompt) startSearch(*goprompt.Buffer) {
	p.readHistory()
	_ = goprompt.OptionCompletionWordSeparator(betweenLines)(p.gp)
	p.tty.search(true)
}

// endSearch is called for keyWake, when go-prompt has taken the selected suggestion. It ends the
// search if a key has asked for its end.
func (p *Prompt) endSearch(*goprompt.Buffer) {
	if p.tty.searchEnds() {
		_ = goprompt.OptionCompletionWordSeparator(betweenWords)(p.gp)
	}
}

// prefix returns the text before the line.
func (p *Prompt) prefix() string {
	if p.tty.searches() {
		return searchPrefix
	}
	if p.held.why != "" {
		return "(" + p.held.why + ")> "
	}
	_, cols := p.tty.size()
	return p.cfg.Prefix(cols)
}

// matches returns the lines of the history that match a text, the closest first.
func (p *Prompt) matches(text string) []goprompt.Suggest {
	if p.cfg.Search == nil {
		return nil
	}
	var out []goprompt.Suggest
	for _, line := range p.cfg.Search(p.history, text, maxMatches) {
		out = append(out, goprompt.Suggest{Text: line})
	}
	return out
}

// maxMatches is how many lines of the history the search offers at most.
const maxMatches = 50

// search begins or ends the search of the history.
func (t *terminal) search(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.searching, t.ending = on, false
}

// searches reports whether the history is being searched.
func (t *terminal) searches() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.searching
}

// searchEnds ends the search if a key has asked for its end, and reports whether it did.
func (t *terminal) searchEnds() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ending {
		return false
	}
	t.searching, t.ending = false, false
	return true
}

// searchKey is translate while the history is searched. Ctrl-R, Tab and the arrows down and up
// select another match; Enter, Escape, Ctrl-G and the arrows left and right take the selected
// match into the line. t.mu is held.
func (t *terminal) searchKey(k string) string {
	switch k {
	case keyCtrlR:
		return keyTab
	case keyEnter, keyEscape, keyCtrlG, keyLeft, keyRight:
		if !t.menu.selected() && t.menu.n > 0 && k == keyEnter {
			t.queue = append([]string{keyEnter}, t.queue...)
			return keyTab // selects the first match; the Enter in the queue takes it
		}
		t.ending = true
		return keyWake
	case keyCtrlC, keyCtrlD:
		t.ending = true
		t.queue = append([]string{keyWake}, t.queue...)
	case keyUp, keyDown, keyCtrlP, keyCtrlN:
		if t.menu.n == 0 {
			return "" // nothing was found
		}
		if k == keyUp || k == keyCtrlP {
			return keyBackTab
		}
		return keyTab
	default:
		if act := actOf()[k]; act != "" {
			return actPrefix + act
		}
	}
	return k
}
