package prompt

import (
	"bytes"
	"sync/atomic"
	"time"

	goprompt "github.com/c-bata/go-prompt"

	"smtpctl/shell/trace"
)

// This file is all that the package knows of the inside of go-prompt 0.2.6, whose last
// commit is of 2021; library_test.go holds each fact against the library itself.
//
// Input reads one line. While it does, two loops run, each of which looks every 10 ms:
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
// The menu is a state beside that:
//
//	            Tab, BackTab (also Down and Up once selected)
//	nothing ----------------------------------------------------> selected 1..n
//	selected   <------------------------------------------------
//	    any other key: takes the selected suggestion for the word before the cursor,
//	    then does what the key does. Enter so takes it and ends the line.
//
// What follows from it, and what the rest of the package does about it:
//   - the terminal hands on one key at a time, none after an Enter until the next Setup,
//     and none before the last was drawn (terminal.go);
//   - keyWake makes it complete and draw without a key; with a suggestion selected it
//     takes that, so Enter is turned into keyWake then (translate);
//   - the list of suggestions must not shrink while one is selected: it panics (complete);
//   - it does not tell what is selected: menu follows the keys;
//   - it draws the menu below the row of the cursor, over what is left of a long line, so
//     the writer moves that down, and adds a row of its own (menurow.go);
//   - a window that is too narrow makes it panic or give up: GetWinSize tells a larger one.

// keyWake is a key that go-prompt knows and does nothing for; it completes and draws.
const keyWake = "\x1b[E"

// known returns a key that go-prompt knows, or nothing.
func known(seq []byte) string {
	for _, k := range goprompt.ASCIISequences {
		if k.Key != goprompt.Ignore && bytes.Equal(k.ASCIICode, seq) {
			return string(seq)
		}
	}
	return ""
}

// build makes a new go-prompt, in the place of the one there may have been.
func (p *Prompt) build() {
	if p.keys != nil {
		p.keys.dead.Store(true)
	}
	p.keys = &keySource{terminal: p.tty}
	p.gp = goprompt.New(func(string) {}, p.complete,
		goprompt.OptionParser(p.keys),
		goprompt.OptionWriter(p.out),
		goprompt.OptionLivePrefix(func() (string, bool) { return p.prefix(), true }),
		goprompt.OptionCompletionWordSeparator(betweenWords),
		goprompt.OptionMaxSuggestion(uint16(menuRows)),
		goprompt.OptionHistory(p.history),
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
		goprompt.OptionAddASCIICodeBind(goprompt.ASCIICodeBind{ASCIICode: []byte(keyHelp), Fn: p.helpKey}),
		goprompt.OptionAddKeyBind(
			goprompt.KeyBind{Key: goprompt.ControlLeft, Fn: goprompt.GoLeftWord},
			goprompt.KeyBind{Key: goprompt.ControlRight, Fn: goprompt.GoRightWord},
			goprompt.KeyBind{Key: goprompt.Home, Fn: goprompt.GoLineBeginning},
			goprompt.KeyBind{Key: goprompt.End, Fn: goprompt.GoLineEnd},
			goprompt.KeyBind{Key: goprompt.Delete, Fn: goprompt.DeleteChar},
			goprompt.KeyBind{Key: goprompt.ControlR, Fn: p.startSearch},
			goprompt.KeyBind{Key: goprompt.Ignore, Fn: p.endSearch},
		),
	)
}

// A keySource is what one go-prompt reads keys from. After a panic go-prompt's
// reader lives on; it gets no more keys then.
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

// input lets go-prompt read a line. Some sequences of keys make it panic, when
// its cursor has got beyond the end of a line of wide characters: then the line
// is lost, but not the session.
func (p *Prompt) input() (line string, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			trace.Panic("the line editor", v)
			p.tty.TearDown()
			p.tty.write("\r\n\x1b[J")
			p.build()
			p.last.text, p.last.list = "", nil
			line, ok = "", false
		}
	}()
	return p.gp.Input(), true
}

// complete is go-prompt's completer, called twice for each key.
func (p *Prompt) complete(d goprompt.Document) []goprompt.Suggest {
	key := d.LastKeyStroke()
	pos := len(d.TextBeforeCursor())
	if d.Text == "" && key == goprompt.Escape {
		return nil // go-prompt clears its menu before it asks for a new one
	}
	moving := key == goprompt.Tab || key == goprompt.BackTab || key == goprompt.Up || key == goprompt.Down
	if moving && d.Text == p.last.text && pos == p.last.pos && len(p.last.list) > 0 {
		return p.last.list // the selection counts on it
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
		p.tty.again(keyTab) // it opened the menu, and is to take what alone is in it
	}
	return p.last.list
}

// stopping is asked after every key whether Input is to return.
func (p *Prompt) stopping() bool {
	if !p.tty.stopping() {
		return false
	}
	if p.tty.exitReasonIs(exitResize) {
		p.out.setMuted(true) // go-prompt would leave a copy of the line behind
	}
	return true
}

// translate turns keys into what go-prompt needs to see for them to do what a
// person expects.
func (t *terminal) translate(k string) string {
	if t.searching {
		k = t.searchKey(k)
		t.menu.key(k)
		return k
	}
	switch k {
	case keyEnter:
		if t.menu.selected() {
			k = keyWake // accepts the suggestion
		}
	case keyDown, keyUp:
		if t.menu.n > 0 && !t.menu.selected() { // enters the menu, from above or below
			k = map[string]string{keyDown: keyTab, keyUp: keyBackTab}[k]
		}
	case keyEscape:
		if t.menu.selected() { // first go back to the line, taking nothing
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
	t.menu.key(k)
	return k
}

// Sizes that go-prompt can draw in: it panics or gives up below.
const (
	minColumns  = 11 // besides the prefix
	manyRows    = 1000
	fallbackCol = 80
)

// GetWinSize returns a size that go-prompt can draw in.
func (t *terminal) GetWinSize() *goprompt.WinSize {
	_, cols := t.size()
	cols = min(max(cols, textWidth(t.prefix())+minColumns), 10000)
	return &goprompt.WinSize{Row: manyRows, Col: uint16(cols)}
}
