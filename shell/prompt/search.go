package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// Word separators: a suggestion replaces the word before the cursor, and while
// the history is searched the whole line.
const (
	betweenWords = " "
	betweenLines = "\x00"
)

// searchPrefix stands before the line while the history is searched.
const searchPrefix = "(history)> "

// startSearch begins to search the history for the line as it is typed. A
// second Ctrl-R goes to the next match, which the terminal sees to.
func (p *Prompt) startSearch(*goprompt.Buffer) {
	_ = goprompt.OptionCompletionWordSeparator(betweenLines)(p.gp)
	p.tty.search(true)
}

// endSearch is called after a key that go-prompt does nothing for: by then it
// has taken the suggestion that was selected.
func (p *Prompt) endSearch(*goprompt.Buffer) {
	if p.tty.searchEnds() {
		_ = goprompt.OptionCompletionWordSeparator(betweenWords)(p.gp)
	}
}

// prefix is the text before the line.
func (p *Prompt) prefix() string {
	if p.tty.searches() {
		return searchPrefix
	}
	_, cols := p.tty.size()
	return p.cfg.Prefix(cols)
}

// matches returns the lines of the history that hold a text, the latest first.
func (p *Prompt) matches(text string) []goprompt.Suggest {
	var out []goprompt.Suggest
	for i := len(p.history) - 1; i >= 0 && len(out) < maxMatches; i-- {
		if strings.Contains(p.history[i], text) {
			out = append(out, goprompt.Suggest{Text: p.history[i]})
		}
	}
	return out
}

// maxMatches is how many lines of the history are offered.
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

// searchEnds ends the search if it is to end, and reports whether it did.
func (t *terminal) searchEnds() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ending {
		return false
	}
	t.searching, t.ending = false, false
	return true
}

// searchKey translates a key while the history is searched: Enter, Escape and
// the arrows take what is found, Ctrl-R and Tab go on to the next match. t.mu
// is held.
func (t *terminal) searchKey(k string) string {
	switch k {
	case keyCtrlR:
		return keyTab
	case keyEnter, keyEscape, keyCtrlG, keyLeft, keyRight:
		if !t.menu.selected() && t.menu.n > 0 && k == keyEnter {
			t.queue = append([]string{keyEnter}, t.queue...)
			return keyTab // select the first, then come again
		}
		t.ending = true
		return keyWake
	case keyCtrlC, keyCtrlD:
		t.ending = true
		t.queue = append([]string{keyWake}, t.queue...)
	}
	return k
}
