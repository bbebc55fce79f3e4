package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A menu follows which suggestion go-prompt has selected, which it does not
// tell.
type menu struct {
	n    int  // suggestions on screen
	sel  int  // 1 for the first of them, 0 for none
	open bool // the last of them is not a whole word, such as a folder
}

func (m *menu) selected() bool { return m.sel > 0 }

// key follows what a key does.
func (m *menu) key(k string) {
	switch {
	case k == keyTab, k == keyDown && m.sel > 0:
		m.sel++
		if m.sel > m.n {
			m.sel = 0
		}
	case k == keyBackTab, k == keyUp && m.sel > 0:
		m.sel--
		if m.sel < 0 {
			m.sel = m.n
		}
	case k == keyUp, k == keyDown:
	default:
		m.sel = 0
	}
}

// wayOut returns the keys after which nothing is selected, and nothing was taken.
func (m *menu) wayOut() []string {
	if back := m.n + 1 - m.sel; back < m.sel {
		return repeat(keyTab, back)
	}
	return repeat(keyBackTab, m.sel)
}

func repeat(key string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = key
	}
	return keys
}

// opens reports whether the menu is to be open after a key, given the line and the part
// of it before the cursor. Escape closes it until the line changes, and so does going
// through the history, where the arrows are needed. Where it opens on Tab only, it stays
// open until the word ends.
func (p *Prompt) opens(key goprompt.Key, text, before string) bool {
	word := strings.LastIndexByte(before, ' ') + 1
	tab := key == goprompt.Tab || key == goprompt.BackTab
	switch {
	case tab:
		p.closed, p.openWord = "", word
		return true
	case key == goprompt.Escape, key == goprompt.Up, key == goprompt.Down, key == goprompt.ControlP, key == goprompt.ControlN:
		p.closed, p.openWord = text, -1
	}
	if p.openWord != word {
		p.openWord = -1
	}
	switch {
	case p.openWord == word:
		return true
	case text == "", p.closed == text:
		return false
	}
	p.closed = ""
	return !p.cfg.MenuOnTab
}

// layMenu says how the menu is to be drawn: at most on a third of the screen, and below
// all rows of the line, also while a suggestion stands in it.
func (p *Prompt) layMenu(d goprompt.Document, more int) {
	rows, _ := p.tty.size()
	shown := min(max(rows/3, 1), menuRows)
	n := len(p.last.list)
	hidden := more
	if n > shown || more != 0 {
		if shown > 2 {
			shown-- // for the row that says so
		} else {
			hidden = 0
		}
	}
	if over := n - shown; over > 0 && hidden >= 0 {
		hidden += over
	}
	if rows < 3 {
		p.last.list = nil
	}
	_ = goprompt.OptionMaxSuggestion(uint16(shown))(p.gp)
	p.out.menu.lay(hidden, p.rowsBelow(d))
}

// rowsBelow returns how many rows of the line are below that of the cursor, or come to be
// when one of the suggestions takes the place of the word before it.
func (p *Prompt) rowsBelow(d goprompt.Document) int {
	cols := int(p.tty.GetWinSize().Col)
	before, after := textWidth(p.prefix())+textWidth(d.TextBeforeCursor()), textWidth(d.TextAfterCursor())
	separator := betweenWords
	if p.tty.searches() {
		separator = betweenLines
	}
	word := textWidth(d.GetWordBeforeCursorUntilSeparator(separator))
	widest := word
	for _, s := range p.last.list {
		widest = max(widest, textWidth(s.Text))
	}
	return (before-word+widest+after)/cols - before/cols
}
