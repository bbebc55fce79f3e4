package prompt

import (
	"sync"
	"testing"

	goprompt "github.com/c-bata/go-prompt"
)

// A columnWriter follows the column of the cursor in a line that fits into one row.
type columnWriter struct {
	benchWriter
	column int
	at     func(text string, column int) // is told where each text is written
}

func (w *columnWriter) WriteStr(s string) {
	w.at(s, w.column)
	w.column += textWidth(s)
	if len(s) > 0 && s[len(s)-1] == '\n' {
		w.column = 0
	}
	w.benchWriter.WriteStr(s)
}

func (w *columnWriter) CursorBackward(n int) {
	w.column = max(0, w.column-n)
	w.benchWriter.CursorBackward(n)
}

func (w *columnWriter) CursorForward(n int) { w.column += n }

// TestPrefixChanges has the prefix change whenever somebody asks for it, as live values do while
// the line is drawn: each drawing begins at the first column and has one prefix.
func TestPrefixChanges(t *testing.T) {
	if !inTerminal(t) {
		return
	}
	for _, keys := range [][]string{{}, {"a"}, {"a", "b", "\x7f", keyLeft, keyWake, "c"}, {"a", keyCtrlC, "b"}, {keyWake, keyWake, keyWake}} {
		asked := 0
		tty := &terminal{wakeR: -1, wakeW: -1, hold: true, prefix: func() string {
			asked++
			return []string{"vm> ", "vm [mta paused]> ", "a.long.name.example [no answer]> ", "> "}[asked%4]
		}}
		tty.drawn = sync.NewCond(&tty.mu)
		screen := &columnWriter{}
		w := newWriter(tty, false)
		w.screen, w.ConsoleWriter, w.room.above = screen, screen, NewAbove()
		b := newBench(t, goprompt.OptionWriter(w), goprompt.OptionLivePrefix(func() (string, bool) { return w.drawn, true }))
		screen.benchWriter = benchWriter{goprompt.NewStderrWriter(), b}
		prefixes := 0
		screen.at = func(text string, column int) {
			if text == w.drawn {
				prefixes++
				if column != 0 {
					t.Errorf("%q: the prefix %q is drawn at column %d", keys, text, column)
				}
			}
		}
		for range 3 {
			b.line(keys...)
		}
		if least := 3 * (len(keys) + 2); prefixes < least {
			t.Errorf("%q: %d prefixes drawn, want %d or more", keys, prefixes, least)
		}
	}
}
