package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A menu follows the keys to know which suggestion go-prompt has selected, because go-prompt
// does not report it.
type menu struct {
	n    int  // how many suggestions the menu has
	sel  int  // the selected suggestion: 1 for the first, 0 for none
	max  int  // how many suggestions are shown at most
	top  int  // the first suggestion that is shown, from 0
	open bool // the last suggestion is only the beginning of a word, such as a folder
}

func (m *menu) selected() bool { return m.sel > 0 }

// key takes in a key that go-prompt gets.
func (m *menu) key(k string) {
	switch {
	case k == keyTab, k == keyDown && m.sel > 0:
		if m.sel > 0 && m.top+m.max == m.sel {
			m.top++
		}
		m.sel++
		if m.sel > m.n {
			m.sel, m.top = 0, 0
		}
	case k == keyBackTab, k == keyUp && m.sel > 0:
		if m.sel > 1 && m.top == m.sel-1 {
			m.top--
		}
		m.sel--
		if m.sel < 0 {
			m.sel, m.top = m.n, m.n-min(m.max, m.n)
		}
	case k == keyUp, k == keyDown:
	default:
		m.sel, m.top = 0, 0
	}
}

// wayOut returns the keys that end the selection without taking a suggestion.
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

// opens reports whether the menu is to be open after a key, given the line and the part of it
// before the cursor. Escape closes the menu until the line changes, and so does a walk through
// the history, which needs the arrow keys. A menu that Tab has opened stays open until the
// word ends.
func (p *Prompt) opens(key goprompt.Key, text, before string) bool {
	word := strings.LastIndexByte(before, ' ') + 1
	tab := key == goprompt.Tab || key == goprompt.BackTab
	switch {
	case tab:
		p.closed, p.openWord = "", word
		return true
	case key == goprompt.Escape, key == goprompt.Up, key == goprompt.Down, p.lastAct == actOlder, p.lastAct == actNewer:
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

// layMenu plans how the menu is drawn: on at most a third of the screen, and below all rows of
// the line, even while a suggestion stands in the line. more is how many suggestions there are
// besides those in p.last.list, below 0 if that is unknown.
func (p *Prompt) layMenu(d goprompt.Document, more int) {
	rows, _ := p.tty.size()
	shown := min(max(rows/3, 1), menuRows)
	n := len(p.last.list)
	hidden := more
	if n > shown || more != 0 {
		if shown > 2 {
			shown-- // for the row that says how many are hidden
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
	gap := p.rowsBelow(d)
	texts := make([]string, n)
	for i, s := range p.last.list {
		texts[i] = s.Text
	}
	p.out.menu.lay(hidden, gap, texts)
	p.tty.setMenuRows(shown)
	_, cols := p.tty.size()
	p.out.plan(rows, min(len(p.last.list), shown)+p.out.menu.extra(), gap == 0 && p.oneRow(d, cols))
}

// oneRow reports whether the line fits into one row of the given number of columns, whichever
// suggestion replaces the word before the cursor.
func (p *Prompt) oneRow(d goprompt.Document, cols int) bool {
	width := textWidth(p.prefix()) + textWidth(d.Text)
	for _, s := range p.last.list {
		width = max(width, textWidth(p.prefix())+textWidth(d.Text)+textWidth(s.Text))
	}
	return width < cols && int(p.tty.GetWinSize().Col) == cols
}

// rowsBelow returns how many rows the line takes below the row of the cursor, if the longest
// suggestion replaces the word before the cursor.
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
