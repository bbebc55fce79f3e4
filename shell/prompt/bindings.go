package prompt

import (
	"strings"
	"sync"

	goprompt "github.com/c-bata/go-prompt"

	"smtpctl/completer/grammar"
	"smtpctl/shell/lineedit"
)

// A binding says what some keys do. An act is something that this package does for a key in
// place of go-prompt.
type binding struct {
	keys string   // the names of the keys, as help shows them, separated by commas
	sent []string // the bytes that terminals send for these keys
	act  string   // the name of the act; "" if go-prompt or translate handles the keys
	do   func(p *Prompt, buf *goprompt.Buffer)
}

// actPrefix is put before the name of an act to make the sequence that go-prompt gets for a
// key. The tokenizer never returns such a sequence, so that none can be typed or pasted.
const actPrefix = "\x1b]"

// Names of acts that are used outside bindings as well.
const (
	actOlder = "older"
	actNewer = "newer"
	actSet   = "set" // replaces the line by the one that the editor returned; it has no key
)

// bindings are all keys that do something, other than to insert a character.
var bindings = sync.OnceValue(func() []binding {
	return []binding{
		{"Tab", []string{keyTab}, "", nil},
		{"Shift-Tab", []string{keyBackTab}, "", nil},
		{"Enter", []string{keyEnter}, "", nil},
		{"Escape", []string{keyEscape}, "", nil},
		{"?", []string{keyHelp}, "", nil},
		{"Up", []string{keyUp}, "", nil},
		{"Down", []string{keyDown}, "", nil},
		{"Left, Ctrl-B", []string{keyLeft, "\x02"}, "", nil},
		{"Right, Ctrl-F", []string{keyRight, "\x06"}, "right", (*Prompt).right},
		{"Home, Ctrl-A", []string{"\x1b[H", "\x1b[1~", "\x1b[7~", "\x01"}, "home", (*Prompt).home},
		{"End, Ctrl-E", []string{"\x1b[F", "\x1b[4~", "\x1b[8~", "\x05"}, "end", (*Prompt).end},
		{"Backspace, Ctrl-H", []string{"\x7f", "\x08"}, "", nil},
		{"Delete", []string{"\x1b[3~"}, "", nil},
		{"Ctrl-C", []string{keyCtrlC}, "", nil},
		{"Ctrl-D", []string{keyCtrlD}, "", nil},
		{"Ctrl-L", []string{"\x0c"}, "", nil},
		{"Ctrl-R", []string{keyCtrlR}, "", nil},
		{"Ctrl-Z", []string{keyCtrlZ}, "", nil},
		{"Ctrl-P", []string{keyCtrlP}, actOlder, (*Prompt).older},
		{"Ctrl-N", []string{keyCtrlN}, actNewer, (*Prompt).newer},
		{"Alt-B, Ctrl-Left", []string{"\x1bb", keyWordLeft, "\x1b[1;3D"}, "word-left", edits(lineedit.WordLeft)},
		{"Alt-F, Ctrl-Right", []string{"\x1bf", keyWordRight, "\x1b[1;3C"}, "word-right", (*Prompt).wordRight},
		{"Ctrl-K", []string{"\x0b"}, "kill-to-end", edits(lineedit.KillToEnd)},
		{"Ctrl-U", []string{"\x15"}, "kill-to-start", edits(lineedit.KillToStart)},
		{"Ctrl-W", []string{"\x17"}, "kill-blank-left", edits(lineedit.KillBlankLeft)},
		{"Alt-D", []string{"\x1bd"}, "kill-word-right", edits(lineedit.KillWordRight)},
		{"Alt-Backspace", []string{"\x1b\x7f", "\x1b\x08"}, "kill-word-left", edits(lineedit.KillWordLeft)},
		{"Ctrl-Y", []string{"\x19"}, "yank", edits(lineedit.Yank)},
		{"Alt-Y", []string{"\x1by"}, "yank-older", edits(lineedit.YankOlder)},
		{"Ctrl-_, Ctrl-X Ctrl-U", []string{"\x1f", keyCtrlX + "\x15"}, "undo", edits(lineedit.Undo)},
		{"Ctrl-T", []string{"\x14"}, "swap-runes", edits(lineedit.SwapRunes)},
		{"Alt-T", []string{"\x1bt"}, "swap-words", edits(lineedit.SwapWords)},
		{"Alt-U", []string{"\x1bu"}, "upper-case", edits(lineedit.UpperCase)},
		{"Alt-L", []string{"\x1bl"}, "lower-case", edits(lineedit.LowerCase)},
		{"Alt-C", []string{"\x1bc"}, "capitalize", edits(lineedit.Capitalize)},
		{"Ctrl-X Ctrl-E", []string{keyCtrlX + "\x05"}, "edit", (*Prompt).editElsewhere},
		{"Alt-., Alt-_", []string{"\x1b.", "\x1b_"}, "last-word", edits(lineedit.LastWordOfOlder)},
	}
})

// Keys returns the names of all keys that do something other than to insert a character, such
// as Ctrl-R, as help shows them.
func Keys() []string {
	var out []string
	for _, b := range bindings() {
		out = append(out, strings.Split(b.keys, ", ")...)
	}
	return out
}

// actOf maps the bytes that a terminal sends for each bound key to the name of its act, or to
// "" if the key has none.
var actOf = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, b := range bindings() {
		for _, sent := range b.sent {
			out[sent] = b.act
		}
	}
	return out
})

// acts returns the acts, and the help for the ? key, in the form that go-prompt takes.
func (p *Prompt) acts() []goprompt.ASCIICodeBind {
	out := []goprompt.ASCIICodeBind{{ASCIICode: []byte(keyHelp), Fn: p.helpKey}}
	for _, b := range append([]binding{{act: actSet, do: (*Prompt).set}}, bindings()...) {
		if b.do != nil {
			out = append(out, goprompt.ASCIICodeBind{ASCIICode: []byte(actPrefix + b.act), Fn: func(buf *goprompt.Buffer) {
				b.do(p, buf)
				p.acted, p.lastAct = true, b.act
			}})
		}
	}
	return out
}

// sawKey is called after each key. It tells the editor about the line, and about a key that
// was not an act.
func (p *Prompt) sawKey(d goprompt.Document) {
	if !p.acted && d.LastKeyStroke() != goprompt.Ignore {
		p.editor.Other()
		p.lastAct = ""
	}
	p.acted = false
	p.editor.Saw(lineOf(&d))
}

// lineOf returns the line and the cursor of a document of go-prompt.
func lineOf(d *goprompt.Document) lineedit.Line {
	return lineedit.Line{Text: d.Text, At: len([]rune(d.TextBeforeCursor()))}
}

// edits returns an act that carries out a command of the line editor.
func edits(c lineedit.Command) func(*Prompt, *goprompt.Buffer) {
	return func(p *Prompt, buf *goprompt.Buffer) {
		setLine(buf, p.editor.Do(c, lineOf(buf.Document())))
	}
}

// right moves the cursor right; at the end of the line it takes the hint.
func (p *Prompt) right(buf *goprompt.Buffer) {
	if !p.takeHint(buf, false) {
		goprompt.GoRightChar(buf)
	}
}

func (p *Prompt) home(buf *goprompt.Buffer) {
	setLine(buf, lineedit.Line{Text: buf.Text()})
}

// end moves the cursor to the end of the line; there it takes the hint.
func (p *Prompt) end(buf *goprompt.Buffer) {
	if !p.takeHint(buf, false) {
		setLine(buf, lineedit.Line{Text: buf.Text(), At: len([]rune(buf.Text()))})
	}
}

// wordRight moves the cursor right by a word; at the end of the line it takes a word of the
// hint.
func (p *Prompt) wordRight(buf *goprompt.Buffer) {
	if !p.takeHint(buf, true) {
		edits(lineedit.WordRight)(p, buf)
	}
}

// setLine replaces the line and the cursor in a buffer of go-prompt.
func setLine(buf *goprompt.Buffer, l lineedit.Line) {
	now := lineOf(buf.Document())
	if now.Text != l.Text {
		all := len([]rune(now.Text))
		buf.CursorRight(all - now.At)
		buf.DeleteBeforeCursor(all)
		buf.InsertText(l.Text, false, true)
		now = lineedit.Line{Text: l.Text, At: len([]rune(l.Text))}
	}
	if now.At > l.At {
		buf.CursorLeft(now.At - l.At)
	} else if now.At < l.At {
		buf.CursorRight(l.At - now.At)
	}
}

// lastWord is lineedit.Editor.LastWord for the history of the prompt.
func (p *Prompt) lastWord(n int) (word string, ok bool) {
	i := len(p.history) - 1 - n
	if i < 0 {
		return "", false
	}
	return wordAtEnd(p.history[i]), true
}

// wordAtEnd returns the last word of a line with its quotes, or "" if the line has no words.
func wordAtEnd(line string) string {
	tokens := grammar.Scan(line)
	for i := len(tokens) - 1; i >= 0; i-- {
		if t := tokens[i]; t.Kind == grammar.TokenWord {
			return line[t.Start:t.End]
		}
	}
	return ""
}
