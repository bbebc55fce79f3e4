// Package lineedit edits a line with the commands of readline. It keeps the killed texts for
// yank, and earlier states of the line for undo. It knows neither keys nor a screen.
package lineedit

import (
	"slices"
	"unicode"
)

// Limits of what an Editor keeps.
const (
	maxRing  = 32      // killed texts
	maxUndo  = 1000    // states of a line
	maxBytes = 4 << 20 // bytes in all these states together
)

// A Line is a line with a cursor. At is the number of runes before the cursor.
type Line struct {
	Text string
	At   int
}

// A Command changes a line or moves its cursor.
type Command int

// The commands, with their names in readline. Words consist of letters and digits, except for
// KillBlankLeft.
const (
	WordLeft        Command = iota // backward-word
	WordRight                      // forward-word
	KillToEnd                      // kill-line
	KillToStart                    // unix-line-discard
	KillBlankLeft                  // unix-word-rubout: the word ends at a blank
	KillWordLeft                   // backward-kill-word
	KillWordRight                  // kill-word
	Yank                           // yank
	YankOlder                      // yank-pop: only after Yank
	Undo                           // undo
	SwapRunes                      // transpose-chars
	SwapWords                      // transpose-words
	UpperCase                      // upcase-word
	LowerCase                      // downcase-word
	Capitalize                     // capitalize-word
	LastWordOfOlder                // yank-last-arg
)

// An Editor edits one line after another. The zero value is ready to use. An Editor must not
// be used from several goroutines at once.
type Editor struct {
	// LastWord returns the last word of a line of the history, or "" for a line without
	// words. The newest line has n 0, the one before it n 1. ok is false if there is no line
	// n. If LastWord is nil, LastWordOfOlder does nothing.
	LastWord func(n int) (word string, ok bool)

	ring   []string // the killed texts, the oldest first
	undo   []Line   // earlier states of the line, the oldest first
	bytes  int      // the length of all texts in undo
	seen   Line     // the line as the editor knows it
	typing bool     // the last change was a typed rune of a word

	last     Command // the last command that Do carried out
	fresh    bool    // no other key came after last, so that the next command may continue it
	from, to int     // the part of the line that Yank or LastWordOfOlder inserted, in runes
	turn     int     // how far YankOlder and LastWordOfOlder went back
}

// Begin begins a new, empty line. The states for undo are dropped, the killed texts kept.
func (e *Editor) Begin() {
	e.undo, e.bytes, e.seen, e.typing, e.fresh = nil, 0, Line{}, false, false
}

// Saw tells the editor the present state of the line, so that changes made without Do can be
// undone. It must be called after each such change, and may be called at any time.
func (e *Editor) Saw(l Line) {
	if l.Text == e.seen.Text {
		if l.At != e.seen.At {
			e.seen.At, e.typing, e.fresh = l.At, false, false
		}
		return
	}
	typed := typedWord(e.seen, l)
	if !typed || !e.typing {
		e.push(e.seen)
	}
	e.seen, e.typing, e.fresh = l, typed, false
}

// Other tells the editor that a key was pressed which is no command, so that the next command
// does not continue the last one: kills are not joined, and YankOlder does nothing.
func (e *Editor) Other() { e.fresh = false }

// typedWord reports whether the only change from before to after is one typed rune that is
// not a blank.
func typedWord(before, after Line) bool {
	a, b := []rune(before.Text), []rune(after.Text)
	at := before.At
	return len(b) == len(a)+1 && at < len(b) && after.At == at+1 && !unicode.IsSpace(b[at]) &&
		slices.Equal(a[:at], b[:at]) && slices.Equal(a[at:], b[at+1:])
}

// push keeps a state of the line for undo, and drops the oldest states beyond the limits.
func (e *Editor) push(l Line) {
	e.undo = append(e.undo, l)
	e.bytes += len(l.Text)
	for len(e.undo) > maxUndo || e.bytes > maxBytes && len(e.undo) > 1 {
		e.bytes -= len(e.undo[0].Text)
		e.undo = e.undo[1:]
	}
}

// Do carries out a command on a line, and returns the new line. A cursor beyond an end of the
// line counts as being at that end. A command that has nothing to do returns the line as it is.
func (e *Editor) Do(c Command, l Line) Line {
	text := []rune(l.Text)
	l.At = min(max(l.At, 0), len(text))
	e.Saw(l)
	goesOn := e.fresh // the command may continue the last one
	if c == Undo {
		if n := len(e.undo); n > 0 {
			l = e.undo[n-1]
			e.undo = e.undo[:n-1]
			e.bytes -= len(l.Text)
		}
		e.seen, e.typing, e.fresh = l, false, false
		return l
	}
	last := e.last
	e.last = c
	switch c {
	case WordLeft:
		l.At = wordLeft(text, l.At)
	case WordRight:
		l.At = WordEnd(text, l.At)
	case KillToEnd, KillToStart, KillBlankLeft, KillWordLeft, KillWordRight:
		l = e.kill(c, text, l.At, goesOn && kills(last))
	case Yank:
		if n := len(e.ring); n > 0 {
			e.turn = 0
			l = e.put(text, l.At, l.At, e.ring[n-1])
		}
	case YankOlder:
		if n := len(e.ring); goesOn && n > 0 && (last == Yank || last == YankOlder) {
			e.turn = (e.turn + 1) % n
			l = e.put(text, e.from, e.to, e.ring[n-1-e.turn])
		} else {
			e.last = last
			return l
		}
	case LastWordOfOlder:
		l = e.lastWord(l, text, goesOn && last == c)
	case SwapRunes:
		l = swapRunes(l, text)
	case SwapWords:
		l = swapWords(l, text)
	case UpperCase, LowerCase, Capitalize:
		l = changeCase(c, text, l.At)
	}
	// A first kill that killed nothing has no text to which the next kill could be joined.
	fresh := !kills(c) || l.Text != e.seen.Text || goesOn && kills(last)
	e.Saw(l)
	e.fresh = fresh
	return l
}

// kills reports whether a command kills text, which goes into the ring.
func kills(c Command) bool { return c >= KillToEnd && c <= KillWordRight }

// kill removes the text that command c kills and keeps it in the ring. If joins, the text is
// joined to the last one in the ring, as kills in succession are.
func (e *Editor) kill(c Command, text []rune, at int, joins bool) Line {
	from, to := at, at
	switch c {
	case KillToEnd:
		to = len(text)
	case KillToStart:
		from = 0
	case KillBlankLeft:
		from = blankLeft(text, at)
	case KillWordLeft:
		from = wordLeft(text, at)
	case KillWordRight:
		to = WordEnd(text, at)
	}
	killed := string(text[from:to])
	n := len(e.ring)
	switch {
	case killed == "":
	case joins && n > 0 && to > at:
		e.ring[n-1] += killed
	case joins && n > 0:
		e.ring[n-1] = killed + e.ring[n-1]
	default:
		e.ring = append(e.ring, killed)
		if len(e.ring) > maxRing {
			e.ring = e.ring[1:]
		}
	}
	return Line{string(text[:from]) + string(text[to:]), from}
}

// put replaces the part of the line between two positions, in runes, by a text.
func (e *Editor) put(text []rune, from, to int, s string) Line {
	from = min(from, len(text))
	to = min(max(to, from), len(text))
	e.from, e.to = from, from+len([]rune(s))
	return Line{string(text[:from]) + s + string(text[to:]), e.to}
}

// lastWord inserts the last word of the newest line of the history. If again, it replaces the
// word that the previous call inserted by one of an older line. Lines without words, and the
// word that already stands there, are passed over.
func (e *Editor) lastWord(l Line, text []rune, again bool) Line {
	from, to, turn := l.At, l.At, 0
	if again {
		from, to, turn = e.from, e.to, e.turn
	}
	for e.LastWord != nil {
		word, ok := e.LastWord(turn)
		if !ok {
			break
		}
		turn++
		if word != "" && !(again && word == string(text[from:min(to, len(text))])) {
			e.turn = turn
			return e.put(text, from, to, word)
		}
	}
	if !again {
		e.from, e.to, e.turn = l.At, l.At, turn
	}
	return l
}

// inWord reports whether a rune belongs to a word, for all commands except KillBlankLeft.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// wordLeft returns the start of the word that is before or around position at, in runes.
func wordLeft(text []rune, at int) int {
	for at > 0 && !inWord(text[at-1]) {
		at--
	}
	for at > 0 && inWord(text[at-1]) {
		at--
	}
	return at
}

// WordEnd returns the end of the word that is after or around position at, in runes, or
// len(text) if there is none.
func WordEnd(text []rune, at int) int {
	for at < len(text) && !inWord(text[at]) {
		at++
	}
	for at < len(text) && inWord(text[at]) {
		at++
	}
	return at
}

// blankLeft is wordLeft for words that are separated by blanks only.
func blankLeft(text []rune, at int) int {
	for at > 0 && unicode.IsSpace(text[at-1]) {
		at--
	}
	for at > 0 && !unicode.IsSpace(text[at-1]) {
		at--
	}
	return at
}

// swapRunes exchanges the runes on both sides of the cursor or, at the end of the line, the
// last two.
func swapRunes(l Line, text []rune) Line {
	at := l.At
	if at == len(text) {
		at--
	}
	if at < 1 {
		return l
	}
	text[at-1], text[at] = text[at], text[at-1]
	return Line{string(text), at + 1}
}

// swapWords exchanges the word at or after the cursor with the word before it or, at the end
// of the line, the last two words.
func swapWords(l Line, text []rune) Line {
	second := wordLeft(text, WordEnd(text, l.At))
	first := wordLeft(text, second)
	end, middle := WordEnd(text, second), WordEnd(text, first)
	if first == second || second < middle {
		return l
	}
	out := string(text[:first]) + string(text[second:end]) + string(text[middle:second]) + string(text[first:middle]) + string(text[end:])
	return Line{out, end}
}

// changeCase changes the case of the letters from the cursor to the end of the word.
func changeCase(c Command, text []rune, at int) Line {
	end := WordEnd(text, at)
	first := true
	for i := at; i < end; i++ {
		if !inWord(text[i]) {
			continue
		}
		if c == UpperCase || c == Capitalize && first {
			text[i] = unicode.ToUpper(text[i])
		} else {
			text[i] = unicode.ToLower(text[i])
		}
		first = false
	}
	return Line{string(text), end}
}
