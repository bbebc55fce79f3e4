package lineedit

import (
	"strings"
	"testing"
	"unicode/utf8"

	"smtpctl/protocol/fulltest"
)

// at returns the line for a text in which a | stands for the cursor.
func at(text string) Line {
	before, after, _ := strings.Cut(text, "|")
	return Line{before + after, utf8.RuneCountInString(before)}
}

// shown is the inverse of at.
func shown(l Line) string {
	r := []rune(l.Text)
	return string(r[:l.At]) + "|" + string(r[l.At:])
}

// TestCommands compares the commands with results seen in bash 5.2.
func TestCommands(t *testing.T) {
	t.Parallel()
	older := []string{"from=a@b.example", "", "all", "all", "'x y'"}
	for _, tt := range []struct {
		line string
		do   []Command
		want string
	}{
		{"show queue from=a@b.example|", []Command{WordLeft}, "show queue from=a@b.|example"},
		{"|show queue", []Command{WordLeft}, "|show queue"},
		{"|show queue", []Command{WordRight}, "show| queue"},
		{"show |  queue", []Command{WordRight, WordRight}, "show   queue|"},
		{"show| queue", []Command{KillToEnd}, "show|"},
		{"show| queue", []Command{KillToStart}, "| queue"},
		{"show queue from=a@b.example |", []Command{KillBlankLeft}, "show queue |"},
		{"show queue from=a@b.example|", []Command{KillWordLeft}, "show queue from=a@b.|"},
		{"show| queue", []Command{KillWordRight}, "show|"},
		{"größe 日本| x", []Command{KillWordLeft, KillWordLeft}, "| x"},
		// Kills in succession make one text.
		{"a b c|", []Command{KillBlankLeft, KillBlankLeft, Yank}, "a b c|"},
		{"|a b c", []Command{KillWordRight, KillWordRight, Yank}, "a b| c"},
		{"a b| c d", []Command{KillToEnd, KillToStart, Yank}, "a b c d|"},
		{"a b|", []Command{KillBlankLeft, WordLeft, KillWordRight, Yank}, "a| "},
		{"a b|", []Command{KillBlankLeft, WordLeft, KillWordRight, Yank, YankOlder}, "b| "},
		{"a b|", []Command{KillBlankLeft, WordLeft, KillWordRight, Yank, YankOlder, YankOlder}, "a| "},
		{"a b|", []Command{KillBlankLeft, WordLeft, YankOlder}, "|a "},
		{"a b|", []Command{Yank}, "a b|"},
		{"a b|", []Command{KillToEnd, KillBlankLeft, Yank, Yank}, "a bb|"},
		{"a b|", []Command{KillBlankLeft, Undo}, "a b|"},
		{"a b|", []Command{KillBlankLeft, KillBlankLeft, Undo}, "a |"},
		{"a b|", []Command{KillBlankLeft, Yank, Undo, Undo, Undo, Undo}, "|"},
		{"ab|", []Command{SwapRunes}, "ba|"},
		{"|ab", []Command{SwapRunes}, "|ab"},
		{"a|b", []Command{SwapRunes}, "ba|"},
		{"日|本", []Command{SwapRunes}, "本日|"},
		{"a|", []Command{SwapRunes}, "a|"},
		{"|", []Command{SwapRunes, SwapWords, Capitalize, KillToEnd, Yank, YankOlder, Undo, LastWordOfOlder}, "from=a@b.example|"},
		{"show queue all|", []Command{SwapWords}, "show all queue|"},
		{"show qu|eue all", []Command{SwapWords}, "queue show| all"},
		{"show|", []Command{SwapWords}, "show|"},
		{"|show queue", []Command{UpperCase, Capitalize}, "SHOW Queue|"},
		{"|SHOW ÄQ", []Command{LowerCase, LowerCase}, "show äq|"},
		{"s|how", []Command{Capitalize}, "sHow|"},
		{"x |", []Command{LastWordOfOlder}, "x from=a@b.example|"},
		{"x |", []Command{LastWordOfOlder, LastWordOfOlder}, "x all|"},
		{"x |", []Command{LastWordOfOlder, LastWordOfOlder, LastWordOfOlder}, "x 'x y'|"},
		{"x |", []Command{LastWordOfOlder, LastWordOfOlder, LastWordOfOlder, LastWordOfOlder}, "x 'x y'|"},
		{"x |", []Command{LastWordOfOlder, WordLeft, LastWordOfOlder}, "x from=a@b.from=a@b.example|example"},
	} {
		e := &Editor{LastWord: func(n int) (string, bool) {
			if n >= len(older) {
				return "", false
			}
			return older[n], true
		}}
		l := at(tt.line)
		for _, c := range tt.do {
			l = e.Do(c, l)
		}
		if got := shown(l); got != tt.want {
			t.Errorf("%q, %v: %q, want %q", tt.line, tt.do, got, tt.want)
		}
	}
}

// TestUndoTyping undoes typed text word by word, and pasted text at once.
func TestUndoTyping(t *testing.T) {
	t.Parallel()
	var e Editor
	l := Line{}
	for _, r := range "show queue from" {
		l = Line{l.Text + string(r), l.At + 1}
		e.Saw(l)
	}
	l = Line{"pasted at once", 14}
	e.Saw(l)
	for _, want := range []string{"show queue from|", "show queue |", "show queue|", "show |", "show|", "|", "|"} {
		if l = e.Do(Undo, l); shown(l) != want {
			t.Errorf("%q, want %q", shown(l), want)
		}
	}
	e.Begin()
	if l = e.Do(Undo, at("new|")); shown(l) != "|" {
		t.Errorf("after a new line: %q", shown(l))
	}
}

// TestBounds checks that an Editor keeps no more than its limits allow.
func TestBounds(t *testing.T) {
	t.Parallel()
	var e Editor
	long := strings.Repeat("x ", 4<<10)
	for i := range fulltest.Of(3*maxUndo, maxUndo+1) {
		l := Line{long[:len(long)-2*(i%7)], 3}
		e.Do(KillWordRight, l)
		e.Other()
	}
	if len(e.ring) > maxRing || len(e.undo) > maxUndo || e.bytes > maxBytes+len(long) {
		t.Errorf("%d killed, %d states of %d bytes", len(e.ring), len(e.undo), e.bytes)
	}
	n := 0
	for _, l := range e.undo {
		n += len(l.Text)
	}
	if n != e.bytes {
		t.Errorf("%d bytes, counted %d", n, e.bytes)
	}
}

// FuzzEditor carries out random commands and checks that the cursor stays in the line, the
// text is valid UTF-8, and enough undos lead back to the empty line.
func FuzzEditor(f *testing.F) {
	f.Add("show queue from=日本 'x", []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21})
	f.Fuzz(func(t *testing.T, text string, do []byte) {
		if !utf8.ValidString(text) || len(do) > maxUndo/2 {
			return
		}
		e := Editor{LastWord: func(n int) (string, bool) { return "w", n < 3 }}
		l := Line{text, 0}
		e.Saw(l)
		for _, b := range do {
			switch c := Command(b % 20); {
			case c <= LastWordOfOlder:
				l = e.Do(c, l)
			case c == 16 && l.At > 0:
				l.At--
				e.Saw(l)
			case c == 17:
				e.Other()
			case c == 18:
				l = Line{l.Text + "z", utf8.RuneCountInString(l.Text) + 1}
				e.Saw(l)
			}
			if l.At < 0 || l.At > utf8.RuneCountInString(l.Text) || !utf8.ValidString(l.Text) {
				t.Fatalf("%d of %q", l.At, l.Text)
			}
			if len(l.Text) > 64<<10 {
				return
			}
		}
		for range 2*len(do) + 2 {
			l = e.Do(Undo, l)
		}
		if l.Text != "" {
			t.Fatalf("undone to %q", l.Text)
		}
	})
}
