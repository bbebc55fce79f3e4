package prompt

import (
	"bytes"
	"sync/atomic"
	"time"

	goprompt "github.com/c-bata/go-prompt"

	"smtpctl/shell/trace"
)

// This file holds everything that the package relies on of the inside of go-prompt 0.2.6, whose
// last commit is from 2021. library_test.go checks each fact against the library.
//
// Input reads one line. Meanwhile two loops run, each of which polls every 10 ms:
//
//	            Setup                       a key
//	Input ------------> draw --> wait <---------------- reader: Read, Read, ...
//	                      ^       |  |                    one Read is one key: pasted
//	                      |       |  |                    text comes as one literal
//	                      |       |  |
//	   complete twice,    |       |  +--> Enter, or Ctrl-D on an empty line:
//	   draw, flush        |       |       TearDown, the reader is stopped, and what it
//	   (ShowCursor last)  |       |       has read since is lost; Input returns
//	                      |       v
//	                      +---- the key does its work; then the exit checker is asked,
//	                            and if it says so Input returns "" and keeps the text
//
// The state of the menu is independent of that:
//
//	            Tab, BackTab (also Down and Up once selected)
//	nothing ----------------------------------------------------> selected 1..n
//	selected   <------------------------------------------------
//	    any other key: takes the selected suggestion for the word before the cursor,
//	    then does what the key does. Enter so takes it and ends the line.
//
// What go-prompt does, and how the rest of the package deals with it:
//   - It panics if the list of suggestions shrinks while one is selected: complete returns the
//     same list then.
//   - It panics or gives up in a window that is too narrow: GetWinSize returns a larger size.
//   - It takes one read as one key, and loses keys that arrive after Enter: the terminal hands
//     on one key at a time, none before the last was drawn, and none between Enter and the
//     next Setup (terminal.go).
//   - For keyWake it completes and draws, as for other keys. If a suggestion is selected, it
//     takes the suggestion, so Enter is replaced by keyWake then (translate).
//   - It does not report which suggestion is selected: menu follows the keys.
//   - Its own editing keys do not keep the text that they delete, and count bytes instead of
//     runes: the terminal hands on an act in their place, for which go-prompt calls the
//     function in bindings, which sets the whole line (bindings.go).
//   - Its history knows neither prefixes nor other prompts, and is not used (walk.go).
//   - It asks for the prefix several times in one drawing, to measure and to write it, and again
//     to leave a line that is done: the writer gives it the prefix of the last drawing until it
//     moves the cursor to the beginning of the line, and from then on one and the same (writer.go).
//   - It writes the prefix and then the line, each as one text, before it erases the screen
//     below: the writer colours them and adds the hint (paint.go).
//   - It draws the menu below the row of the cursor, over the other rows of a long line: the
//     writer moves the menu down, and adds a row to it (menurow.go).

// keyWake is a key that go-prompt knows, but for which it only completes and draws.
const keyWake = "\x1b[E"

// known returns seq as text if it is a key that go-prompt knows or that is bound to an act,
// otherwise "".
func known(seq []byte) string {
	if len(seq) == 3 && seq[1] == 'O' && seq[2] >= 'A' && seq[2] <= 'H' {
		seq[1] = '[' // as terminals send this key in the other mode of the cursor keys
	}
	if actOf()[string(seq)] != "" {
		return string(seq)
	}
	for _, k := range goprompt.ASCIISequences {
		if k.Key != goprompt.Ignore && bytes.Equal(k.ASCIICode, seq) {
			return string(seq)
		}
	}
	return ""
}

// build makes a new go-prompt. After a panic it replaces the old one, which gets no more keys.
func (p *Prompt) build() {
	if p.keys != nil {
		p.keys.dead.Store(true)
	}
	p.keys = &keySource{terminal: p.tty}
	p.gp = goprompt.New(func(string) {}, p.complete,
		goprompt.OptionParser(p.keys),
		goprompt.OptionWriter(p.out),
		goprompt.OptionLivePrefix(func() (string, bool) { return p.out.drawn, true }),
		goprompt.OptionCompletionWordSeparator(betweenWords),
		goprompt.OptionMaxSuggestion(uint16(menuRows)),
		goprompt.OptionPrefixTextColor(goprompt.DefaultColor),
		goprompt.OptionPreviewSuggestionTextColor(goprompt.Cyan),
		goprompt.OptionSuggestionTextColor(goprompt.White),
		goprompt.OptionSuggestionBGColor(goprompt.DarkGray),
		goprompt.OptionDescriptionTextColor(goprompt.LightGray),
		goprompt.OptionDescriptionBGColor(goprompt.Black),
		goprompt.OptionSelectedSuggestionTextColor(goprompt.Black),
		goprompt.OptionSelectedSuggestionBGColor(goprompt.Cyan),
		goprompt.OptionSelectedDescriptionTextColor(goprompt.Black),
		goprompt.OptionSelectedDescriptionBGColor(goprompt.Cyan),
		goprompt.OptionScrollbarBGColor(goprompt.Black),
		goprompt.OptionSetExitCheckerOnInput(func(string, bool) bool { return p.stopping() }),
		goprompt.OptionAddASCIICodeBind(p.acts()...),
		goprompt.OptionAddKeyBind(
			goprompt.KeyBind{Key: goprompt.Delete, Fn: goprompt.DeleteChar},
			goprompt.KeyBind{Key: goprompt.ControlC, Fn: p.dropped},
			goprompt.KeyBind{Key: goprompt.ControlR, Fn: p.startSearch},
			goprompt.KeyBind{Key: goprompt.Ignore, Fn: p.endSearch},
		),
	)
}

// A keySource hands keys to one go-prompt. After a panic the reader of that go-prompt keeps
// running, so dead is set to keep keys from it.
type keySource struct {
	*terminal
	dead atomic.Bool
}

// Read hands on the next key.
func (k *keySource) Read() ([]byte, error) {
	if k.dead.Load() {
		time.Sleep(time.Hour)
		return nil, errNothing
	}
	b, err := k.terminal.Read()
	if err == nil && k.dead.Load() {
		k.unread(string(b))
		return nil, errNothing
	}
	return b, err
}

// input lets go-prompt read a line. After some sequences of keys, which move its cursor beyond
// the end of a line of wide characters, go-prompt panics: then the line is lost, input returns
// false, and the session goes on.
func (p *Prompt) input() (line string, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			trace.Panic("the line editor", v)
			p.tty.TearDown()
			p.tty.write("\r\n\x1b[J")
			p.cfg.Above.Lose()
			p.build()
			p.last.text, p.last.list = "", nil
			line, ok = "", false
		}
	}()
	return p.gp.Input(), true
}

// complete is go-prompt's completer. go-prompt calls it twice for each key.
func (p *Prompt) complete(d goprompt.Document) []goprompt.Suggest {
	key := d.LastKeyStroke()
	pos := len(d.TextBeforeCursor())
	if d.Text == "" && key == goprompt.Escape {
		return nil // the first of the two calls, with which go-prompt clears its menu
	}
	p.sawKey(d)
	p.findHint(d)
	moving := key == goprompt.Tab || key == goprompt.BackTab || key == goprompt.Up || key == goprompt.Down
	if moving && d.Text == p.last.text && pos == p.last.pos && len(p.last.list) > 0 {
		return p.last.list // the selection is an index into this list
	}
	p.last.text, p.last.pos, p.last.list = d.Text, pos, nil
	more := 0
	switch {
	case p.tty.searches():
		p.last.list = p.matches(d.TextBeforeCursor())
	case p.opens(key, d.Text, d.TextBeforeCursor()):
		p.last.list, more = p.suggest(d.Text, pos)
	}
	p.layMenu(d, more)
	n := len(p.last.list)
	p.tty.setSuggestionCount(n, n > 0 && isPartial(p.last.list[n-1].Text))
	if n == 1 && key == goprompt.Tab && p.cfg.MenuOnTab {
		p.tty.again(keyTab) // the first Tab opened the menu, this one takes its only suggestion
	}
	return p.last.list
}

// stopping is go-prompt's exit checker: after every key it reports whether Input is to return.
func (p *Prompt) stopping() bool {
	if !p.tty.stopping() {
		return false
	}
	if p.tty.exitReasonIs(exitResize) {
		p.out.setMuted(true) // go-prompt would leave a copy of the line behind
	}
	return true
}

// translate returns the key that go-prompt must get for a typed key to do what a user expects,
// or "" for none. It may put further keys into the queue. t.mu is held.
func (t *terminal) translate(k string) string {
	if t.searching {
		k = t.searchKey(k)
		t.menu.key(k)
		return k
	}
	switch k {
	case keyEnter:
		if t.menu.selected() {
			k = keyWake // takes the suggestion and does not end the line
		}
	case keyDown, keyUp, keyCtrlN, keyCtrlP:
		k = t.vertical(k)
	case keyEscape:
		if t.menu.selected() { // first leave the menu without taking a suggestion
			t.queue = append(append(t.menu.wayOut(), keyEscape), t.queue...)
			k, t.queue = t.queue[0], t.queue[1:]
		}
	case keyTab:
		if t.menu.n == 1 && !t.menu.selected() && !t.menu.open {
			t.queue = append([]string{" "}, t.queue...)
		}
	case keyCtrlZ:
		t.reason = exitSuspend
		k = keyWake
	}
	if act := actOf()[k]; act != "" {
		k = actPrefix + act
	}
	t.menu.key(k)
	return k
}

// vertical translates the keys that go up and down: through the menu if one is open, otherwise
// through the history. Ctrl-P and Ctrl-N do not enter a menu. t.mu is held.
func (t *terminal) vertical(k string) string {
	up := k == keyUp || k == keyCtrlP
	arrow := k == keyUp || k == keyDown
	switch {
	case t.menu.selected() && up:
		return keyUp
	case t.menu.selected():
		return keyDown
	case t.menu.n > 0 && arrow && up:
		return keyBackTab
	case t.menu.n > 0 && arrow:
		return keyTab
	case up:
		return actPrefix + actOlder
	}
	return actPrefix + actNewer
}

// Sizes of the window. In fewer columns than minColumns, go-prompt panics or gives up.
const (
	minColumns  = 11   // beside the prefix
	manyRows    = 1000 // the rows that go-prompt is told of
	fallbackCol = 80   // if the terminal does not tell its size
)

// GetWinSize returns a size in which go-prompt can draw, which may be larger than the window.
func (t *terminal) GetWinSize() *goprompt.WinSize {
	_, cols := t.size()
	cols = min(max(cols, textWidth(t.prefix())+minColumns), 10000)
	return &goprompt.WinSize{Row: manyRows, Col: uint16(cols)}
}
